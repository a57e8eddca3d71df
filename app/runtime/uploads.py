"""Labelled pictures that visitors upload: a ZIP archive, kept for its browser session alone.

Each server has a folder of its own below `uploads_folder()`, whose lock it holds. A server that starts deletes the
folders of servers that have ended.
"""

from __future__ import annotations

import atexit
import os
import re
import secrets
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

import platformdirs
from filelock import FileLock, Timeout

MAX_UPLOAD_MB = 200  # of an archive; `server.maxUploadSize` in .streamlit/config.toml lets it through


def runs_folder() -> Path:
    """The folder of all evaluations: VITRINE_RUNS, or one in the user's cache. Never among the user's pictures."""
    if named := os.environ.get("VITRINE_RUNS"):
        return Path(named)
    return platformdirs.user_cache_path("vitrine", appauthor=False) / "runs"


def uploads_folder() -> Path:
    """The folder of everything that visitors uploaded. Evaluations in it are in no list of all evaluations."""
    return runs_folder() / "uploads"


def upload_home(source: str) -> Path | None:
    """The folder of the session that uploaded this archive; None for any other source."""
    path = Path(source)
    return path.parent if path.parent.parent.parent == uploads_folder() else None


class ServerUploads:
    """The uploads of one server. Its folder is made for the first of them and deleted at the end."""

    def __init__(self):
        self.kept: set[Upload] = set()
        self._making = threading.Lock()
        self._folder: Path | None = None
        self._lock: FileLock | None = None

    def folder(self) -> Path:
        """The server's folder, whose lock this process holds. Raises OSError."""
        with self._making:
            if self._folder is None:
                folder = uploads_folder() / secrets.token_hex(8)
                with _all_uploads():
                    folder.mkdir(parents=True, mode=0o700)
                    self._lock = FileLock(folder / ".lock", is_singleton=False)
                    self._lock.acquire(timeout=0)
                self._folder = folder
                atexit.register(self.close)
            return self._folder

    def close(self) -> None:
        """Delete everything."""
        for upload in list(self.kept):
            upload.delete()
        if self._folder and self._lock:
            self._lock.release()
            shutil.rmtree(self._folder, ignore_errors=True)


class Upload:
    """The archive that one browser session uploaded, if any; its evaluations lie beside it."""

    def __init__(self, server: ServerUploads):
        self._server = server
        self._processes: list[subprocess.Popen] = []
        self._lock = threading.Lock()
        self.file: Path | None = None

    @property
    def folder(self) -> Path | None:
        """The folder of the archive and its evaluations."""
        return self.file and self.file.parent

    def keep(self, name: str, data: bytes) -> Path:
        """Store an archive, in place of the one before, under a name that any system can hold. Raises OSError."""
        self.delete()
        stem = re.sub(r"[^\w()-]+", " ", PurePosixPath(name.replace("\\", "/")).stem)[:60].strip() or "pictures"
        file = self._server.folder() / secrets.token_hex(16) / f"{stem}.zip"
        try:
            file.parent.mkdir(mode=0o700)
            file.write_bytes(data)
        except OSError:
            shutil.rmtree(file.parent, ignore_errors=True)
            raise
        self.file = file
        self._server.kept.add(self)
        return file

    def add_process(self, process: subprocess.Popen) -> None:
        """Remember a process that evaluates the archive: deleting ends it."""
        with self._lock:
            self._processes.append(process)

    def delete(self) -> Path | None:
        """End the evaluations, and delete the archive and all results. Returns the folder that is gone."""
        with self._lock:
            processes, self._processes = self._processes, []
        for process in processes:
            process.kill()
            process.wait()
        folder, self.file = self.folder, None
        self._server.kept.discard(self)
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
        return folder


@contextmanager
def _all_uploads() -> Iterator[None]:
    """Held while a server's folder is made or deleted: a folder without a locked lock would be a leftover."""
    uploads_folder().mkdir(parents=True, exist_ok=True)
    with FileLock(uploads_folder() / ".lock", is_singleton=False):
        yield


def delete_leftovers() -> None:
    """Delete what servers that have ended, however they ended, have left."""
    if not uploads_folder().is_dir():
        return
    with suppress(OSError), _all_uploads():
        for folder in uploads_folder().glob("*/"):
            lock = FileLock(folder / ".lock", is_singleton=False)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue  # its server is running
            lock.release()
            shutil.rmtree(folder, ignore_errors=True)
