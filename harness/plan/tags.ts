import { type HostFacts, hostModel } from '../../src/pmu/index.ts';
import { shapesOf } from './groups.ts';

/**
 * What a host is, in words that schedulers of labs take as tags, labels or features: letters, digits, `.`, `_` and `-`. The
 * topologies that it is like, its CPUs' PMUs, its kernel, the GICs that KVM offers, and `kvm` if guests can run. Pure.
 */
export function tagsOf(facts: HostFacts): string[] {
	const model = hostModel(facts);
	const { kernel, kvm, other, simulated } = facts;
	const isArm = kernel.machine === 'aarch64';
	const [, release = ''] = /^(\d+\.\d+)/.exec(kernel.release) ?? [];
	const tags = [
		kernel.machine,
		...(isArm && kvm.usable === 'yes' ? ['kvm'] : []),
		...(isArm && kvm.pmuV3 === 'yes' ? ['kvm-pmu'] : []),
		...(isArm && kvm.setPmu === 'yes' ? ['kvm-set-pmu'] : []),
		...(isArm ? shapesOf(model) : []),
		...model.pmus.map(({ name }) => name),
		...(release === '' ? [] : [`linux-${release}`]),
		...(other.gic ?? '').split(' ').flatMap(version => (version === '' ? [] : [`gic${version}`])),
		...(other.nested === 'yes' ? ['nested'] : []),
		...(simulated.length > 0 ? ['simulated'] : []),
	];
	return [...new Set(tags.map(tag => tag.replaceAll(/[^\w.-]+/g, '_')))];
}
