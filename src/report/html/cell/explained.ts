import type { Explanation } from '../../explain/explanation.ts';
import { type Markup, markup } from '../markup.ts';

const words: Readonly<Record<string, string>> = { true: '✓ agrees', false: '✗ differs', null: 'not compared' };

/**
 * Renders an explanation as in every report: prediction and reasons, layers, the two that disagree, evidence, the
 * command.
 */
export function explained({ predicted, layers, disagree, evidence, repeat }: Explanation, name: string): Markup {
	return markup`<div class="explained">
<h3>Predicted</h3>
${
	predicted === null
		? markup`<p>Nothing was predicted before the cell ended.</p>`
		: markup`<p><b>${predicted.what}</b>, by rule <code>${predicted.rule}</code></p>
${predicted.because.length > 0 && markup`<ul>${predicted.because.map(text => markup`<li>${text}</li>`)}</ul>`}`
}
${
	disagree.length > 0 &&
	markup`<h3>What disagrees</h3>${disagree.map(
		([one, other]) =>
			markup`<div class="sides"><div><b>${one.who}</b><p>${one.says}</p></div><div class="other"><b>${other.who}</b><p>${other.says}</p></div></div>`,
	)}`
}
<h3>Layers</h3>
<div class="scroll" tabindex="0" role="region" aria-label=${`layers of ${name}`}><table><thead><tr><th scope="col">layer</th><th scope="col">verdict</th><th scope="col">shows</th><th scope="col">expected</th></tr></thead>
<tbody>${layers.map(
		({ layer, agrees, seen, expected }) =>
			markup`<tr class=${`agrees-${agrees}`}><th scope="row">${layer}</th><td>${words[`${agrees}`]}</td><td>${seen}</td><td>${expected.join('; ')}</td></tr>`,
	)}</tbody></table></div>
${evidence.length > 0 && markup`<h3>Evidence</h3><pre tabindex="0" aria-label=${`evidence of ${name}`}>${evidence.join('\n')}</pre>`}
<h3>Repeat</h3>
<div class="repeat"><pre tabindex="0" aria-label=${`command that repeats ${name}`}>${repeat}</pre><button type="button" class="copy">copy</button></div>
</div>`;
}
