"""Torch Underneath: the entry. Page set-up, warm start, navigation."""

import streamlit as st

from core.ui import start

st.set_page_config("Torch Underneath", page_icon=":material/layers:", layout="wide")
start.warm()
start.navigation().run()
