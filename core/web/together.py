"""What one run of the script says is drawn in one go.

Streamlit's page draws itself anew for each of the forty messages of a run, while the script still runs. A small script
in the head of the page, `core/ui/assets/together.js`, lets them wait for the run's last.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.web import files

# Of a page's request: what would be answered with a body that cannot be written into, or with none.
LEFT_OUT = (b"accept-encoding", b"if-none-match", b"if-modified-since")


class Together:
    """Middleware that puts the script into the head of each page, before Streamlit's own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask for a page as plain text and write into it; pass on all else, as ASGI has it."""
        if scope["type"] != "http" or "text/html" not in Headers(scope=scope).get("accept", ""):
            await self.app(scope, receive, send)
            return
        packed = "gzip" in files.accepted(Headers(scope=scope).get("accept-encoding", ""))
        plain = [(name, value) for name, value in scope["headers"] if name not in LEFT_OUT]
        await self.app({**scope, "headers": plain}, receive, Page(send, packed).send)


class Page:
    """An answer on its way out; if it is a page, it is kept until it is whole."""

    def __init__(self, send: Send, packed: bool) -> None:
        self._send = send
        self._packed = packed
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
        body, headers = self._body.replace(b"<head>", script, 1), MutableHeaders(scope=start)
        for name in ("ETag", "Last-Modified"):  # of the page without the script
            del headers[name]
        if self._packed:
            body = files.PACKERS["gzip"](body)
            headers["Content-Encoding"] = "gzip"
            headers.add_vary_header("Accept-Encoding")
        headers["Content-Length"] = str(len(body))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _is_page(start: Message) -> bool:
    return start["status"] == 200 and Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")
