/** The look of pages: calm, legible, one column, light or dark as the reader's system is, and light on paper. Colours are variables, which the charts read too. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f7f7f5; --card: #ffffff; --text: #1c2024; --muted: #5f6670; --edge: #e3e4e0; --grid: #ebece8; --shade: #f2f6fc; --fault: #fbecd9;
  --good: #17784f; --bad: #b3261e; --warn: #855600; --good-soft: #e8f5ee; --bad-soft: #fcecea; --warn-soft: #fdf3df; --mark: #a9aeb6; --focus: #2a6fdb;
  --line-1: #2468d2; --line-2: #17936a; --line-3: #c2630a; --line-4: #8a4fc9; --line-quiet: #8d97a3;
  --heat-1: #f1f6fe; --heat-2: #dbe8fb; --heat-3: #c1d8f8; --heat-4: #a5c6f4; --heat-5: #86b1ee;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #131518; --card: #1b1e22; --text: #e5e7ea; --muted: #9aa2ad; --edge: #2c3036; --grid: #282c32; --shade: #1e2530; --fault: #35291a;
    --good: #5fd3a0; --bad: #ff8f85; --warn: #f0bd5b; --good-soft: #15291f; --bad-soft: #311a19; --warn-soft: #2e2410; --mark: #5b626c; --focus: #8dbaff;
    --line-1: #6aa5ff; --line-2: #4fcf9e; --line-3: #ffa04d; --line-4: #c39bf5; --line-quiet: #6b747f;
    --heat-1: #1c2531; --heat-2: #1f3048; --heat-3: #223b60; --heat-4: #264779; --heat-5: #2b5492;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 28px; line-height: 1.2; margin: 4px 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 16px; margin: 36px 0 10px; scroll-margin-top: 12px; }
h3 { font-size: 14px; font-weight: 600; margin: 18px 0 8px; }
p { margin: 0; }
a { color: var(--line-1); }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 12px; top: 12px; z-index: 1; padding: 6px 12px; background: var(--card); }
.brand, .facts, .description { color: var(--muted); }
.brand { font-size: 13px; letter-spacing: 0.02em; }
.facts { font-size: 14px; margin-top: 4px; }
.contents { margin-top: 22px; font-size: 14px; }
.contents ul { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0; padding: 0; list-style: none; }
.verdict { margin: 20px 0 0; padding: 14px 18px; border-radius: 8px; border-left: 5px solid; overflow-wrap: anywhere; }
.verdict strong { font-size: 17px; margin-right: 10px; }
.verdict p + p { margin-top: 4px; color: var(--text); font-size: 14px; }
.verdict.good { background: var(--good-soft); border-color: var(--good); }
.verdict.bad { background: var(--bad-soft); border-color: var(--bad); }
.verdict.warn, .note { background: var(--warn-soft); border-color: var(--warn); }
.note { margin-top: 10px; padding: 9px 18px; border-left: 5px solid var(--warn); border-radius: 8px; font-size: 14px; overflow-wrap: anywhere; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); } .quiet { color: var(--muted); }
.verdict .reason { color: var(--text); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 12px; margin-top: 20px; }
.card { background: var(--card); border: 1px solid var(--edge); border-radius: 8px; padding: 12px 16px; }
.card .figure { font-size: 25px; line-height: 1.3; font-weight: 600; font-variant-numeric: tabular-nums; }
.card .label, .card .detail { font-size: 13px; color: var(--muted); text-wrap: balance; }
.panel { margin: 0; background: var(--card); border: 1px solid var(--edge); border-radius: 8px; padding: 4px 16px; }
.panel + .panel { margin-top: 12px; }
.scroll { overflow-x: auto; }
.chart { padding: 8px 12px 4px; }
.plot { overflow: hidden; min-height: 180px; }
.under, .hint { font-size: 13px; color: var(--muted); }
.under { padding: 2px 4px; }
.hint { margin-top: 22px; }
.said, .panel caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.panel .data caption { position: static; width: auto; height: auto; clip-path: none; padding: 4px 0; text-align: left; white-space: normal; font-size: 13px; color: var(--muted); }
.data summary { font-size: 13px; color: var(--muted); padding: 4px; }
.uplot { font: inherit; }
.uplot .u-legend { font-size: 13px; color: var(--muted); }
.uplot .u-legend .u-value { display: inline-block; min-width: 5.5em; text-align: left; font-variant-numeric: tabular-nums; color: var(--text); }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
.uplot table { width: auto; margin: 0 auto; }
.scroll th { font-weight: 500; text-align: left; }
.scroll thead th { color: var(--muted); font-size: 13px; white-space: nowrap; }
.scroll th, .scroll td { padding: 7px 16px 7px 0; vertical-align: baseline; }
.scroll th:last-child, .scroll td:last-child { padding-right: 4px; }
.scroll tr + tr, .scroll thead + tbody tr { border-top: 1px solid var(--grid); }
.mark { width: 1%; white-space: nowrap; }
.number { text-align: right !important; white-space: nowrap; font-variant-numeric: tabular-nums; }
.panel > p { padding: 8px 0; font-size: 14px; }
.panel > .under { padding: 2px 4px; font-size: 13px; }
.facts-table td { overflow-wrap: anywhere; }
.counts td { white-space: nowrap; }
.counts b { font-weight: 500; font-variant-numeric: tabular-nums; }
.heat table { width: auto; border-collapse: separate; border-spacing: 3px; }
.heat .scroll td, .heat .scroll th { padding: 7px 12px; }
.heat .scroll tr + tr, .heat .scroll thead + tbody tr { border: 0; }
.heat td { border-radius: 5px; min-width: 76px; color: var(--text); }
.heat td.bad { background: var(--bad-soft); color: var(--bad); }
.heat td.quiet { color: var(--muted); }
.heat-1 { background: var(--heat-1); } .heat-2 { background: var(--heat-2); } .heat-3 { background: var(--heat-3); } .heat-4 { background: var(--heat-4); } .heat-5 { background: var(--heat-5); }
.scale { display: flex; flex-wrap: wrap; gap: 4px 8px; align-items: center; padding: 4px 0 8px; font-size: 13px; color: var(--muted); }
.scale b { padding: 1px 9px; border-radius: 4px; font-weight: 400; color: var(--text); }
.bars p { display: flex; align-items: center; gap: 12px; padding: 5px 0; font-size: 14px; }
.bars span { flex: 0 0 11em; } .bars em { flex: 0 0 3.5em; font-style: normal; font-variant-numeric: tabular-nums; }
.bars b { flex: 1; height: 14px; border-radius: 4px; background: var(--grid); }
.bars i { display: block; height: 100%; min-width: 3px; border-radius: 4px; background: var(--line-quiet); } .bars .binds { background: var(--line-3); }
.basis { min-width: 22em; }
code, pre { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre { margin: 0; padding: 12px 0; white-space: pre-wrap; overflow-wrap: anywhere; }
summary { cursor: pointer; padding: 8px 0; }
footer { margin-top: 40px; font-size: 13px; color: var(--muted); overflow-wrap: anywhere; }
@media (max-width: 600px) {
  main { padding: 20px 14px 40px; }
  h1 { font-size: 23px; }
  .meaning { display: none; }
  .cards { grid-template-columns: 1fr 1fr; }
  .card { padding: 10px 12px; }
  .card .figure { font-size: 21px; }
  .chart { padding: 6px 4px 2px; }
}
@media print {
  @page { margin: 14mm; }
  :root { color-scheme: light; }
  body { background: none; font-size: 12px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  .contents, .hint, .skip, .data:not([open]) { display: none; }
  .scroll { overflow: visible; }
  table { font-size: 10.5px; }
  .scroll th, .scroll td { padding: 4px 8px 4px 0; overflow-wrap: break-word; }
  .scroll thead th { font-size: 10px; white-space: normal; min-width: 52px; overflow-wrap: anywhere; }
  .scroll tbody th { min-width: 78px; overflow-wrap: anywhere; }
  .number, .counts td { white-space: normal; }
  .heat .scroll td, .heat .scroll th { padding: 4px 6px; min-width: 0; }
  h2, h3 { break-after: avoid; }
  .chart, .heat, .card, .verdict, .note, tr { break-inside: avoid; }
  .panel:not(:has(tr:nth-child(40))) { break-inside: avoid; }
  .u-legend .u-series:first-child, .u-legend .u-value { display: none !important; }
  .u-legend th::after { content: none !important; }
  .cards { grid-template-columns: repeat(5, 1fr); gap: 8px; }
  .card { padding: 8px 10px; }
  .card .figure { font-size: 17px; }
  thead { display: table-header-group; }
}
`
