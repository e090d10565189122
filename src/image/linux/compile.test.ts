import test from 'ava';
import { addedWarnings } from './compile.ts';

test('a warning counts as added if it stands in a touched file and the unpatched source does not have it', t => {
	const before = [
		'  CC      arch/arm64/kvm/pmu-emul.o',
		"../source/arch/arm64/kvm/pmu-emul.c:10:5: warning: unused variable 'old'",
		"../source/arch/arm64/kvm/arm.c:1:1: warning: unused variable 'x'",
	].join('\n');
	const after = [
		"../source/arch/arm64/kvm/pmu-emul.c:14:5: warning: unused variable 'old'",
		"/mnt/source/arch/arm64/kvm/pmu-emul.c:20:9: warning: unused variable 'entry'",
		"/mnt/source/arch/arm64/kvm/pmu-emul.c:29:9: warning: unused variable 'entry'",
		"../source/arch/arm64/kvm/arm.c:2:1: warning: unused variable 'y'",
	].join('\n');
	t.deepEqual(addedWarnings(before, after, ['arch/arm64/kvm/pmu-emul.c']), [
		"arch/arm64/kvm/pmu-emul.c:29:9: warning: unused variable 'entry'",
	]);
	t.deepEqual(addedWarnings(after, after, ['arch/arm64/kvm/pmu-emul.c', 'arch/arm64/kvm/arm.c']), []);
});
