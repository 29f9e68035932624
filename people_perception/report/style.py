# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The report's style sheet. Light and dark by the reader's own preference; prints in light."""

CSS = """
:root {
  color-scheme: light dark;
  --page: #f7f6f3; --card: #ffffff; --ink: #1b1d20; --soft: #5d636b; --rule: #e2e0da; --grid: #e9e7e2;
  --good: #18794e; --warn: #a15c00; --bad: #c62a2f;
  --s0: #0b68cb; --s1: #c2410c; --s2: #16794a; --s3: #7c3aed; --s4: #a8146b; --s5: #5d636b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #131518; --card: #1b1e22; --ink: #eceef0; --soft: #9ba3ad; --rule: #2e3339; --grid: #292e34;
    --good: #5fd38a; --warn: #f0b250; --bad: #ff8a80;
    --s0: #63b0ff; --s1: #ff9b5e; --s2: #5fd38a; --s3: #bb9dff; --s4: #ff85c2; --s5: #9ba3ad;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif;
}
main { max-width: 1120px; margin: 0 auto; padding: 48px 24px 72px; }
h1 { font-size: clamp(28px, 4.4vw, 44px); line-height: 1.12; letter-spacing: -.022em; margin: 0 0 10px; }
h2 { font-size: 21px; letter-spacing: -.01em; margin: 56px 0 4px; }
h3 { font-size: 14px; font-weight: 600; margin: 18px 0 2px; display: flex; gap: 8px; align-items: baseline; }
h3 span { color: var(--soft); font-weight: 400; }
p { margin: 0 0 14px; max-width: 74ch; }
.lead { font-size: 19px; color: var(--soft); }
.soft, figcaption, .when { color: var(--soft); font-size: 14px; }
.when { margin-bottom: 6px; }
code, .file { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; }
pre {
  background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 12px 16px;
  overflow-x: auto;
}
a { color: var(--s0); }
.tiles {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
  margin: 28px 0 8px; padding: 0;
}
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: 12px; padding: 14px 16px; }
.tile b { display: block; font-size: 27px; font-weight: 650; letter-spacing: -.02em; line-height: 1.2; }
.tile span { color: var(--soft); font-size: 13.5px; }
.card {
  background: var(--card); border: 1px solid var(--rule); border-radius: 12px;
  padding: 6px 20px 12px; margin-top: 14px;
}
.note { border-left: 3px solid var(--warn); padding: 2px 0 2px 14px; margin: 16px 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; min-width: 620px; font-size: 14px; }
.topic { white-space: nowrap; }
th { text-align: left; font-weight: 500; color: var(--soft); font-size: 13px; }
th, td { padding: 9px 14px 9px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td .why { color: var(--soft); display: block; max-width: 62ch; overflow-wrap: anywhere; }
.key { display: inline-block; width: 10px; height: 10px; border-radius: 3px; flex: none; }
.k0 { background: var(--s0); } .k1 { background: var(--s1); } .k2 { background: var(--s2); }
.k3 { background: var(--s3); } .k4 { background: var(--s4); } .k5 { background: var(--s5); }
.plot { display: block; width: 100%; min-width: 680px; height: auto; }
.plot .grid { stroke: var(--grid); fill: none; }
.plot .tick, .plot .name { font-size: 11.5px; fill: var(--soft); }
.plot .name { fill: var(--ink); }
.plot .right { text-anchor: end; } .plot .middle { text-anchor: middle; }
.plot .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.plot .area { opacity: .16; stroke: none; }
.plot .mark { stroke: var(--ink); stroke-dasharray: 3 3; fill: none; opacity: .75; }
.plot .missing { stroke: var(--bad); stroke-width: 1.4; }
.line.s0 { stroke: var(--s0); } .line.s1 { stroke: var(--s1); } .line.s2 { stroke: var(--s2); }
.line.s3 { stroke: var(--s3); } .line.s4 { stroke: var(--s4); } .line.s5 { stroke: var(--s5); }
.area.s0, .bar.s0 { fill: var(--s0); } .area.s1, .bar.s1 { fill: var(--s1); } .area.s2, .bar.s2 { fill: var(--s2); }
.area.s3, .bar.s3 { fill: var(--s3); } .area.s4, .bar.s4 { fill: var(--s4); } .area.s5, .bar.s5 { fill: var(--s5); }
.flow {
  display: flex; height: 10px; min-width: 140px; border-radius: 5px; overflow: hidden;
  background: var(--grid); margin-top: 6px;
}
.flow i { display: block; } .answered { background: var(--good); } .busy { background: var(--warn); }
.limited { background: var(--soft); } .lost { background: var(--bad); }
.pictures {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 18px;
  margin-top: 14px;
}
figure { margin: 0; }
img { display: block; width: 100%; height: auto; border-radius: 10px; }
figcaption { margin-top: 7px; }
figcaption b { color: var(--ink); font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 5px 22px; font-size: 14px; margin: 12px 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 560px) {
  main { padding: 28px 16px 48px; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 8px; }
}
@media print { :root { color-scheme: light; } .card, .tile, figure { break-inside: avoid; } }
"""
