"""ASGI middleware in front of Streamlit: checks where requests come from, and restricts what the browser may do.

Starlette's TrustedHostMiddleware does not suffice: it cannot allow every numeric address without allowing names, and it
does not check the Origin.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from pathlib import Path
from urllib.parse import urlsplit

import streamlit
from streamlit import config

from app.runtime import page_script

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _inline() -> str:
    """Hashes of the inline scripts of Streamlit's own page and of ours: no other inline script may run."""
    page = (Path(streamlit.__file__).parent / "static/index.html").read_bytes()
    scripts = [*re.findall(rb"<script>(.*?)</script>", page, re.S), page_script.SCRIPT.encode()]
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s).digest()).decode()}'" for s in scripts)


#: Everything comes from this server, nothing is sent elsewhere, and no page may frame ours. Streamlit needs inline
#: styles, components' code from blobs, WebAssembly, and data addresses for the camera; plotly loads its pictures from
#: data addresses and blobs.
CONTENT_POLICY = "; ".join([
    "default-src 'self'", f"script-src 'self' blob: 'wasm-unsafe-eval' {_inline()}", "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:", "font-src 'self' data:", "media-src 'self' blob:", "worker-src 'self' blob:",
    "connect-src 'self' data:", "object-src 'none'", "frame-src 'none'", "frame-ancestors 'none'", "base-uri 'self'",
    "form-action 'self'",
])  # fmt: skip
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
}  # fmt: skip


def _name(address: str) -> str | None:
    """The host of "host:port" or of an origin, in lower case; None for anything else."""
    try:
        return urlsplit(address if "//" in address else f"//{address}").hostname
    except ValueError:
        return None


def allowed_host(host: str | None) -> bool:
    """Whether a request may use this Host. A name that somebody pointed at this computer (DNS rebinding) is rejected.

    Allowed are this computer's own names, `server.allowedHosts` and `browser.serverAddress`; if the server listens to
    other computers too, also any numeric address, since no foreign name is one.
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


def is_public() -> bool:
    """Whether other people than this computer's user may open pages: the server listens to other computers, or answers
    to a name that a proxy passes on."""
    names = (
        config.get_option("server.address"),
        config.get_option("browser.serverAddress"),
        *(config.get_option("server.allowedHosts") or ()),
    )
    return any(_name(name) not in LOOPBACK for name in names if name)


def _numbers(name: str) -> bool:
    """Whether a host is an IP address that this server can have."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or config.get_option("server.address") not in LOOPBACK


def allowed_origin(origin: str | None, host: str | None) -> bool:
    """Whether a page from `origin` may open a websocket or send something: a page of this server or of
    `server.corsAllowedOrigins`, or a program that is no page (None)."""
    try:
        same = origin is None or (urlsplit(origin).netloc == host and bool(host))
    except ValueError:  # not an address
        return False
    return same or origin in (config.get_option("server.corsAllowedOrigins") or ())


class Guard:
    """Rejects foreign hosts and origins with 403, and adds HEADERS to every answer."""

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
        await send({"type": "websocket.close", "code": 1008})  # before it is accepted, the browser gets a 403
        return
    await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"This server does not answer to that name or page.\n"})
