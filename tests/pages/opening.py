"""Open a page of the app without a browser, and read what it shows."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[2]


ALL_CLAIMS = {f"claim{number}": "true" for number in range(1, 13)}  # every pitfall's run open, not the first alone


def open_page(name: str, **parameters: str) -> AppTest:
    """The page as a reader finds it who opens this link, and all its pitfalls."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.switch_page(f"pages/{name}.py")
    app.query_params.update(ALL_CLAIMS | parameters)
    return sound(app.run())


def sound(app: AppTest) -> AppTest:
    """The same app, after seeing that nothing in it has failed."""
    assert not app.exception, [e.value for e in app.exception]
    silent = [chart.proto.id for chart in app.get("plotly_chart") if not tells(chart.proto.alt)]
    assert not silent, silent
    return app


def tells(alt: str) -> bool:
    """Whether the words for a chart say what it shows: numbers, or more than a title's few words."""
    return len(alt) >= 8 and (any(c.isdigit() for c in alt) or len(alt.split()) >= 6)


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


def charts(app: AppTest) -> dict[str, Any]:
    """The charts on the page: what a screen reader hears, and the figure."""
    return {chart.proto.alt: json.loads(chart.proto.spec) for chart in app.get("plotly_chart")}


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
