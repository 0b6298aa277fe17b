"""The words to translate: found in the source, and brought into the catalogues.

    python -m docs.words            # add what is new to every catalogue, drop what is gone, say what is missing

Words are what stands in `_(…)` and `N_(…)`, and what a function or a dataclass is given for a parameter that it
annotates as `Words`: a text, the choices of a condition, the items of a list or tuple, the values of a mapping (its
keys where they are what is annotated). Words put together by an f-string or `+` cannot be translated: `say` does it.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from core.words import LANGUAGES

ROOT = Path(__file__).parents[1]
SOURCES = ("core", "pages")
FOREIGN = ("st", "go", "torch", "np", "pd", "F", "nn", "re")  # modules whose functions only share a name with ours


HEADER = """msgid ""
msgstr ""
"Language: {language}\\n"
"Content-Type: text/plain; charset=utf-8\\n"

"""


@dataclass
class Signature:
    """Which parameters of a function, or fields of a dataclass, are words: "all", or a mapping's "keys" or "values"."""

    names: list[str] = field(default_factory=list)  # of the positional ones, in order
    words: dict[str, str] = field(default_factory=dict)  # parameter to what of it is words


def sources() -> list[Path]:
    """The Python files whose words are translated."""
    return sorted(path for folder in SOURCES for path in (ROOT / folder).rglob("*.py"))


def found() -> dict[str, list[str]]:
    """Every text to translate, and the files that it stands in."""
    known, places = signatures(), defaultdict(list)
    for path in sources():
        for text in words_in(ast.parse(path.read_text()), known):
            name = path.relative_to(ROOT).as_posix()
            if name not in places[text]:
                places[text].append(name)
    return dict(places)


@cache
def signatures() -> dict[str, list[Signature]]:
    """The functions and dataclasses of the source that take words, by name; several of one name are one."""
    known: dict[str, list[Signature]] = {}
    for path in sources():
        for name, found in signatures_in(ast.parse(path.read_text())).items():
            known.setdefault(name, []).extend(found)
    return known


def signatures_in(tree: ast.AST) -> dict[str, list[Signature]]:
    """Those of one module."""
    known: dict[str, list[Signature]] = defaultdict(list)
    for node in ast.walk(tree):
        parameters = list(parameters_of(node))
        words = {name: kind for name, annotation, _ in parameters if (kind := kind_of(annotation))}
        if words:
            positional = [name for name, _, by_place in parameters if by_place]
            known[node.name].append(Signature(positional, words))  # type: ignore[attr-defined]
    return dict(known)


def parameters_of(node: ast.AST) -> Iterator[tuple[str, ast.expr | None, bool]]:
    """Name, annotation and whether it can be given by its place, of each parameter or field."""
    if isinstance(node, ast.ClassDef):
        made = next((s for s in node.body if isinstance(s, ast.FunctionDef) and s.name == "__init__"), None)
        if made:
            yield from list(parameters_of(made))[1:]
            return
        fields = (s for s in node.body if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name))
        yield from ((s.target.id, s.annotation, True) for s in fields)  # type: ignore[union-attr]
    elif isinstance(node, ast.FunctionDef):
        yield from ((arg.arg, arg.annotation, True) for arg in (*node.args.posonlyargs, *node.args.args))
        yield from ((arg.arg, arg.annotation, False) for arg in node.args.kwonlyargs)


def kind_of(annotation: ast.expr | None) -> str:
    """What of a parameter is words, by its annotation; empty for none."""
    if annotation is None:
        return ""
    text = ast.unparse(annotation)
    if "Words" not in text and "Text" not in text.replace("TextIO", ""):
        return ""
    for node in ast.walk(annotation):
        if (
            isinstance(node, ast.Subscript)
            and ast.unparse(node.value) == "Mapping"
            and isinstance(node.slice, ast.Tuple)
        ):
            return "keys" if ast.unparse(node.slice.elts[0]) == "Words" else "values"
    return "all"


def words_in(tree: ast.AST, known: dict[str, list[Signature]]) -> Iterator[str]:
    """The texts to translate in a module."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or is_foreign(node.func):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in ("_", "N_") and node.args:
            yield from texts(node.args[0], "all")
        for signature in known.get(name, ()):
            yield from given_words(node, signature)


def is_foreign(function: ast.expr) -> bool:
    """Whether a function belongs to a library."""
    owner = function.value if isinstance(function, ast.Attribute) else None
    return isinstance(owner, ast.Name) and owner.id in FOREIGN


def given_words(call: ast.Call, signature: Signature) -> Iterator[str]:
    """The words that a call hands over."""
    for name, argument in zip(signature.names, call.args, strict=False):
        if name in signature.words and not isinstance(argument, ast.Starred):
            yield from texts(argument, signature.words[name])
    for keyword in call.keywords:
        if keyword.arg in signature.words:
            yield from texts(keyword.value, signature.words[keyword.arg])


def texts(node: ast.expr, kind: str) -> Iterator[str]:
    """The texts in an expression, not those in the calls inside it."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and node.value.strip():
            yield node.value
    elif isinstance(node, ast.Dict):
        for part in node.keys if kind == "keys" else node.values:
            if part is not None:
                yield from texts(part, "all")
    elif isinstance(node, (ast.List, ast.Tuple)):
        for part in node.elts:
            yield from texts(part, kind)
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body, kind)
        yield from texts(node.orelse, kind)
    elif isinstance(node, ast.BoolOp):
        for part in node.values:
            yield from texts(part, kind)


# ---- the catalogues --------------------------------------------------------------------------------------------


def path_of(language: str) -> Path:
    """The catalogue's file."""
    return ROOT / "core" / "words" / language / "messages.po"


def read(language: str) -> Catalog:
    """A language's catalogue."""
    with path_of(language).open("rb") as file:
        return read_po(file, locale=language)


def write(language: str, translated: dict[str, str]) -> Catalog:
    """The catalogue with all words of the source, in the order of their files, and their translations."""
    catalog = Catalog(locale=language)
    for text, places in sorted(found().items(), key=lambda item: item[1][0]):
        catalog.add(text, translated.get(text, ""), locations=[(place, None) for place in places])
    with path_of(language).open("wb") as file:
        file.write(HEADER.format(language=language).encode())
        write_po(file, catalog, width=120, include_lineno=False, omit_header=True)
    return catalog


def translations(language: str) -> dict[str, str]:
    """What a catalogue says now: English to its translation."""
    return {str(entry.id): str(entry.string) for entry in read(language) if entry.id and entry.string}


def main() -> None:
    """Bring every catalogue up to the source."""
    for language in LANGUAGES:
        if language != "en":
            catalog = write(language, translations(language))
            missing = [entry for entry in catalog if entry.id and not entry.string]
            print(f"{language}: {len(catalog)} entries, {len(missing)} without a translation")
            for entry in missing:
                print(f"  {entry.locations[0][0]}: {str(entry.id)[:90]!r}")


if __name__ == "__main__":
    sys.exit(main())
