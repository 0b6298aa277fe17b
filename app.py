"""Torch Underneath: the entry. Page set-up, warm start, navigation."""

import streamlit as st

from core.ui import start

st.set_page_config("Torch Underneath", page_icon="core/ui/assets/icon.svg", layout="wide", initial_sidebar_state=240)
start.warm()
start.navigation().run()
