"""An HTTP server on this computer that serves bytes with ranges, and can cut connections or hold them."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer(ThreadingHTTPServer):
    """Serves `files` (path -> bytes) at `url`.

    cut: the next answers end after so many bytes, one number an answer. hold: after so many bytes of an answer, wait
    until `released` is set. ranges: False ignores Range. requests: (method, path, Range) of what was asked for.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.cut: list[int] = []
        self.hold: int | None = None
        self.released = threading.Event()
        self.ranges = True
        self.requests: list[tuple[str, str, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes] | None:
        """Status, headers and body of something else than a file; None for a file. For subclasses."""
        return None

    def sent(self, path: str) -> list[str | None]:
        """The Range of each GET of that path."""
        return [given for method, asked, given in self.requests if (method, asked) == ("GET", path)]


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def log_message(self, *args) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        server, path = self.server, self.path.split("?")[0]
        asked = self.headers.get("Range")
        server.requests.append((self.command, path, asked))
        special = server.answer(path)
        data = server.files.get(path)
        if special or data is None:
            status, headers, text = special or (404, {}, b"")
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(text)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and server.ranges else 0
        if start >= len(data) > 0:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if asked and server.ranges else 200)
        if asked and server.ranges:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if body:
            self._send(data[start:])

    def _send(self, data: bytes) -> None:
        server = self.server
        end = server.cut.pop(0) if server.cut else len(data)
        first = end if server.hold is None else min(server.hold, end)
        with contextlib.suppress(OSError):  # the client has left
            self.wfile.write(data[:first])
            self.wfile.flush()
            if server.hold is not None:
                server.released.wait(100)
            self.wfile.write(data[first:end])
            self.wfile.flush()
        self.close_connection = True


@contextlib.contextmanager
def serving_files(kind: type[FileServer] = FileServer):
    """A FileServer that answers; afterwards it is stopped."""
    server = kind()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
