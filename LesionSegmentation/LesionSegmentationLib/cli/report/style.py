"""How the report looks: the style sheet that is written into it."""

STYLE = """\
:root { color-scheme: light; --ink: #1f2937; --soft: #6b7280; --line: #e5e7eb; --accent: #c2410c; }
* { box-sizing: border-box; }
body { margin: 0; background: #f6f7f9; color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 28px 24px 40px; }
h1 { margin: 0; font-size: 28px; letter-spacing: -0.01em; }
h2 { margin: 0 0 4px; font-size: 19px; }
header p { margin: 4px 0 0; color: var(--soft); }
header .notice { float: right; margin: 4px 0 0; padding: 3px 10px; border: 1px solid #fdba74; border-radius: 99px;
  background: #fff7ed; color: #9a3412; font-size: 13px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 12px; margin: 20px 0 8px; }
.card { padding: 12px 16px; border: 1px solid var(--line); border-radius: 10px; background: white; }
.card b { display: block; font-size: 24px; font-weight: 600; font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); font-size: 13px; }
.source, section > p { margin: 0 0 12px; color: var(--soft); font-size: 14px; }
section { margin-top: 20px; padding: 20px; border: 1px solid var(--line); border-radius: 12px; background: white; }
figure { margin: 0 0 12px; }
figcaption { padding: 2px 0 4px; }
img { display: block; width: 100%; height: auto; border-radius: 6px; }
.this { margin-left: 6px; padding: 1px 8px; border-radius: 99px; background: #fff7ed; color: var(--accent);
  font-style: normal; font-size: 13px; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
th { padding: 6px 8px; border-bottom: 2px solid var(--line); color: var(--soft); font-weight: 500; text-align: right; }
td { padding: 4px 8px; border-bottom: 1px solid var(--line); text-align: right; }
tbody tr:hover { background: #f9fafb; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; margin: 8px 0 0; font-size: 13px; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
footer { margin-top: 24px; color: var(--soft); font-size: 13px; text-align: center; }
@media print { body { background: white; } section { break-inside: avoid; border: 0; padding: 0; } }
"""
