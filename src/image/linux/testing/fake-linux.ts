import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** The targets that vpmu makes, built in a second: an Image with the text of one source file. */
const makefile = `VERSION = 6
PATCHLEVEL = 99
SUBLEVEL = 1
EXTRAVERSION =

allnoconfig olddefconfig:
	if [ -n "$(KCONFIG_ALLCONFIG)" ]; then grep -v CONFIG_GONE= $(KCONFIG_ALLCONFIG) >$(O)/.config; fi

Image: $(O)/pmu-emul.o
	@echo "  OBJCOPY arch/arm64/boot/Image"
	mkdir -p $(O)/arch/arm64/boot && cp $< $(O)/arch/arm64/boot/Image

$(O)/pmu-emul.o: arch/arm64/kvm/pmu-emul.c
	@echo "  CC      $<"
	@echo "$<:1:2: warning: $$(cat $<)"
	@grep -q broken $< && { echo "$<:1:1: error: broken" >&2; exit 1; } || true
	sh ./hostile.sh; cp $< $@; echo saved >$(O)/.pmu-emul.o.cmd
`;

/** Writes a source that looks like Linux's and builds at once. */
export function writeFakeLinux(folder: string, pmu = 'int counters;\n'): void {
	const files = {
		Makefile: makefile,
		Kconfig: '',
		'arch/arm64/Makefile': '',
		'arch/arm64/kvm/Kconfig': '',
		'arch/arm64/kvm/pmu-emul.c': pmu,
		'hostile.sh': 'true\n',
	};
	for (const [name, text] of Object.entries(files)) {
		mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
		writeFileSync(path.join(folder, name), text);
	}
}
