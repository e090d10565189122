/** A build of the posted series that is wrong in one thing. */
export interface WrongBuild {
	readonly name: string;
	/** What it gets wrong. */
	readonly about: string;
	/** In target/arm/kvm.c: text that stands there once, and what stands there instead. */
	readonly edits: readonly (readonly [from: string, to: string])[];
}

const options = {
	explicit: `    if (explicit_type <= UINT32_MAX) {
        *type = explicit_type;
        return PMU_EVENT_SOURCE;
    }
`,
	capability: `    if (!kvm_check_extension(kvm_state, KVM_CAP_ARM_PMU_V3)) {
        return PMU_NONE;
    }
`,
	backcompat: `    if (backcompat) {
        return PMU_DEFAULT;
    }
`,
	fixed: `    if (kvm_device_check_attr(fdarray[2], KVM_ARM_VCPU_PMU_V3_CTRL,
                                KVM_ARM_VCPU_PMU_V3_FIXED_COUNTERS_ONLY)) {
        pmu = PMU_FIXED_COUNTERS_ONLY;
        goto out;
    }
`,
} as const;
const possible = '"/sys/devices/system/cpu/possible"';
const isBetter = 'if (link && strcmp(link, buf) <= 0) {';
const holes = `        if (*list == ',') {
            list++;
        }
    }

    return true;`;
const typeFile = '!read_pmu_attr(devices_fd, ent, "type", &buf, &n) ||';
const cpusFile =
	'!read_pmu_attr(devices_fd, ent, "cpus", &buf, &n) ||\n                !parse_cpus(buf, &pmu_cpus, &npmu_cpus)';
const covers = `            if (bitmap_andnot(pmu_cpus, possible_cpus, pmu_cpus,
                              npossible_cpus)) {
                continue;
            }
`;
const search =
	'if (kvm_device_check_attr(fdarray[2], KVM_ARM_VCPU_PMU_V3_CTRL,\n                              KVM_ARM_VCPU_PMU_V3_SET_PMU)) {';
const onceVcpu = `    if (cpu->has_pmu) {
        ret = set_pmu(cs->kvm_fd, pmu, pmu_effective_event_source);`;

