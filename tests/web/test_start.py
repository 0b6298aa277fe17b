"""The app that `streamlit run app.py` serves: warm before the first reader, and one script for every address."""

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.web.server.app_discovery import discover_asgi_app
from websockets.sync.client import connect

from core.topics import SECTIONS
from tests.serving import ROOT, free_port, start_server


def first_run(port: int, page: str) -> list[ForwardMsg]:
    """All that a reader is sent who opens a link straight to a page, to the end of the first run of the script."""
    address = f"ws://127.0.0.1:{port}/_stcore/stream"
    with connect(address, subprotocols=["streamlit"]) as socket:
        socket.send(BackMsg(rerun_script={"page_name": page}).SerializeToString())
        messages = []
        while not messages or messages[-1].WhichOneof("type") != "script_finished":
            messages.append(ForwardMsg.FromString(socket.recv(timeout=30)))
        return messages


def test_streamlit_finds_the_app():
    assert discover_asgi_app(ROOT / "app.py").import_string == "app:app"


@pytest.mark.browser
def test_a_link_straight_to_a_page_may_be_the_first_request_of_a_process(tmp_path):
    port, log = free_port(), tmp_path / "log"
    server = start_server(port, log=log)
    try:
        messages = first_run(port, "dropout")
    finally:
        server.terminate()
        server.wait(10)
    navigation = next(m.navigation for m in messages if m.WhichOneof("type") == "navigation")
    assert set(SECTIONS) <= {page.section_header for page in navigation.app_pages}
    assert messages[-1].script_finished == ForwardMsg.FINISHED_SUCCESSFULLY  # and was not begun again on the way
    elements = [m.delta.new_element.WhichOneof("type") for m in messages if m.WhichOneof("type") == "delta"]
    assert "slider" in elements
    assert "exception" not in elements
    assert "Traceback" not in log.read_text()
