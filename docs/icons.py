"""The icons' font, cut to those that this app and Streamlit's scripts can name: 50 kB for 375.

    python -m docs.icons

Streamlit brings a font of 4,309 icons, an eighth of all that a first visit loads. Which of them its own scripts show
is not listed anywhere: every icon whose name stands in them as a word of its own stays, which is more than they need.
"""

import re
from io import BytesIO
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

from core.web import files

ROOT = Path(__file__).parents[1]
QUOTED = re.compile(r"[`\"':/]([a-z0-9][a-z0-9_]*)(?=[`\"'):])")
NAMED = re.compile(r":material/(\w+):")


def icons(font: TTFont) -> dict[str, str]:
    """The glyph of each of the font's icons by its name: it is a ligature of the letters of that name."""
    letters = {glyph: chr(code) for code, glyph in font.getBestCmap().items()}
    tables = (table for lookup in font["GSUB"].table.LookupList.Lookup for table in lookup.SubTable)
    return {
        "".join(letters.get(glyph, "?") for glyph in (first, *ligature.Component)): ligature.LigGlyph
        for table in tables
        for first, found in getattr(getattr(table, "ExtSubTable", table), "ligatures", {}).items()
        for ligature in found
    }


def named_by_streamlit() -> set[str]:
    """Every word that stands by itself in Streamlit's scripts."""
    scripts = (files.STREAMLIT / "static" / "js").glob("*.js")
    return {word for script in scripts for word in QUOTED.findall(script.read_text())}


def named_by_us() -> set[str]:
    """The icons that our own code names."""
    sources = (path for folder in ("core", "pages") for path in (ROOT / folder).rglob("*.py"))
    return {name for source in sources for name in NAMED.findall(source.read_text())}


def cut(font: TTFont, names: set[str]) -> bytes:
    """The font with these icons alone, as woff2."""
    options = subset.Options(flavor="woff2", layout_features=["*"], layout_closure=False)
    cutter = subset.Subsetter(options)
    glyphs = [glyph for name, glyph in icons(font).items() if name in names]
    cutter.populate(glyphs=glyphs, text="".join(sorted(set("".join(names)))))
    cutter.subset(font)
    kept = BytesIO()
    font.flavor = "woff2"
    font.save(kept)
    return kept.getvalue()


if __name__ == "__main__":
    whole = TTFont(files.ICONS)
    files.CUT.mkdir(exist_ok=True)
    names = (named_by_streamlit() | named_by_us()) & icons(whole).keys()
    (files.CUT / files.ICONS.name).write_bytes(cut(whole, names))
