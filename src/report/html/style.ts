/** The style of the page, dark and light. Colours of text have a contrast of 4.5 or more on their background. */
export const style = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif;
--ground: #fff; --text: #1b1f24; --quiet: #57606a; --line: #d0d7de; --soft: #f6f8fa; --link: #0550ae;
--pass: #116329; --pass-soft: #dafbe1; --xfail: #7d4e00; --xfail-soft: #fff8c5; --skip: #57606a; --skip-soft: #eaeef2;
--fail: #a40e26; --fail-soft: #ffebe9; --error: #6639ba; --error-soft: #fbefff; --mark: #ffdf5d; --current: #ff9d3c;
--p0: #54aeff; --p1: #f0883e; --p2: #57ab5a; --p3: #d2a8ff; --p4: #e5c07b; --p5: #f47067; --none: #afb8c1; }
@media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --text: #e6edf3; --quiet: #9ea7b3; --line: #3d444d; --soft: #161b22; --link: #79c0ff;
--pass: #56d364; --pass-soft: #12361f; --xfail: #e3b341; --xfail-soft: #3b2a05; --skip: #9ea7b3; --skip-soft: #21262d;
--fail: #ff9a92; --fail-soft: #4a1619; --error: #d2a8ff; --error-soft: #321c52; --mark: #7a5b00; --current: #b05a00;
--p0: #1f6feb; --p1: #bd561d; --p2: #347d39; --p3: #8957e5; --p4: #8a6d1f; --p5: #b62324; --none: #484f58; } }
* { box-sizing: border-box; } [hidden] { display: none !important; }
body { margin: 0; background: var(--ground); color: var(--text); }
main { max-width: 90rem; margin: 0 auto; padding: 1rem; } main:focus { outline: none; }
h1 { font-size: 1.25rem; margin: .5rem 0; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; } h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; } h4 { font-size: .95rem; margin: .8rem 0 .2rem; }
a { color: var(--link); } :focus-visible { outline: 2px solid var(--link); outline-offset: 1px; }
code, pre, .id, .command { font: 13px/1.45 ui-monospace, monospace; } .id { overflow-wrap: anywhere; }
pre { overflow: auto; max-height: 32rem; margin: .3rem 0; padding: .6rem; background: var(--soft); border: 1px solid var(--line); border-radius: 6px; }
.explained pre, .command { white-space: pre-wrap; overflow-wrap: anywhere; }
.quiet { color: var(--quiet); } .number { text-align: right; font-variant-numeric: tabular-nums; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.scroll { overflow-x: auto; position: relative; } table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .2rem .7rem .2rem .3rem; border-bottom: 1px solid var(--line); font-weight: normal; }
thead th { color: var(--quiet); white-space: nowrap; } td { overflow-wrap: anywhere; min-width: 3rem; }
.badge { display: inline-block; padding: 0 .5rem; border-radius: 1rem; font: 600 13px/1.6 system-ui, sans-serif; white-space: nowrap; }
.badge, .chip { background: var(--skip-soft); color: var(--skip); }
.badge.pass, .chip.pass { background: var(--pass-soft); color: var(--pass); } .badge.xfail, .chip.xfail { background: var(--xfail-soft); color: var(--xfail); }
.badge.fail, .chip.fail, .badge.xpass, .chip.xpass { background: var(--fail-soft); color: var(--fail); } .badge.error, .chip.error { background: var(--error-soft); color: var(--error); }
.summary { list-style: none; padding: 0; display: grid; gap: .3rem; } .summary a { text-decoration: none; }
.wrong { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; padding: .3rem .7rem; } .wrong summary, .log summary { cursor: pointer; overflow-wrap: anywhere; }
.reason { overflow-wrap: anywhere; } .wrong .reason { display: block; padding-left: 1rem; color: var(--quiet); }
#filters { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; padding: .6rem; background: var(--soft); border: 1px solid var(--line); border-radius: 6px; position: sticky; top: 0; z-index: 1; }
#filters fieldset { border: 0; padding: 0; margin: 0; display: flex; flex-wrap: wrap; gap: .2rem .7rem; } legend { position: absolute; clip-path: inset(50%); }
input, select, button { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: 4px; padding: .15rem .4rem; min-height: 1.8rem; max-width: 15rem; }
#filters label { display: inline-flex; align-items: center; gap: .35rem; } .tick { white-space: nowrap; } .tick input { min-height: 0; }
.matrix { margin-top: .6rem; } .matrix th, .matrix td { border: 0; padding: 1px .5rem 1px .3rem; white-space: nowrap; } .matrix [scope=rowgroup] { padding-top: .5rem; font-weight: 600; } .matrix [scope=row] { position: sticky; left: 0; min-width: 15rem; max-width: 24rem; padding-left: 1rem; white-space: normal; overflow-wrap: anywhere; background: var(--ground); color: var(--quiet); } .matrix tr:hover [scope=row] { color: inherit; }
.chip { display: inline-block; position: relative; min-width: 2rem; min-height: 24px; border-radius: 4px; font-size: 13px; line-height: 24px; text-align: center; text-decoration: none; } .chip:hover { outline: 2px solid; }
.cells tbody tr { content-visibility: auto; contain-intrinsic-size: auto 2rem; }
nav { display: flex; gap: 1.2rem; } dl { display: grid; gap: .1rem; } dl div { display: flex; gap: .7rem; } dt { color: var(--quiet); min-width: 6.5rem; } dd { margin: 0; overflow-wrap: anywhere; }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: .7rem; margin: .4rem 0; } .sides > div { border: 1px solid var(--line); border-left: 4px solid var(--pass); border-radius: 6px; padding: .4rem .7rem; overflow-wrap: anywhere; } .sides .other { border-left-color: var(--fail); } .sides p { margin: .2rem 0; }
.explained tbody th, .explained td:nth-child(2), .cells td.number { white-space: nowrap; } .agrees-false td, .agrees-false th { background: var(--fail-soft); color: var(--fail); } .agrees-true td:nth-child(2) { color: var(--pass); }
.repeat { display: flex; gap: .6rem; align-items: start; } .repeat pre { flex: 1; }
.find { margin: .3rem 0; } .log { margin: .3rem 0; } .log pre { max-height: 26rem; }
::highlight(found) { background: var(--mark); } ::highlight(current) { background: var(--current); }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 28rem), 1fr)); gap: 1rem; } .plot { margin: .3rem 0; } .plot svg { max-width: 100%; height: auto; } .plots svg, .plot:not(.host) svg { width: 100%; max-width: 44rem; }
figcaption { color: var(--quiet); font-size: 14px; } figcaption span { margin-right: 1rem; } .host ul, .host ol { margin: .3rem 0; padding-left: 1.3rem; } .host ul { list-style: none; padding: 0; }
svg text { fill: var(--text); font: 12px system-ui, sans-serif; } .grid { stroke: var(--line); } .axis { stroke: var(--quiet); }
.stay.even { fill: var(--soft); } .stay.odd { fill: var(--skip-soft); } .stay.refused { fill: var(--fail-soft); } svg .bad { fill: var(--fail); } .count { fill: var(--link); }
.band { fill: var(--pass-soft); } .sample line { stroke: var(--none); } .sample circle { fill: var(--none); } .least line { stroke: var(--link); stroke-width: 2; } .least circle { fill: var(--link); } .median line { stroke: var(--xfail); stroke-dasharray: 5 4; } .none circle { fill: none; } svg .least text { fill: var(--link); } svg .median text { fill: var(--xfail); }
.key { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px; margin-right: .4rem; background: var(--none); }
.cpu { fill: var(--soft); stroke: var(--none); stroke-width: 2; } .cpu.here { stroke-width: 4; } svg .vcpu { font-weight: 700; } svg .number { font-weight: 600; }
${[0, 1, 2, 3, 4, 5].map(index => `.cpu.pmu-${index} { stroke: var(--p${index}); } .bar.pmu-${index}, .step-${index} { fill: var(--p${index}); } .key.pmu-${index}, .key.step-${index} { background: var(--p${index}); }`).join('\n')}
.files a { margin-right: .7rem; }
@media (max-width: 40rem) { .matrix [scope=row] { min-width: 9rem; max-width: 9rem; } main { padding: .6rem; } .sides { grid-template-columns: 1fr; } #filters { position: static; } .repeat { flex-direction: column; } .repeat pre { width: 100%; } }
@media print { #filters, nav { display: none; } }
`;
