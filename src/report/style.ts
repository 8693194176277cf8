/** The look of the HTML report: calm, legible, one column, light or dark as the reader's system is. Colours are variables, which the charts read too. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f7f7f5; --card: #ffffff; --text: #1c2024; --muted: #646b75; --edge: #e3e4e0; --grid: #ebece8; --shade: #f2f6fc; --fault: #fbecd9;
  --good: #17784f; --bad: #b3261e; --warn: #8a5a00; --good-soft: #e8f5ee; --bad-soft: #fcecea; --warn-soft: #fdf3df;
  --line-1: #2a6fdb; --line-2: #17936a; --line-3: #d9730d; --line-quiet: #d3d7dc;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #131518; --card: #1b1e22; --text: #e5e7ea; --muted: #9aa2ad; --edge: #2c3036; --grid: #282c32; --shade: #1e2530; --fault: #35291a;
    --good: #5fd3a0; --bad: #ff8f85; --warn: #f0bd5b; --good-soft: #15291f; --bad-soft: #311a19; --warn-soft: #2e2410;
    --line-1: #6aa5ff; --line-2: #4fcf9e; --line-3: #ffa04d; --line-quiet: #454b54;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 28px; line-height: 1.2; margin: 4px 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 16px; margin: 36px 0 10px; }
p { margin: 0; }
.brand, .facts, .description { color: var(--muted); }
.brand { font-size: 13px; letter-spacing: 0.02em; }
.facts { font-size: 14px; margin-top: 4px; }
.verdict { margin: 20px 0 0; padding: 14px 18px; border-radius: 8px; border-left: 5px solid; overflow-wrap: anywhere; }
.verdict strong { font-size: 17px; margin-right: 10px; }
.verdict p + p { margin-top: 4px; color: var(--text); font-size: 14px; }
.verdict.good { background: var(--good-soft); border-color: var(--good); }
.verdict.bad { background: var(--bad-soft); border-color: var(--bad); }
.verdict.warn, .note { background: var(--warn-soft); border-color: var(--warn); }
.note { margin-top: 10px; padding: 9px 18px; border-left: 5px solid var(--warn); border-radius: 8px; font-size: 14px; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); } .quiet { color: var(--muted); }
.verdict .reason { color: var(--text); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 12px; margin-top: 20px; }
.card { background: var(--card); border: 1px solid var(--edge); border-radius: 8px; padding: 12px 16px; }
.card .figure { font-size: 25px; line-height: 1.3; font-weight: 600; font-variant-numeric: tabular-nums; }
.card .label, .card .detail { font-size: 13px; color: var(--muted); }
.panel { background: var(--card); border: 1px solid var(--edge); border-radius: 8px; padding: 4px 16px; overflow-x: auto; }
.panel + .panel { margin-top: 12px; }
.chart { padding: 14px 12px 8px; overflow: hidden; }
.uplot { font: inherit; }
.uplot .u-legend { font-size: 13px; color: var(--muted); }
.uplot .u-legend .u-value { display: inline-block; min-width: 5.5em; text-align: left; font-variant-numeric: tabular-nums; color: var(--text); }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
.uplot table { width: auto; }
.panel > table th { font-weight: 500; text-align: left; }
.panel > table thead th { color: var(--muted); font-size: 13px; white-space: nowrap; }
.panel > table th, .panel > table td { padding: 7px 16px 7px 0; vertical-align: baseline; }
.panel > table tr + tr, .panel > table thead + tbody tr { border-top: 1px solid var(--grid); }
.mark { width: 1%; white-space: nowrap; }
.number { text-align: right !important; white-space: nowrap; font-variant-numeric: tabular-nums; }
.counts td { white-space: nowrap; }
.counts b { font-weight: 500; font-variant-numeric: tabular-nums; }
code, pre { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre { margin: 0; padding: 12px 0; white-space: pre-wrap; overflow-wrap: anywhere; }
summary { cursor: pointer; padding: 8px 0; }
footer { margin-top: 40px; font-size: 13px; color: var(--muted); }
@media (max-width: 600px) { main { padding: 20px 14px 40px; } h1 { font-size: 23px; } .meaning { display: none; } }
`
