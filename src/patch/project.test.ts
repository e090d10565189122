import test from 'ava';
import { kernelUseOf, projectOf, projectOfPaths } from './project.ts';

const diffOf = (name: string) => `--- a/${name}\n+++ b/${name}\n@@ -1 +1 @@\n-a\n+b\n`;

test('a patch says by its paths whether it is for Linux or QEMU', t => {
	t.is(projectOf([diffOf('arch/arm64/kvm/pmu-emul.c')]), 'linux');
	t.is(projectOf([`Subject: x\r\n\r\n${diffOf('include/kvm/arm_pmu.h').replaceAll('\n', '\r\n')}`]), 'linux');
	t.is(projectOf([diffOf('target/arm/kvm.c'), diffOf('docs/about.rst')]), 'qemu');
	t.is(projectOf([diffOf('README')]), undefined);
	t.is(projectOf([diffOf('arch/arm64/kvm/arm.c'), diffOf('hw/arm/virt.c')]), undefined);
	t.is(projectOfPaths(['libvirt/x.c']), undefined);
});

test("KVM's side and PMU drivers are the board's kernel; anything else is both", t => {
	t.is(kernelUseOf(['arch/arm64/kvm/arm.c', 'arch/arm64/include/asm/kvm_host.h', 'include/kvm/arm_pmu.h']), 'board');
	t.is(kernelUseOf(['arch/arm64/include/uapi/asm/kvm.h', 'Documentation/virt/kvm/devices/vcpu.rst']), 'board');
	t.is(kernelUseOf(['drivers/perf/arm_pmuv3.c', 'tools/testing/selftests/kvm/arm64/x.c']), 'board');
	t.is(kernelUseOf(['drivers/perf/arm_pmuv3.c', 'kernel/events/core.c']), 'both');
	t.is(kernelUseOf(['arch/arm64/kernel/entry.S']), 'both');
});
