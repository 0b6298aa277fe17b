"""A topic is added by the steps of the README, and nothing else has to be touched: done here in a copy of the app."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = Path(__file__).parent / "data" / "new_topic"
STEPS = {"operator.py": "core/ops/outer.py", "experiments.py": "core/experiments/outer.py", "page.py": "pages/outer.py"}
HELD = [  # tests that hold for every topic
    *("tests/pages/test_every_page.py", "tests/pages/test_home.py"),
    *("tests/ops/test_conformance.py", "tests/ops/test_composes.py"),
]


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    home = tmp_path_factory.mktemp("app")
    for name in ("app.py", "core", "pages", "tests", "docs", ".streamlit", "pyproject.toml"):
        source = ROOT / name
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, home / name, ignore=skip) if source.is_dir() else shutil.copy(source, home)
    for name, place in STEPS.items():
        shutil.copy(FILES / name, home / place)
    registry = home / "core" / "topics.py"
    text = registry.read_text().replace("    normalize,\n", "    normalize,\n    outer,\n", 1)
    registry.write_text(re.sub(r"(TOPICS: .*\n)", lambda m: m[1] + (FILES / "registry.txt").read_text(), text, count=1))
    return home


def within(home, *command):
    done = subprocess.run([sys.executable, "-m", *command], cwd=home, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_the_readme_names_each_step():
    steps = (ROOT / "README.md").read_text().partition("## Add a topic")[2].partition("\n## ")[0]
    for place in (*STEPS.values(), "core/topics.py", "python -m docs.thumbnails", "python -m docs.words"):
        assert place.replace("outer", "x") in steps


def test_a_new_topic_passes_what_holds_for_every_topic(app):
    within(app, "docs.thumbnails", "outer")
    assert "pages/outer.py" in within(app, "docs.words")
    said = within(app, "pytest", "-q", "-p", "no:cacheprovider", "-k", "outer", *HELD)
    passed = int(re.search(r"(\d+) passed", said)[1])
    assert passed > 20
