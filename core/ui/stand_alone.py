"""A board as one HTML file: Plotly, the board's own script and the numbers, with no need of a server or a network."""

import html
import re

from core.figures.board import Board, packed
from core.web.files import BOARD, PLOTLY

SCRIPT, LINKS, CSS = BOARD
COLOURS = """
:root {
  --st-font: system-ui, sans-serif; --st-code-font: ui-monospace, monospace; --st-background-color: #FFFFFF;
  --st-secondary-background-color: #F4F1EE; --st-text-color: #1F2328; --st-border-color: #D9D3CD;
  --st-primary-color: #B83A14; --st-code-background-color: #F7F5F2;
}
@media (prefers-color-scheme: dark) { :root {
  --st-background-color: #14171C; --st-secondary-background-color: #20252D; --st-text-color: #E8EAED;
  --st-border-color: #3A414C; --st-primary-color: #FF8A5B; --st-code-background-color: #1B2027;
} }
body { margin: 1.5rem; background: var(--st-background-color); color: var(--st-text-color); }
body { font-family: var(--st-font); }
"""
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{css}</style><script>{plotly}</script></head>
<body><h1>{title}</h1><div class="board"><div class="flow"></div><p class="line" aria-live="polite"></p></div>
<script type="application/json" id="numbers">{numbers}</script>
<script type="module">{script}
draw(window.Plotly, document.querySelector(".board"), JSON.parse(document.getElementById("numbers").textContent));
</script></body></html>
"""


def page(board: Board, title: str) -> str:
    """The board as a page that opens anywhere; its cells light up as they do in the app."""
    return PAGE.format(
        title=html.escape(title),
        css=COLOURS + CSS.read_text(),
        plotly=PLOTLY.read_text(),
        numbers=packed(board).decode().replace("<", "\\u003c"),  # nothing in a text may end the script
        script=one_script(),
    )


def one_script() -> str:
    """The board's modules as one: without the lines that import, and the word that exports."""
    text = LINKS.read_text() + SCRIPT.read_text()
    return re.sub(r"^export ", "", re.sub(r"^import .*$", "", text, flags=re.MULTILINE), flags=re.MULTILINE)
