"""A Hugging Face hub on this computer: repositories of files, large ones behind a redirect to another host."""

from __future__ import annotations

import hashlib
import json

from tests.http_files import FileServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 20_000  # bytes; from here on, a file is stored by its SHA-256, on another host


class HubServer(FileServer):
    """`add` puts files into a repository; `gated` names the repositories that ask for consent."""

    def __init__(self):
        super().__init__()
        self.repos: dict[str, dict[str, bytes]] = {}
        self.cards: dict[str, dict] = {}
        self.gated: set[str] = set()

    def add(self, repo: str, files: dict[str, bytes], **card) -> None:
        self.repos[repo] = files
        self.cards[repo] = card
        for data in files.values():
            self.files[f"/store/{hashlib.sha256(data).hexdigest()}"] = data

    def downloads(self, data: bytes) -> list[str | None]:
        """The Range of each download of that large file."""
        return self.sent(f"/store/{hashlib.sha256(data).hexdigest()}")

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes] | None:
        if path == "/":
            return 200, {}, b""
        if path.startswith("/api/models/"):
            return self._facts(path.removeprefix("/api/models/"))
        if "/resolve/main/" not in path:
            return None
        repo, _, name = path.removeprefix("/").partition("/resolve/main/")
        if repo not in self.repos:
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        if repo in self.gated:
            return 401, {"X-Error-Code": "GatedRepo"}, b""
        data, headers = self.repos[repo].get(name), {"X-Repo-Commit": COMMIT}
        if data is None:
            return 404, headers | {"X-Error-Code": "EntryNotFound"}, b""
        if len(data) < LARGE:
            return 200, headers | {"ETag": f'"{git_name(data)}"'}, data
        digest = hashlib.sha256(data).hexdigest()
        elsewhere = f"http://localhost:{self.server_port}/store/{digest}"
        return (
            302,
            headers | {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(data)), "Location": elsewhere},
            b"",
        )

    def _facts(self, repo: str) -> tuple[int, dict[str, str], bytes]:
        if repo not in self.repos:
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        facts = {
            "id": repo,
            "sha": COMMIT,
            "gated": "manual" if repo in self.gated else False,
            "cardData": self.cards[repo],
            "siblings": [{"rfilename": name, "size": len(data)} for name, data in self.repos[repo].items()],
        }
        return 200, {"Content-Type": "application/json"}, json.dumps(facts).encode()


def git_name(data: bytes) -> str:
    """The name that git gives a file of that content."""
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
