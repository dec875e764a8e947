"""`/`: a plain page that says the house is up and what it can be asked."""

from __future__ import annotations

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Dandelion</title>
<style>
body {{ font: 16px/1.6 system-ui, "Noto Sans CJK SC", sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem;
       color: #24312b; background: #fbfaf5 }}
h1 {{ font-weight: 600; margin-bottom: 0 }} h1 small {{ color: #8a8f7a; font-weight: 400; font-size: 1rem }}
dl {{ display: grid; grid-template-columns: 11rem 1fr; gap: .2rem 1rem; margin: 2rem 0 }} dt {{ color: #6a705f }}
dd {{ margin: 0 }} a {{ color: #2f6f4f }} .note {{ background: #fff3cf; padding: .6rem 1rem; border-radius: .4rem }}
</style></head><body>
<h1>Dandelion <small>蒲公英</small></h1>
<p>Credit lines for the businesses banks cannot see.</p>
{note}
<dl>{facts}</dl>
<p><a href="/docs">API</a> · <a href="/health">health</a> · <a href="/metrics">metrics</a></p>
</body></html>"""


def render(facts: dict[str, str], *, moved_clock: bool) -> str:
    """HTML of the page; `facts` are shown in order and hold nothing about any subject."""
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items())
    note = '<p class="note">Rehearsal: the clock of this house is moved by hand; its money is simulated.</p>'
    return PAGE.format(facts=rows, note=note if moved_clock else "")
