"""The one stylesheet of the HTML made here, and its hash for a Content-Security-Policy."""

from __future__ import annotations

import base64
import hashlib

__all__ = ["STYLE", "STYLE_SOURCE"]

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5c6672; --line: #d5dae0;
  --paper: #fff; --tint: #f3f5f7; --link: #0b57a4; --warn: #8a4b00 }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e7eb; --soft: #9aa5b1;
  --line: #39424c; --paper: #14181c; --tint: #1d2328; --link: #84bdf5; --warn: #f0b866 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", "Noto Sans", sans-serif }
main { max-width: 56rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; overflow-wrap: anywhere }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .25rem }
h2 { font-size: 1.25rem; margin: 2rem 0 .5rem; padding-bottom: .2rem;
  border-bottom: 1px solid var(--line) }
h3 { font-size: 1.08rem; margin: 1.4rem 0 .4rem }
h4, h5, h6 { font-size: 1rem; margin: 1.1rem 0 .3rem }
p { margin: .5rem 0 }
a { color: var(--link) }
dl { margin: .4rem 0 }
dl > div { display: grid; grid-template-columns: minmax(8rem, 15rem) 1fr; gap: 0 1.25rem;
  padding: .2rem 0 }
dt { color: var(--soft) }
dd { margin: 0; min-width: 0 }
dd dl > div { display: block }
dd dl dt, dd dl dd { display: inline }
dd dl dt::after { content: ": " }
dd dl { margin: .1rem 0; padding-left: .8rem; border-left: 2px solid var(--line) }
ol, ul { margin: .4rem 0; padding-left: 1.6rem }
section section { padding-left: .9rem; border-left: 2px solid var(--line) }
table { border-collapse: collapse; margin: .6rem 0 }
th, td { border: 1px solid var(--line); padding: .25rem .6rem; text-align: start;
  vertical-align: top }
th, .facts { background: var(--tint) }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr));
  gap: .5rem 1.75rem; padding: .9rem 1.1rem; margin: 1rem 0; border-radius: .4rem }
.facts h2 { font-size: .85rem; margin: 0; border: 0; color: var(--soft) }
.facts dl > div { grid-template-columns: minmax(5.8rem, 34%) 1fr }
.status { color: var(--soft); margin: 0 }
.text { white-space: pre-line }
.uid, .how, .when { color: var(--soft); font-size: .82em }
.how { font-style: italic }
.missing, .notes { color: var(--warn) }
object { width: 100%; height: 90vh; border: 1px solid var(--line) }
@media (max-width: 34rem) { dl > div { grid-template-columns: 1fr } }
@media print { :root { --ink: #000; --soft: #444; --line: #aaa; --paper: #fff; --tint: #fff;
  --link: #000; --warn: #000 } main { max-width: none; padding: 0 } body { font-size: 10.5pt }
  h2, h3, h4, h5, h6, dt { break-after: avoid } dl > div, tr { break-inside: avoid } }
"""

STYLE_SOURCE = "'sha256-{}'".format(
    base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")
)
