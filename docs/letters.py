"""The letters of a language that fonts for Latin letters lack, cut from a font to those that its catalogue uses.

    python -m docs.letters zh NotoSansCJK-Regular.ttc NotoSansCJK-Bold.ttc

A reader's own system has them nearly always; where it has not, the page loads this file. The fonts of Noto may be cut
and passed on under the SIL Open Font License, which lies beside the file.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTCollection, TTFont

from core.web import files
from core.words import LANGUAGES
from docs import words

FIRST = "\u2e80"  # of the letters that are drawn in a full square; all before it stand in the page's own font
FAMILY = "Noto Sans CJK SC"


def needed(language: str) -> str:
    """The letters that a language's catalogue uses."""
    said = "".join(words.translations(language).values()) + "".join(LANGUAGES.values())
    return "".join(sorted({letter for letter in said if letter >= FIRST}))


def font(path: Path) -> TTFont:
    """The font of simplified Chinese in a file or collection."""
    if path.suffix != ".ttc":
        return TTFont(path)
    return next(each for each in TTCollection(path).fonts if each["name"].getDebugName(1) == FAMILY)


def cut(whole: TTFont, letters: str, to: Path) -> None:
    """Write the font with these letters alone, as woff2."""
    options = subset.Options(flavor="woff2", layout_features=[], hinting=False, desubroutinize=True)
    cutter = subset.Subsetter(options)
    cutter.populate(text=letters)
    cutter.subset(whole)
    whole.flavor = "woff2"
    whole.save(to)


if __name__ == "__main__":
    language, *sources = sys.argv[1:]
    files.LETTERS.mkdir(exist_ok=True)
    for source in map(Path, sources):
        whole = font(source)
        cut(whole, needed(language), files.LETTERS / f"{language}-{whole['OS/2'].usWeightClass}.woff2")
