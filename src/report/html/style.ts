/** The page's style. Signs that only adorn have no text for screen readers (the second `content`).  Colours have a contrast of 4.5 or more with what is behind them, in both schemes. */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --back: #ffffff; --panel: #f6f8fa; --text: #1f2328; --quiet: #59636e; --border: #d1d9e0; --link: #0969da;
  --good: #1a7f37; --bad: #cf222e; --late: #9a6700; --lost: #8250df; --stopped: #424a53; --skipped: #8b949e; --open: #0969da;
  --area: #b6d3f2; --area-edge: #0969da; --waiting: #9a6700;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #0f1318; --panel: #171c23; --text: #e3e8ed; --quiet: #99a2ac; --border: #363d46; --link: #6cb0ff;
    --good: #46b35a; --bad: #ff7168; --late: #d6a02c; --lost: #b58bf9; --stopped: #c4ccd4; --skipped: #768390; --open: #6cb0ff;
    --area: #1f4067; --area-edge: #6cb0ff; --waiting: #d6a02c;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body {
  margin: 0; background: var(--back); color: var(--text);
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "Liberation Sans", "DejaVu Sans", sans-serif;
}
code, pre, .name { font-family: ui-monospace, "SF Mono", "Cascadia Mono", "Liberation Mono", "DejaVu Sans Mono", monospace; font-size: 0.93em; }
code, .name, td, dd, .reason { overflow-wrap: anywhere; unicode-bidi: isolate; }
a { color: var(--link); }
:focus-visible { outline: 2px solid var(--open); outline-offset: 2px; }
.page { max-width: 1180px; margin: 0 auto; padding: 28px 24px 64px; }
.skip { position: absolute; left: -9999px; }
.skip:focus { left: 16px; top: 12px; padding: 6px 10px; background: var(--back); border: 1px solid var(--border); }

.kind { margin: 0; color: var(--quiet); }
h1 { margin: 0; font-size: 26px; line-height: 1.3; font-weight: 600; overflow-wrap: anywhere; }
h2 { margin: 40px 0 8px; padding-top: 8px; font-size: 18px; font-weight: 600; }
.outcome { margin-left: 6px; padding: 3px 10px; border: 1px solid currentColor; border-radius: 4px; font-size: 14px; letter-spacing: 0.03em; vertical-align: 4px; }
.description { margin: 6px 0 0; max-width: 75ch; color: var(--quiet); overflow-wrap: anywhere; }
.counts { display: flex; flex-wrap: wrap; gap: 2px 20px; margin: 16px 0 8px; }
.count { white-space: nowrap; }
.dot { display: inline-block; width: 9px; height: 9px; margin-right: 6px; border-radius: 50%; }
.share { display: flex; gap: 2px; border-radius: 3px; overflow: hidden; }
.share svg { display: block; min-width: 3px; }
.interruption { margin: 12px 0 0; padding: 8px 12px; border-left: 3px solid var(--late); background: var(--panel); }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 460px), 1fr)); gap: 4px 24px; margin: 18px 0 0; }
.facts div { display: flex; gap: 10px; }
dt { flex: none; width: 92px; color: var(--quiet); }
dd { margin: 0; min-width: 0; }
nav ul { display: flex; flex-wrap: wrap; gap: 6px 22px; margin: 22px 0 0; padding: 10px 0; border: solid var(--border); border-width: 1px 0; list-style: none; }
.note { margin: 4px 0 12px; color: var(--quiet); }
.number { margin-left: 4px; color: var(--quiet); font-size: 14px; font-weight: 400; }
.tone-good { color: var(--good); } .tone-bad { color: var(--bad); } .tone-late { color: var(--late); }
.tone-lost { color: var(--lost); } .tone-stopped, .tone-skipped { color: var(--quiet); } .tone-open { color: var(--open); }
.fill-good { fill: var(--good); background: var(--good); } .fill-bad { fill: var(--bad); background: var(--bad); }
.fill-late { fill: var(--late); background: var(--late); } .fill-lost { fill: var(--lost); background: var(--lost); }
.fill-stopped { fill: var(--stopped); background: var(--stopped); } .fill-skipped { fill: var(--skipped); background: var(--skipped); }
.fill-open { fill: var(--open); background: var(--open); }

