"""ASGI middleware that adds page_script.js to Streamlit's page, before Streamlit's own scripts."""

from __future__ import annotations

from pathlib import Path

SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_ELEMENT = f"<script>{SCRIPT}</script>".encode()


class PageScript:
    """Adds SCRIPT to the head of every HTML page."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send) -> None:
        accepted = [value for name, value in scope.get("headers", ()) if name == b"accept"]
        if scope["type"] != "http" or scope["method"] != "GET" or not any(b"text/html" in value for value in accepted):
            await self.app(scope, receive, send)
            return
        # A compressed page could not be changed.
        scope = scope | {"headers": [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]}
        start, body = None, b""

        async def answer(message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_page(message):
                start = message  # sent with the body, whose length changes
                return
            if start is None or message["type"] != "http.response.body":
                await send(message)
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            page = body.replace(b"<head>", b"<head>" + _ELEMENT, 1)
            stale = {b"content-length", b"etag", b"last-modified"}  # of the page without the script
            headers = [pair for pair in start["headers"] if pair[0].lower() not in stale]
            await send(start | {"headers": [*headers, (b"content-length", str(len(page)).encode())]})
            await send({"type": "http.response.body", "body": page})

        await self.app(scope, receive, answer)


def _is_page(start) -> bool:
    """Whether this answer is a whole HTML page."""
    headers = {name.lower(): value for name, value in start.get("headers", ())}
    return start["status"] == 200 and headers.get(b"content-type", b"").startswith(b"text/html")
