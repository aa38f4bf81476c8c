"""How a report's page looks, by day and by night; the colours can be told apart by those who see few."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ground: #fbfbfa; --card: #fff; --ink: #1c2024; --dim: #5f6770; --line: #e3e5e8;
  --blue: #0b6cb0; --orange: #b96a00; --violet: #9a4a86; --red: #c2410c; --green: #0a7d5e; --grey: #7a828c; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171a; --card: #1b1f24; --ink: #e6e8ea; --dim: #9aa3ad;
  --line: #2d333a; --blue: #5fb2ee; --orange: #efae4a; --violet: #d68fc3; --red: #f47b4b; --green: #43c59e;
  --grey: #8d96a0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 1000px; margin: 0 auto; padding: 32px 20px 48px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 15px; margin: 0 0 10px; font-weight: 600; }
p { margin: 4px 0 0; color: var(--dim); overflow-wrap: anywhere; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 16px 18px;
  margin-top: 16px; overflow-x: auto; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 20px 0 0; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; }
.tiles dt { color: var(--dim); font-size: 13px; }
.tiles dd { margin: 0; font-size: 22px; font-weight: 600; line-height: 1.3; }
.tiles dd.more { font-size: 13px; font-weight: 400; color: var(--dim); }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; vertical-align: top; padding: 5px 16px 5px 0; border-top: 1px solid var(--line); }
td { white-space: nowrap; } td:last-child { white-space: normal; overflow-wrap: anywhere; }
thead th { border-top: 0; color: var(--dim); font-weight: 500; font-size: 13px; }
tbody th { font-weight: 500; color: var(--dim); white-space: nowrap; }
tbody:first-child tr:first-child > * { border-top: 0; }
td.number, th.number { text-align: right; white-space: nowrap; }
td ul { margin: 0; padding: 0; list-style: none; }
svg { display: block; width: 100%; min-width: 480px; height: auto; }
svg text { font-size: 11px; fill: var(--dim); }
svg text.left { text-anchor: end; }
svg text.mark { fill: var(--orange); font-weight: 600; }
.grid { stroke: var(--line); } .axis { stroke: var(--dim); }
.mark { stroke: var(--orange); stroke-width: 1.2; } text.mark { stroke: none; }
.break { stroke: var(--dim); stroke-width: 1.2; stroke-dasharray: 3 3; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.area { opacity: .13; }
.line.blue { stroke: var(--blue); } .line.orange { stroke: var(--orange); } .line.violet { stroke: var(--violet); }
.bar.blue, .area.blue, .key.blue { fill: var(--blue); background: var(--blue); }
.bar.orange, .area.orange, .key.orange { fill: var(--orange); background: var(--orange); }
.bar.violet, .area.violet, .key.violet { fill: var(--violet); background: var(--violet); }
.bar.red, .key.red { fill: var(--red); background: var(--red); }
.bar.green, .key.green { fill: var(--green); background: var(--green); }
.bar.grey, .key.grey { fill: var(--grey); background: var(--grey); }
.keys { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; margin-top: 8px; color: var(--dim); }
.key { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 6px; }
.shares { display: flex; height: 16px; border-radius: 4px; overflow: hidden; gap: 1px; }
.shares .key { height: auto; width: auto; border-radius: 0; margin: 0; min-width: 1px; }
footer { color: var(--dim); font-size: 13px; margin-top: 20px; }
@media print { section, .tiles div { break-inside: avoid; } body { background: none; } }
"""