details { border: 1px solid var(--border); border-bottom-width: 0; }
details[open] { padding-bottom: 14px; }
details:last-of-type { border-bottom-width: 1px; }
summary { padding: 7px 12px; cursor: pointer; }
details[open] > summary { border-bottom: 1px solid var(--border); background: var(--panel); }
.name { margin-right: 8px; font-weight: 600; }
.reason { color: var(--quiet); }
.where { margin: 10px 14px; color: var(--quiet); }
details > .note { margin: 10px 14px 0; }
details ul { margin: 10px 0 0; }
pre { margin: 10px 14px 0; padding: 10px 12px; max-height: 420px; overflow: auto; background: var(--panel); border: 1px solid var(--border); white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; }

.scroll { overflow-x: auto; }
svg { font: 12px system-ui, -apple-system, "Segoe UI", "Liberation Sans", "DejaVu Sans", sans-serif; }
svg text { fill: var(--quiet); unicode-bidi: isolate; }
svg .title { fill: var(--text); }
svg .small { font-size: 11px; }
svg .end { text-anchor: end; } svg .middle { text-anchor: middle; }
.graph .edges path { fill: none; stroke: var(--quiet); stroke-opacity: 0.55; }
.graph .box { fill: var(--panel); stroke: var(--border); }
.graph .node:hover .box, .graph .node:focus .box { stroke: var(--open); }
.times { display: block; margin-bottom: 6px; }
.grid { fill: none; stroke: var(--border); stroke-opacity: 0.7; }
.area { fill: var(--area); stroke: var(--area-edge); stroke-width: 0.75; }
.line { fill: none; stroke: var(--waiting); stroke-width: 1.25; }

.script-only { display: none; }
.scripted .script-only { display: revert; }
.scripted .unscripted { display: none; }
#filters { display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: end; margin: 12px 0; }
#filters div { display: grid; gap: 2px; max-width: 220px; }
#filters label { color: var(--quiet); font-size: 12px; overflow-wrap: anywhere; }
input, select, button { font: inherit; font-size: 14px; color: var(--text); background: var(--back); border: 1px solid var(--border); border-radius: 4px; padding: 4px 8px; max-width: 100%; }
input, select { height: 32px; }
input[type=search] { width: 220px; }
button { cursor: pointer; background: var(--panel); }
button:disabled { cursor: default; color: var(--quiet); }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 5px 10px; border-bottom: 1px solid var(--border); text-align: left; vertical-align: top; }
th { padding: 0; white-space: nowrap; font-weight: 600; }
thead th { border-bottom-width: 2px; background: var(--panel); }
thead button { width: 100%; padding: 6px 10px; border: 0; background: none; text-align: inherit; font-weight: 600; font-size: 13px; }
thead button::after { content: ""; display: inline-block; width: 1em; padding-left: 4px; color: var(--open); }
th[aria-sort=ascending] button::after { content: "\\2191"; content: "\\2191" / ""; }
th[aria-sort=descending] button::after { content: "\\2193"; content: "\\2193" / ""; }
tbody tr:hover { background: var(--panel); }
tbody th { padding: 3px 10px 3px 4px; font-weight: 400; white-space: normal; }
tbody th button { padding: 2px 6px; border: 0; background: none; text-align: left; }
tbody th button::before { content: "\\25b8"; content: "\\25b8" / ""; display: inline-block; width: 1.2em; color: var(--quiet); }
tbody th button[aria-expanded=true]::before { content: "\\25be"; content: "\\25be" / ""; }
tbody th .name { margin: 0; font-weight: 400; }
.digits { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
th.digits button { text-align: right; }
th.digits button::after { display: none; }
th.digits[aria-sort=ascending] button::before { content: "\\2191  "; content: "\\2191  " / ""; color: var(--open); }
th.digits[aria-sort=descending] button::before { content: "\\2193  "; content: "\\2193  " / ""; color: var(--open); }
.state { white-space: nowrap; }
.more td { background: var(--panel); padding: 8px 14px 12px 30px; }
.more div { display: flex; gap: 10px; }
.more dl { margin: 0; }
.more dd { white-space: pre-wrap; }
#pages { display: flex; gap: 8px; align-items: center; margin-top: 12px; }
@media (max-width: 600px) { .page { padding: 16px 12px 40px; } }
@media print { nav, #filters, #pages, .skip { display: none !important; } .scroll { overflow: visible; } }
`;
