"""Open a page of the app without a browser, and read what it shows."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from streamlit.testing.v1 import AppTest

from core.figures import board as figures
from core.figures.board import Board, Panel
from core.figures.montage import Montage
from core.ui.board import DRAWN

ROOT = Path(__file__).parents[2]


ALL_CLAIMS = {f"claim{number}": "true" for number in range(1, 13)}  # every pitfall's run open, not the first alone


def open_page(name: str, **parameters: str) -> AppTest:
    """The page as a reader finds it who opens this link, and all its pitfalls."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.switch_page(f"pages/{name}.py")
    app.query_params.update(ALL_CLAIMS | parameters)
    return sound(app.run())


def tried(name: str, number: int, **parameters: str) -> AppTest:
    """The page after a click on its link to try of this number, which it then says it stands at."""
    app = open_page(name, **parameters)
    title = app.pills[0].options[number]
    sound(app.pills[0].set_value(title).run())
    assert list(app.pills[0].proto.default) == [number]
    return app


def sound(app: AppTest) -> AppTest:
    """The same app, after seeing that nothing in it has failed."""
    assert not app.exception, [e.value for e in app.exception]
    silent = [name for name, panel in panels(app).items() if not tells(panel.alt)]
    assert not silent, silent
    return app


def tells(alt: str) -> bool:
    """Whether the words for a chart say what it shows: numbers, or more than a title's few words."""
    numbers = any(c.isdigit() for c in alt) or "∞" in alt or "NaN" in alt
    return len(alt) >= 8 and (numbers or len(alt.split()) >= 6)


def control(app: AppTest, key: str) -> Any:
    """The control with this key, whatever kind it is. Tabs, which tests open by a link, count as disabled."""
    kinds = (
        app.slider, app.select_slider, app.number_input, app.selectbox, app.segmented_control, app.toggle,
        app.text_input, app.text_area,
    )  # fmt: skip
    found = next((widget for kind in kinds for widget in kind if widget.key == key), None)
    labels = [tab.label for tab in app.tabs]
    if found is None and settings(app)[key].value in labels:
        return SimpleNamespace(type="tabs", disabled=True, options=labels)
    assert found is not None, f"no control has the key {key!r}"
    return found


def kept(app: AppTest) -> Any:
    """What the session keeps of the page on screen."""
    return app.session_state["_pages"][app.session_state["_page"]]


def settings(app: AppTest) -> dict[str, Any]:
    """What the controls of the page on screen stand at."""
    return dict(kept(app).settings)


def boards(app: AppTest) -> dict[str, Board]:
    """The boards on the page, by name."""
    return app.session_state.get(DRAWN, {})


def panels(app: AppTest) -> dict[str, Panel]:
    """The pictures of all boards on the page, by name."""
    return {panel.name: panel for shown in boards(app).values() for panel in shown.panels}


def held(app: AppTest, name: str) -> torch.Tensor:
    """The numbers in the cells of a picture, as the browser reads them for a sentence."""
    panel = panels(app)[name]
    cells = panel.cells
    assert cells is not None, f"{name} has no cells"
    if cells.values is not None:
        return cells.values.detach()
    z = np.array(readable(panel.figure.to_dict()["data"][0]["z"]), dtype=np.float32)
    return torch.from_numpy(z[Montage(cells.shape, cells.across, cells.gap).places].reshape(cells.shape))


def charts(app: AppTest) -> dict[str, Any]:
    """The pictures on the page: what a screen reader hears, and the figure, its numbers as lists."""
    found = panels(app).values()
    return {
        panel.alt: readable(json.loads(figures.packed(Board([panel], [])))["panels"][0]["figure"]) for panel in found
    }


def readable(value: Any) -> Any:
    """A figure with the numbers that travel in bytes as nested lists; NaN, a gap between two matrices, as None."""
    if isinstance(value, list):
        return [readable(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "bdata" in value:
        numbers = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
        shape = [int(n) for n in value.get("shape", str(len(numbers))).split(",")]
        return (
            [[None if n != n else n for n in row] for row in numbers.reshape(-1, shape[-1]).tolist()]
            if len(shape) > 1
            else numbers.tolist()
        )
    return {key: readable(item) for key, item in value.items()}


def words(app: AppTest) -> str:
    """All running text on the page."""
    kinds = (app.markdown, app.caption, app.error, app.success, app.info, app.warning)
    texts = [str(element.value) for kind in kinds for element in kind]
    texts += [element.proto.body for element in app.get("html")]
    return "\n".join(texts + [part.label for part in app.expander])


def ran_alone(app: AppTest, folder: Path) -> tuple[dict[str, torch.Tensor], str]:
    """Run the script that the page offers to take away, by itself: what it saved, and what it printed."""
    script = folder / "script.py"
    script.write_text(next(code.value for code in app.code if "import torch" in code.value))
    command = [sys.executable, str(script), str(folder / "out.pt")]
    ran = subprocess.run(command, check=True, cwd=folder, timeout=120, capture_output=True, text=True)
    return torch.load(folder / "out.pt"), ran.stdout
