"""Torch Underneath: the entry. The server imports it once, for `app`; for every reader it runs as a script."""

import streamlit as st
from starlette.middleware import Middleware

from core.ui import start
from core.web.files import FilesFromMemory
from core.web.headers import SecurityHeaders
from core.web.together import Together

MIDDLEWARE = (FilesFromMemory, SecurityHeaders, Together)  # what is asked for passes them in this order

if __name__ == "__main__":
    start.set_up()
    start.navigation().run()
else:
    app = st.App(__file__, lifespan=start.lifespan, middleware=[Middleware(each) for each in MIDDLEWARE])
