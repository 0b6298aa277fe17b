"""What an answer tells the browser about what a page may load and do."""

import base64
import functools
import hashlib
import re
from pathlib import Path

import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

INDEX = Path(streamlit.__file__).parent / "static" / "index.html"
HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")  # nothing that could end a directive of the policy
UNUSED = (
    "accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer", "microphone", "midi",
    "payment", "usb",
)  # fmt: skip
ALWAYS = {
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@functools.cache
def inline_scripts() -> tuple[str, ...]:
    """The hashes of the scripts that stand in Streamlit's index.html itself, as a content policy names them."""
    scripts = re.findall(r"<script>(.*?)</script>", INDEX.read_text(), re.DOTALL)
    return tuple(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts)


@functools.lru_cache(64)
def content_policy(host: str) -> str:
    """A page loads its own files and nothing of another host, and makes no code from text.

    `host` is the Host header: not every browser counts a WebSocket of the page's own host as `'self'`.
    """
    sockets = f" ws://{host} wss://{host}" if HOST.fullmatch(host) else ""
    directives = (
        "default-src 'none'",
        # blob: is how Streamlit loads the code of a component that is given as text
        f"script-src 'self' blob: 'wasm-unsafe-eval' {' '.join(inline_scripts())}",
        "style-src 'self' 'unsafe-inline'",  # Streamlit and Plotly write their styles as they go
        "img-src 'self' data: blob:",  # Plotly makes its PNG through a blob
        "font-src 'self' data:",
        f"connect-src 'self'{sockets}",
        "worker-src 'none'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return "; ".join(directives)


class SecurityHeaders:
    """Middleware that adds the headers to every answer over HTTP, and lets WebSockets pass as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and add the headers to what comes back, as ASGI has it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        policy = content_policy(Headers(scope=scope).get("host", ""))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(ALWAYS | {"Content-Security-Policy": policy})
            await send(message)

        await self.app(scope, receive, send_with_headers)
