"""Torch Underneath: the entry. Page set-up, warm start, navigation."""

from core.ui import start

start.set_up()
start.warm()
start.navigation().run()
