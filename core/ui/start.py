"""The app's start: everything imported and warmed once a process, and the navigation."""

import gc
import importlib
import pkgutil
import threading
from pathlib import Path

import streamlit as st
import torch
from streamlit import net_util

import core
from core import compare, topics
from core.topics import PAGES, SECTIONS

navigated: set[bool] = set()  # holds True once this process has called st.navigation
frozen: set[str] = set()  # what this process has done for the first time before a freeze of the heap

warming = threading.Lock()


def by_the_front_door() -> None:
    """Start again through app.py where Streamlit has run a page's file by itself.

    Until the first st.navigation of a process, a link straight to a page makes Streamlit take the folder `pages`
    for the navigation, and run the file without app.py.
    """
    if not navigated:
        set_up()
        navigation()
        st.rerun()


def set_up() -> None:
    """The window's title and icon, and the widths of the page and of its side bar."""
    icon = Path(__file__).parent / "assets" / "icon.svg"
    st.set_page_config("Torch Underneath", page_icon=icon, layout="wide", initial_sidebar_state=264)


def warm() -> None:
    """Do the start's work once a process, while whoever comes meanwhile waits for it.

    Not by Streamlit's cache, which any reader can ask to be emptied.
    """
    with warming:
        if "start" not in frozen:
            prepare()


def prepare() -> None:
    """Import all that any page needs, run some of it once, and freeze the heap.

    Streamlit collects the whole heap after every rerun. With torch imported that takes longer than a page
    takes to draw; once frozen, what start-up allocated is never looked at again. The first run of a page brings
    in what nobody foresaw, such as sympy at torch's first gradient: it is frozen after that run.
    """
    ask_nobody()
    torch.set_num_threads(1)  # forty readers would otherwise start forty pools of threads
    for module in pkgutil.walk_packages(core.__path__, "core."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for topic in PAGES:
        topic.thumbnail().to_json()
    for operator in topics.operators():
        compare.operator(operator, operator.make_call(operator.sizes[0], torch.float32, torch.device("cpu"), 0))
    freeze("start")


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
    navigated.add(True)
    pages = {"": [st.Page("pages/home.py", title="Start here", icon=":material/home:", default=True)]}
    for section in SECTIONS:
        topics = [topic for topic in PAGES if topic.section == section]
        if topics:
            pages[section] = [
                st.Page(f"pages/{t.name}.py", title=t.title, icon=t.icon, url_path=t.name) for t in topics
            ]
    return st.navigation(pages, expanded=True)