/** One for each fact that decides, each order of two rules, and each place where the choice is applied. */
export const wrongBuilds: readonly WrongBuild[] = [
	{
		name: 'online',
		about: 'reads online CPUs for possible ones',
		edits: [[possible, '"/sys/devices/system/cpu/online"']],
	},
	{
		name: 'present',
		about: 'reads present CPUs for possible ones',
		edits: [[possible, '"/sys/devices/system/cpu/present"']],
	},
	{
		name: 'cpumask',
		about: 'reads cpumask for cpus',
		edits: [[cpusFile, cpusFile.replace('"cpus"', '"cpumask"')]],
	},
	{
		name: 'first-range',
		about: 'takes a list of CPUs for its first range',
		edits: [[holes, holes.replace('list++;', 'break;')]],
	},
	{
		name: 'hull',
		about: 'ignores holes in lists of CPUs',
		edits: [['bitmap_set(*bitmap, start, end - start);', 'bitmap_set(*bitmap, 0, end);']],
	},
	{
		name: 'first-word',
		about: 'compares the first 64 CPUs alone',
		edits: [[covers, covers.replace('npossible_cpus)', 'MIN(npossible_cpus, 64))')]],
	},
	{
		name: 'any-cpu',
		about: 'takes an event source that covers some CPU',
		edits: [
			[
				covers,
				covers
					.replace(
						'if (bitmap_andnot(',
						'if (!bitmap_intersects(possible_cpus, pmu_cpus, npossible_cpus) || (false && bitmap_andnot(',
					)
					.replace('npossible_cpus)) {', 'npossible_cpus))) {'),
			],
		],
	},
	{
		name: 'within',
		about: 'takes an event source within the possible CPUs',
		edits: [[covers, covers.replace('pmu_cpus, possible_cpus, pmu_cpus', 'pmu_cpus, pmu_cpus, possible_cpus')]],
	},
	{
		name: 'type-without-set-pmu',
		about: 'demands a type where KVM has no SET_PMU',
		edits: [
			[
				'if (!read_pmu_attr(devices_fd, ent, "cpus", &buf, &n) ||',
				'if (!read_pmu_attr(devices_fd, ent, "type", &buf, &n) || !read_pmu_attr(devices_fd, ent, "cpus", &buf, &n) ||',
			],
		],
	},
	{
		name: 'fixed-without-set-pmu',
		about: 'takes fixed counters only where KVM has no SET_PMU',
		edits: [
			[
				'        if (link) {\n            pmu = PMU_EVENT_SOURCE;\n            goto out;\n        }',
				'        pmu = link ? PMU_EVENT_SOURCE : PMU_NONE;\n        goto out;',
			],
		],
	},
	{ name: 'first-of-folder', about: 'takes the first of the folder', edits: [[isBetter, 'if (link) {']] },
	{ name: 'last-of-folder', about: 'takes the last of the folder', edits: [[isBetter, 'if (false) {']] },
	{ name: 'largest-path', about: 'takes the largest device path', edits: [[isBetter, isBetter.replace('<=', '>=')]] },
	{ name: 'lowest-type', about: 'takes the lowest type', edits: [[isBetter, 'if (link && *type <= new_type) {']] },
	{
		name: 'ignores-case',
		about: 'orders device paths without regard to case',
		edits: [[isBetter, isBetter.replace('strcmp', 'strcasecmp')]],
	},
	{
		name: 'shortest-path',
		about: 'takes the shortest device path',
		edits: [[isBetter, 'if (link && strlen(link) <= strlen(buf)) {']],
	},
	{
		name: 'by-name',
		about: 'orders by name, not by device path',
		edits: [[isBetter, "if (link && strcmp(strrchr(link, '/'), strrchr(buf, '/')) <= 0) {"]],
	},
	{
		name: 'decimal-type',
		about: 'reads types as decimal numbers only',
		edits: [['qemu_strtoul(buf, &endptr, 0, &new_type)', 'qemu_strtoul(buf, &endptr, 10, &new_type)']],
	},
	{
		name: 'any-type-text',
		about: 'takes an event source whose type cannot be read',
		edits: [
			[typeFile, 'false ||'],
			[
				'qemu_strtoul(buf, &endptr, 0, &new_type) == -EINVAL ||',
				'(read_pmu_attr(devices_fd, ent, "type", &buf, &n) ? qemu_strtoul(buf, &endptr, 0, &new_type) == -EINVAL : (endptr = "", new_type = 10, 0)) ||',
			],
		],
	},
	{
		name: 'signed-type',
		about: 'takes types from 2^31 on for unset',
		edits: [['explicit_type <= UINT32_MAX', 'explicit_type <= INT32_MAX']],
	},
	{
		name: 'zero-is-unset',
		about: 'takes pmu=0 for unset',
		edits: [['explicit_type <= UINT32_MAX', 'explicit_type && explicit_type <= UINT32_MAX']],
	},
	{ name: 'ignores-pmu', about: 'ignores pmu=', edits: [[options.explicit, '']] },
	{
		name: 'backcompat-before-pmu',
		about: 'lets backcompat-pmu decide before pmu=',
		edits: [[options.explicit, `${options.backcompat}${options.explicit}`]],
	},
	{ name: 'ignores-backcompat', about: 'ignores backcompat-pmu', edits: [[options.backcompat, '']] },
	{
		name: 'backcompat-before-capability',
		about: 'lets backcompat-pmu decide before KVM is asked for a PMU',
		edits: [[options.capability, `${options.backcompat}${options.capability}`]],
	},
	{ name: 'ignores-capability', about: 'does not ask KVM for a PMU', edits: [[options.capability, '']] },
	{
		name: 'fixed-before-source',
		about: 'takes fixed counters before an event source',
		edits: [
			[
				`    if (kvm_device_check_attr(fdarray[2], KVM_ARM_VCPU_PMU_V3_CTRL,
                              KVM_ARM_VCPU_PMU_V3_SET_PMU)) {`,
				`${options.fixed}
    ${search}`,
			],
		],
	},
	{ name: 'no-fixed', about: 'never takes fixed counters', edits: [[options.fixed, '']] },
	{
		name: 'default-for-fixed',
		about: "leaves KVM's default where no event source covers all CPUs",
		edits: [
			[
				options.fixed,
				`    pmu = PMU_DEFAULT;
    goto out;
`,
			],
		],
	},
	{
		name: 'set-pmu-assumed',
		about: 'does not ask KVM for SET_PMU',
		edits: [[search, 'if (true) {']],
	},
	{
		name: 'default-is-none',
		about: 'takes no PMU where KVM has no SET_PMU and one event source covers all CPUs',
		edits: [['pmu = PMU_DEFAULT;\n                goto out;', 'pmu = PMU_NONE;\n                goto out;']],
	},
	{
		name: 'first-vcpu-only',
		about: 'sets the event source on the first vCPU alone',
		edits: [[onceVcpu, onceVcpu.replace('cpu->has_pmu', 'cpu->has_pmu && cs->cpu_index == 0')]],
	},
	{
		name: 'ignores-refusal',
		about: 'goes on where KVM refuses the event source',
		edits: [
			[
				`${onceVcpu}
        if (ret) {
            return ret;
        }`,
				`${onceVcpu}
        (void)ret;`,
			],
			[
				`        set_pmu(fdarray[2], pmu, pmu_effective_event_source)) {`,
				`        set_pmu(fdarray[2], pmu, pmu_effective_event_source) && false) {`,
			],
		],
	},
	{
		name: 'never-set',
		about: 'chooses, and sets nothing on the vCPUs',
		edits: [[onceVcpu, onceVcpu.replace('cpu->has_pmu', 'false')]],
	},
	{
		name: 'scratch-vcpu-ignored',
		about: 'goes on where no vCPU with a PMU can be made',
		edits: [
			[
				`    if (!kvm_arm_create_scratch_host_vcpu(NULL, fdarray, &init)) {
        return PMU_NONE;
    }

    devices =`,
				`    if (!kvm_arm_create_scratch_host_vcpu(NULL, fdarray, &init)) {
        return PMU_DEFAULT;
    }

    devices =`,
			],
		],
	},
	{
		name: 'possible-unreadable',
		about: "leaves KVM's default where the possible CPUs cannot be read",
		edits: [
			[
				`    if (!file) {
        return PMU_NONE;
    }

    ret = getline`,
				`    if (!file) {
        return PMU_DEFAULT;
    }

    ret = getline`,
			],
		],
	},
];
