import test from 'ava';
import { newWarnings } from './warnings.ts';

const before = [
	'[1/9] Compiling C object a.c.o',
	"../source/hw/arm/virt.c:10:5: warning: unused variable 'a' [-Wunused-variable]",
	"../source/include/x.h:3:1: warning: 'f' is deprecated [-Wdeprecated]",
	"../source/include/x.h:3:1: warning: 'f' is deprecated [-Wdeprecated]",
	'',
].join('\n');

test('a warning is new if no earlier build has it in that file, on any line', t => {
	const moved = "../source/hw/arm/virt.c:14:5: warning: unused variable 'a' [-Wunused-variable]";
	t.deepEqual(newWarnings([before], moved), []);
	const more = `${moved}\n../source/target/arm/kvm.c:7:9: warning: unused variable 'b' [-Wunused-variable]\nnoise`;
	t.deepEqual(newWarnings([before], more), ["target/arm/kvm.c:7:9: warning: unused variable 'b' [-Wunused-variable]"]);
	t.deepEqual(newWarnings([before, more], more), []);
});

test('a second warning with the same text in a file is new', t => {
	const lines = [10, 20].map(
		line => `../source/hw/arm/virt.c:${line}:5: warning: unused variable 'a' [-Wunused-variable]`,
	);
	t.deepEqual(newWarnings([before], lines.join('\n')), [
		"hw/arm/virt.c:20:5: warning: unused variable 'a' [-Wunused-variable]",
	]);
	t.deepEqual(newWarnings([before], [lines[0], lines[0]].join('\n')), []);
});
