import { quoteCommand } from '../../lib/text/quote.ts';

/**
 * Precompiles `qemu/osdep.h`, which every file of QEMU includes first (QEMU's docs/devel/style.rst): parsing it and the headers of
 * GLib that it includes is a quarter of the time of a build. GCC finds `osdep.h.gch` beside the header, and takes the one whose
 * macros and options are those of the file, else the header itself (GCC manual, "Precompiled Headers"). The program does not
 * change.
 *
 * Each set of options that many files share has one. GCC would not notice that a header in it has changed, so one that is not known
 * to be up to date is made again or removed. It may contain only headers that `configure` writes and `config-poison.h`, because ninja makes others later.
 */
const program = `
import collections, json, os, shlex, subprocess, sys
header = '/mnt/source/include/qemu/osdep.h'
folder = header + '.gch'
groups = collections.defaultdict(list)
for one in json.load(open('compile_commands.json')):
    words = shlex.split(one['command'])
    if '-MD' in words and 'tests/' not in words[words.index('-o') + 1]:
        groups[tuple(word for word in words if word[:2] in ('-D', '-O', '-f', '-g', '-m'))].append(words)
os.makedirs(folder, exist_ok=True)
fresh = set()
often = sorted((len(all), all[0]) for all in groups.values())[-3:]
for number, (count, words) in enumerate(often):
    if count < 30: continue
    out = folder + '/' + str(number)
    dependencies = '.osdep-' + str(number) + '.d'
    options = words[: words.index('-MD')]
    try:
        uses = open(dependencies).read().replace('\\\\\\n', ' ').split()[1:]
        made = os.stat(out).st_mtime_ns
        if options == json.load(open(dependencies + '.json')) and all(os.stat(use).st_mtime_ns < made for use in uses):
            fresh.add(str(number))
            continue
    except (OSError, ValueError): pass
    command = options + ['-MD', '-MF', dependencies, '-x', 'c-header', header, '-o', out + '.new']
    made = subprocess.run(command, stderr=subprocess.PIPE)
    if made.returncode != 0: continue
    uses = open(dependencies).read().replace('\\\\\\n', ' ').split()[1:]
    own = [os.path.basename(use) for use in uses if os.path.realpath(use).startswith('/mnt/build/')]
    if any(not name.startswith('config-') and '-config-' not in name for name in own): continue
    json.dump(options, open(dependencies + '.json', 'w'))
    os.replace(out + '.new', out)
    fresh.add(str(number))
    # Files that use it no longer show its warnings.
    sys.stdout.buffer.write(made.stderr)
for name in os.listdir(folder):
    if name not in fresh: os.remove(folder + '/' + name)
`;

/** Compiler options: keep ninja's dependencies complete, and do not warn if no precompiled header fits. */
export const precompiledFlags = '-fpch-deps -Wno-invalid-pch';

const withoutResult = 'rm -rf ../source/include/qemu/osdep.h.gch';

/**
 * A script for a configured build folder, to be run before ninja. It never fails: without its result, a build takes longer. It
 * begins with ninja, which configures again first where a patch made that necessary.
 */
export const precompileScript = `{ ninja config-poison.h >/dev/null 2>&1; ${quoteCommand(['python3', '-c', program])} || ${withoutResult}; }`;
