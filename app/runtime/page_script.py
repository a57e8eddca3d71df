"""ASGI middleware that adds a script to Streamlit's page, before Streamlit's own.

It says where the server is. Without that, the page at /lecture first looks for a server at /lecture/_stcore, which
answers 404 twice, before it looks at the right place. (For an address of no page, Streamlit searches as without it.)

It also makes going to another page one step in the browser's history. Streamlit takes up to three: an address without
the parameters of the page before, the bare address of the new page, and that with its parameters. Back would lead to
the same page.
"""

from __future__ import annotations

SCRIPT = r"""
if (/\/(explore|lecture|mistakes)\/?$/.test(location.pathname))
  window.__streamlit = { BACKEND_BASE_URL: location.origin + location.pathname.replace(/[^/]+\/?$/, "") };
const push = history.pushState.bind(history);
let opened = !location.search;
history.pushState = (state, title, url) => {
  const { pathname, search } = new URL(url, location.href);
  const samePage = pathname === location.pathname;
  if (samePage && !search) return;
  opened && samePage ? history.replaceState(state, title, url) : push(state, title, url);
  opened = !samePage;
};
"""
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
