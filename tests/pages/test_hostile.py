"""What a hostile reader sends to any page: no exception, no run that holds the server, none of its markup on the page.

`FUZZ=300 SEED=1 python -m pytest tests/pages/test_hostile.py -s` goes through 300 states a page instead of a few, and
prints the most expensive ones.
"""

import ast
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.topics import PAGES
from tests.pages.hostile import FILES, any_link, move
from tests.pages.opening import ROOT, open_page, sound

STATES, SEED = int(os.environ.get("FUZZ", "6")), os.environ.get("SEED", "0")
MOST_SECONDS, MOST_BYTES = 4.0, 800_000_000  # of one run: CPU time, and memory beyond what was held before it
SIGNS = ("<img", "<script", "evil", ":material/bug", "alert(1)", r"\href", ":red[x]", ":smile:")  # of hostile.MARKUP
CLEAR, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def peak() -> int:
    """The largest resident memory of this process since `forget_peak`, in bytes; 0 where the system does not tell."""
    lines = STATUS.read_text().splitlines() if CLEAR.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def forget_peak() -> int:
    """Start a new peak; gives the memory held now."""
    if CLEAR.exists():
        CLEAR.write_text("5")
    return peak()


class Costs:
    """What each run took, and what led to it."""

    def __init__(self) -> None:
        self.all: list[tuple[float, int, str]] = []

    def of(self, run: Callable[[], Any], path: str) -> Any:
        """Run, note what it took, and look at the page that comes of it."""
        held, started = forget_peak(), time.process_time()
        app = sound(run())
        self.all.append((time.process_time() - started, peak() - held, path))
        assert self.all[-1][0] < MOST_SECONDS, self.all[-1]
        assert self.all[-1][1] < MOST_BYTES, self.all[-1]
        assert not repeated(app), (path, repeated(app))
        return app

    def said(self) -> str:
        """How many runs there were, and the two that cost most."""
        (seconds, _, slow), (_, size, large) = (max(self.all, key=lambda cost: cost[i]) for i in (0, 1))
        return f"{len(self.all)} states; {seconds:.2f} s: {slow[:300]}; {size / 1e6:.0f} MB: {large[:300]}"


def repeated(app: Any) -> list[str]:
    """What a page shows of the reader's markup outside of code spans, where Markdown would read it."""
    kinds = (app.markdown, app.caption, app.error, app.success, app.info, app.warning)
    shown = [str(element.value) for kind in kinds for element in kind] + [button.label for button in app.button]
    plain = ["".join(text.split("`")[::2]) for text in shown]
    return [text for text in plain if any(sign in text for sign in SIGNS)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_and_no_move_breaks_a_page_or_holds_the_server(page):
    draw, costs = random.Random(f"{page.name} {SEED}"), Costs()
    known = open_page(page.name)
    while len(costs.all) < STATES:
        link = any_link(draw, known)
        path = f"{page.name} {link}"
        app = costs.of(lambda link=link: open_page(page.name, **link), path)
        for _ in range(min(draw.choice((0, 0, 1, 2, 5, 12)), STATES - len(costs.all))):
            path += f" > {move(draw, app)}"
            app = costs.of(app.run, path)
    if "FUZZ" in os.environ:
        print(f"\n{page.name}: {costs.said()}")


@pytest.mark.parametrize(
    "page", ["convolution", "gather", "mlp", "softmax"] if "FUZZ" in os.environ else ["convolution"]
)
def test_no_file_breaks_a_page_or_holds_the_server(page):
    costs = Costs()
    app = open_page(page, x_from="a file")
    for name, make in FILES.items():
        if not app.file_uploader:  # the last file was taken, and is now typed text
            app = open_page(page, x_from="a file")
        app.file_uploader[0].set_value((f"![{name}](//evil.io).npy", make(), "image/png"))
        app = costs.of(app.run, f"{page}, {name}")
    if "FUZZ" in os.environ:
        print(f"\n{page}, files: {costs.said()}")


# ---- what is not to be used ------------------------------------------------------------------------------------

SOURCES = [ROOT / "app.py", *(ROOT / "core").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]
RUNNING = {"eval", "exec", "compile", "__import__"}
UNPICKLING = {"pickle", "marshal", "shelve", "dill", "joblib"}
TRUSTING = {
    ("unsafe_allow_html", True),
    ("unsafe_allow_javascript", True),
    ("allow_pickle", True),
    ("weights_only", False),
}


def dangers(tree: ast.AST) -> list[str]:
    """Calls and imports that would run or show as HTML what somebody sent."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            found += [name for name in modules if name.partition(".")[0] in UNPICKLING]
        if isinstance(node, ast.Call):
            given = {(k.arg, k.value.value) for k in node.keywords if isinstance(k.value, ast.Constant)}
            called = ast.unparse(node.func)
            found += [called] if called in RUNNING else []
            found += [str(pair) for pair in given & TRUSTING]
            found += [called] if called == "torch.load" and ("weights_only", True) not in given else []
            found += [ast.unparse(node)] if called in ("st.html", "st.iframe", "components.html") else []
    return found


def test_nothing_a_reader_sends_is_evaluated_unpickled_or_shown_as_html():
    found = {str(path.relative_to(ROOT)): dangers(ast.parse(path.read_text())) for path in SOURCES}
    (style,) = found.pop("core/ui/frame.py")
    assert style.startswith("st.html(STYLE + ")  # the app's own style sheets, none of them made of a reader's text
    assert found.pop("core/ui/predict.py") == ["st.html(cover(covered))"]  # names of pictures, which pages give
    assert found.pop("core/ui/code.py") == ["compile"]  # of the statement that gives a module's own name its value
    (card,) = found.pop("pages/home.py")
    assert "coded(_(topic.question))" in card  # a topic's own words, escaped all the same
    assert {path: uses for path, uses in found.items() if uses} == {}
    assert dangers(ast.parse("import pickle; eval(x); torch.load(f); np.load(f, allow_pickle=True)")) != []
