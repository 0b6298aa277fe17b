"""The app's start: everything imported and warmed once a process, and the navigation."""

import gc
import importlib
import pkgutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
import torch
from streamlit import net_util
from streamlit.runtime.pages_manager import PagesManager

import core
from core import compare, topics
from core.topics import PAGES, SECTIONS
from core.ui import language
from core.words import _, catalogue

frozen: set[str] = set()  # what this process has done for the first time before a freeze of the heap


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """Do the start's work before the first reader is let in; the server answers no one before that."""
    run_one_script()
    prepare()
    yield


def run_one_script() -> None:
    """Run app.py for every address.

    Until the first st.navigation of a process, a link straight to a page would make Streamlit take the folder `pages`
    for the navigation, and run the page's file without app.py. This is what st.navigation itself sets.
    """
    PagesManager.uses_pages_directory = False


def set_up() -> None:
    """The window's title and icon, the widths of the page and of its side bar, and the app's mark above it."""
    assets = Path(__file__).parent / "assets"
    st.set_page_config("Torch Underneath", page_icon=assets / "icon.svg", layout="wide", initial_sidebar_state=264)
    st.logo(assets / "mark.svg", icon_image=assets / "icon.svg")


def prepare() -> None:
    """Import all that any page needs, run some of it once, and freeze the heap.

    Streamlit collects the whole heap after every rerun. With torch imported that takes longer than a page
    takes to draw; once frozen, what start-up allocated is never looked at again. The first run of a page brings
    in what nobody foresaw, such as sympy at torch's first gradient: it is frozen after that run.
    """
    ask_nobody()
    catalogue("zh")
    settle_torch()
    for module in pkgutil.walk_packages(core.__path__, "core."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for operator in topics.operators():
        compare.operator(operator, operator.make_call(operator.sizes[0], torch.float32, torch.device("cpu"), 0))
    freeze("start")


def settle_torch() -> None:
    """One thread for torch, and its own kernels alone.

    Forty readers would otherwise start forty pools of threads. And oneDNN, to which torch hands convolutions in half
    precision, reads outside the input of some (width 1, stride 2, dilation 2, on a processor with AVX512-FP16), which
    ends the process: of every reader. NNPACK, which would take its place, rounds by 1e-5 where a sum is 0. A timing
    run is a process of its own and leaves torch as it is.
    """
    torch.set_num_threads(1)
    torch.backends.mkldnn.set_flags(False)
    torch.backends.nnpack.set_flags(False)


def ask_nobody() -> None:
    """Keep Streamlit from asking a host on the internet for this machine's address.

    It does so whenever a page of another site opens a WebSocket, and while nobody answers, for two seconds, all
    readers wait. Only such pages are let in by that address; a reader's own page is let in by its own.
    """
    net_util._external_ip = net_util.get_internal_ip()


def freeze(what: str) -> None:
    """Freeze the heap, once for each thing that has been done for the first time."""
    if what not in frozen:
        frozen.add(what)
        gc.collect()
        gc.freeze()


def navigation() -> st.Page:
    """The sections and pages in the side bar; returns the page that the address names."""
    language.speak()
    language.switch()
    pages = {"": [st.Page("pages/home.py", title=_("Start here"), icon=":material/home:", default=True)]}
    for section in SECTIONS:
        topics = [topic for topic in PAGES if topic.section == section]
        if topics:
            pages[_(section)] = [
                st.Page(f"pages/{t.name}.py", title=_(t.title), icon=t.icon, url_path=t.name) for t in topics
            ]
    return st.navigation(pages, expanded=True)
