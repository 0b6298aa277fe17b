"""What one run of the script says is drawn in one go.

Streamlit's page draws itself anew for each of the forty messages of a run, while the script still runs. A small script
in the head of the page, `core/ui/assets/together.js`, lets them wait for the run's last.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.web import files


class Together:
    """Middleware that puts the script into the head of each page of HTML, before Streamlit's own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with another `send`, as ASGI has it."""
        await self.app(scope, receive, WithScript(send).send if scope["type"] == "http" else send)


class WithScript:
    """An answer over HTTP on its way out; a page is kept until it is whole."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        """Send on what is no page, and a page with the script."""
        if message["type"] == "http.response.start" and _is_page(message):
            self._start = message
        elif self._start is None or message["type"] != "http.response.body":
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._send_page(self._start)

    async def _send_page(self, start: Message) -> None:
        script = f'<head><script src="{files.together_address()}"></script>'.encode()
        body = self._body.replace(b"<head>", script, 1)
        if start["status"] == 200 and self._body:
            MutableHeaders(scope=start)["Content-Length"] = str(len(body))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _is_page(start: Message) -> bool:
    headers = MutableHeaders(scope=start)
    return headers.get("content-type", "").startswith("text/html") and "content-encoding" not in headers
