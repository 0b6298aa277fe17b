"""The messages of one run of the script reach Streamlit's page in one task."""

import re

import pytest
import requests

from core.web import files

HANDED = """async () => {
    // A run as Streamlit sends it: new_session, two deltas, script_finished; each with a length, or a number, of 0.
    const messages = { begun: [0x22, 0], first: [0x2a, 0], second: [0x2a, 0], ended: [0x30, 0], status: [0x48, 1] };
    const socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/_stcore/stream", ["streamlit"]);
    let task = 0;
    const handed = [];
    socket.addEventListener("message", (event) => { handed.push([event.lastEventId, task]); });
    const say = async (name) => {
        task += 1;
        const data = new Uint8Array(messages[name]).buffer;
        socket.dispatchEvent(new MessageEvent("message", { data, lastEventId: name }));
        await new Promise((resolve) => setTimeout(resolve));
    };
    for (const name of ["status", "begun", "first", "second", "ended", "status"]) await say(name);
    await say("begun");
    await new Promise((resolve) => setTimeout(resolve, 300));
    await say("first");
    socket.close();
    return handed;
}"""


@pytest.fixture(scope="module")
def page_of(url):
    def get(**headers):
        return requests.get(f"{url}/dropout", headers={"Accept": "text/html", **headers}, timeout=30)

    return get


@pytest.mark.browser
@pytest.mark.parametrize("encoding", ["identity", "gzip", "gzip, br"])
def test_a_page_brings_the_script_before_all_others(page_of, encoding):
    answer = page_of(**{"Accept-Encoding": encoding})
    assert re.search(r"<script[^>]*src=\"([^\"]*)\"", answer.text)[1] == files.together_address()
    assert answer.headers.get("Content-Encoding", "identity") == encoding.split(",")[0]
    assert "ETag" not in answer.headers  # it would be that of the page without the script


@pytest.mark.browser
def test_a_page_kept_by_the_browser_is_asked_for_whole(page_of, url):
    kept = requests.get(f"{url}/dropout", timeout=30).headers["ETag"]
    assert page_of(**{"If-None-Match": kept}).status_code == 200


@pytest.mark.browser
def test_what_is_no_page_passes_as_it_is(url):
    answer = requests.get(f"{url}/_stcore/health", headers={"Accept": "text/html"}, timeout=30)
    assert (answer.status_code, answer.text) == (200, "ok")


@pytest.mark.browser
def test_a_runs_messages_are_handed_over_together(page, url):
    page.goto(url)
    handed = page.evaluate(HANDED)
    # outside a run at once; a run with its last message; a run that lasts, as far as it has come, and then at once
    assert handed[:6] == [["status", 1], ["begun", 5], ["first", 5], ["second", 5], ["ended", 5], ["status", 6]]
    assert handed[6:] == [["begun", 7], ["first", 8]]
