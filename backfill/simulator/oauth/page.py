"""The frame of every page that a person sees."""

from __future__ import annotations

from html import escape

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --soft: #616e7c; --line: #d3dae3; --ground: #f4f6f8; --card: #fff;
  --go: #1f7a4d; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --soft: #9aa5b1; --line: #3e4c59; --ground: #161b21;
  --card: #222a33; --go: #2f9e68; --bad: #ff8f85; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 8vh 1rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 30rem; margin: auto; padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; }
h1 { margin: 0 0 1rem; font-size: 1.35rem; font-weight: 500; line-height: 1.3; }
ul { padding-left: 1.2rem; color: var(--soft); }
fieldset { margin: 1.2rem 0 .8rem; padding: 0; border: 1px solid var(--line); border-radius: 8px; max-height: 40vh;
  overflow: auto; }
legend { margin-left: .8rem; padding: 0 .4rem; color: var(--soft); font-size: .85rem; }
label { display: flex; align-items: baseline; gap: .6rem; padding: .5rem 1rem; }
label:hover { background: var(--ground); }
label span { flex: 1; }
small { color: var(--soft); font-variant-numeric: tabular-nums; }
.typed { padding-left: 0; color: var(--soft); }
.typed input { flex: 1; padding: .4rem; border: 1px solid var(--line); border-radius: 6px; }
.buttons { display: flex; gap: .8rem; margin-top: 1.2rem; }
button { flex: 1; padding: .7rem; border: 1px solid var(--line); border-radius: 8px; background: none; color: inherit;
  font: inherit; cursor: pointer; }
button.yes { border-color: var(--go); background: var(--go); color: #fff; font-weight: 600; }
.problem { color: var(--bad); }
footer { max-width: 30rem; margin: 1rem auto; text-align: center; color: var(--soft); font-size: .85rem; }
"""


def page(title: str, body: str) -> bytes:
    """A whole page around `body`, which is HTML."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main>{body}</main><footer>A rehearsal. No real company is connected.</footer></body></html>\n"
    ).encode()
