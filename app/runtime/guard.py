"""What stands between the network and Streamlit: who may ask, and what the browser may do with the answer."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from pathlib import Path
from urllib.parse import urlsplit

import streamlit
from streamlit import config

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _inline() -> str:
    """The scripts that Streamlit's own page has in line, by their hashes: no other may run."""
    page = (Path(streamlit.__file__).parent / "static/index.html").read_bytes()
    scripts = re.findall(rb"<script>(.*?)</script>", page, re.S)
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s).digest()).decode()}'" for s in scripts)


#: Everything comes from this server. Streamlit styles in line, loads components' code from blobs, compiles WebAssembly,
#: reads what its camera took out of a data address; plotly draws its pictures from data and blobs. Nobody frames the
#: page, and nothing is sent elsewhere.
CONTENT = "; ".join([
    "default-src 'self'", f"script-src 'self' blob: 'wasm-unsafe-eval' {_inline()}", "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:", "font-src 'self' data:", "media-src 'self' blob:", "worker-src 'self' blob:",
    "connect-src 'self' data:", "object-src 'none'", "frame-src 'none'", "frame-ancestors 'none'", "base-uri 'self'",
    "form-action 'self'",
])  # fmt: skip
HEADERS = {
    "Content-Security-Policy": CONTENT, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
}  # fmt: skip


def _name(address: str) -> str | None:
    """The host of "host:port" or of an origin, in small letters; None for what is neither."""
    try:
        return urlsplit(address if "//" in address else f"//{address}").hostname
    except ValueError:
        return None


def allowed_host(host: str | None) -> bool:
    """Whether a request may call this server so: a page whose name has been pointed at this computer may not.

    Its own names are this computer's, `server.allowedHosts` and `browser.serverAddress`; listening to others too, any
    address in numbers, which no foreign name can be.
    """
    name = _name(host or "")
    own = {
        *LOOPBACK,
        *map(
            _name,
            (
                config.get_option("browser.serverAddress") or "localhost",
                config.get_option("server.address") or "localhost",
                *(config.get_option("server.allowedHosts") or ()),
            ),
        ),
    }
    return name is not None and (name in own or _numbers(name))


def _numbers(name: str) -> bool:
    """Whether a host is an IP address at which this server may be reached."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or config.get_option("server.address") not in LOOPBACK


def allowed_origin(origin: str | None, host: str | None) -> bool:
    """Whether the page at `origin` may open a websocket or send something: only one of this very server, of
    `server.corsAllowedOrigins`, or no page at all."""
    try:
        same = origin is None or (urlsplit(origin).netloc == host and bool(host))
    except ValueError:  # an address that is none
        return False
    return same or origin in (config.get_option("server.corsAllowedOrigins") or ())


class Guard:
    """ASGI middleware: refuses foreign names and pages (403), adds HEADERS to every answer."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        given = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = given.get(b"host"), given.get(b"origin")
        reads = scope["type"] == "http" and scope["method"] in ("GET", "HEAD", "OPTIONS")
        if not allowed_host(host) or not (reads or allowed_origin(origin, host)):
            await _refuse(scope, send)
            return

        async def answer(message) -> None:
            if message["type"] == "http.response.start":
                ours = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                names = {name for name, _ in ours}
                theirs = [pair for pair in message.get("headers", ()) if pair[0].lower() not in names]
                message["headers"] = theirs + ours
            await send(message)

        await self.app(scope, receive, answer)


async def _refuse(scope, send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})  # before it is accepted: the browser sees a 403
        return
    await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"This server does not answer to that name or page.\n"})
