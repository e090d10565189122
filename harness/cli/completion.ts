import { quoteWord } from '../../src/lib/index.ts';
import { exitCodes } from '../usage/exit-codes.ts';
import { commandFile } from '../usage/places.ts';
import { completions } from './application.ts';
import { type Commands, command, type GroupSpec } from './command.ts';

/** Requests the words that can be typed next: one per line, with its description after a tab. */
const ask = `${quoteWord(process.execPath)} ${quoteWord(commandFile)} completion words --`;

/**
 * The script for each shell. Shells split a command line differently: bash also splits at `:` and `=`, so it gets only
 * what follows the last of them. If there are no candidates, the shell offers files.
 */
const scripts = {
	bash: `_vpmu() {
	local line=\${COMP_LINE:0:COMP_POINT} words last found
	read -ra words <<<"$line"
	[[ $line == *[[:space:]] ]] && words+=('')
	last=\${words[-1]}
	mapfile -t found < <(${ask} "\${words[@]:1}" 2>/dev/null | cut -f 1)
	[[ $last == *[:=]* ]] && found=("\${found[@]#"\${last%"\${last##*[:=]}"}"}")
	COMPREPLY=("\${found[@]}")
	[[ \${#found[@]} -eq 1 && \${found[0]} == *[/:=] ]] && compopt -o nospace
}
complete -o bashdefault -o default -F _vpmu vpmu
`,
	zsh: `#compdef vpmu
_vpmu() {
	local -a lines found
	lines=("\${(@f)$(${ask} "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
	found=("\${(@)lines//:/\\\\:}")
	found=("\${(@)found/$'\\t'/:}")
	if [[ -n $lines[1] ]]; then _describe -V vpmu found; else _files; fi
}
compdef _vpmu vpmu
`,
	fish: `function __vpmu_complete
	set -l words (commandline -opc)
	set -l found (${ask} $words[2..-1] (commandline -ct) 2>/dev/null)
	if test (count $found) -gt 0
		printf '%s\\n' $found
	else
		__fish_complete_path (commandline -ct)
	end
end
complete -c vpmu -f -a '(__vpmu_complete)'
`,
} as const;

const printing = (shell: keyof typeof scripts) =>
	command({
		...{ summary: `print the completion script for ${shell}`, usage: '', options: {} },
		load:
			async () =>
			async ({ stdout }) => {
				stdout.write(scripts[shell]);
				return exitCodes.asPredicted;
			},
	});

/** Makes `vpmu completion`, which completes the given commands and itself. */
export function completionOf(commands: () => Commands): GroupSpec {
	return {
		summary: 'shell completion: bash, zsh, fish',
		actions: {
			...{ bash: printing('bash'), zsh: printing('zsh'), fish: printing('fish') },
			words: command({
				summary: 'print the words that can be typed next, for the scripts',
				usage: '-- WORD...',
				options: {},
				positionals: { maximum: Number.POSITIVE_INFINITY },
				load:
					async () =>
					async ({ stdout }, { positionals }) => {
						const found = await completions(commands(), positionals);
						stdout.write(found.map(({ completion, brief }) => `${completion}\t${brief}\n`).join(''));
						return exitCodes.asPredicted;
					},
			}),
		},
		hidden: ['words'],
	};
}
