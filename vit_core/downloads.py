"""Downloads of one file: with progress, stopped on request, and continued where an earlier attempt ended.

huggingface_hub is imported inside functions because it is slow to import. Its HTTP client is used for every address, so
that proxies, certificates and HF_HUB_OFFLINE hold for all downloads. Its own downloads start over after an interruption
(since 1.18), which is why this module exists.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from vit_core.errors import InputError

#: Called with the bytes that are there and the bytes of the whole file (None if the server does not tell).
Progress = Callable[[int, int | None], None]
ShouldStop = Callable[[], bool]

ANSWER_SECONDS = 4.0  # for the server's first answer
READ_SECONDS = 10.0  # without a byte, then the connection counts as cut
RETRY_SECONDS = 1.0  # pause before the connection is made again
MAX_RETRIES = 4  # in a row that bring no byte


class Stopped(Exception):
    """`should_stop()` returned True. What has been downloaded is kept."""


def ignore_progress(done: int, total: int | None) -> None:
    """A Progress that tells nobody."""


def never_stop() -> bool:
    """A ShouldStop that lets the download finish."""
    return False


def incomplete_path(path: Path) -> Path:
    """Where `download_file` keeps the first bytes of `path` until it has them all."""
    return path.with_name(f"{path.name}.incomplete")


def transport_errors() -> tuple[type[Exception], ...]:
    """The exceptions of the HTTP client that huggingface_hub has imported, which depends on its version."""
    clients = [sys.modules[name] for name in ("httpx2", "httpx", "requests") if name in sys.modules]
    names = ("HTTPError", "RequestException", "InvalidURL", "StreamError")
    return tuple(getattr(client, name) for client in clients for name in names if hasattr(client, name))


def download_file(
    url: str,
    path: Path,
    progress: Progress = ignore_progress,
    should_stop: ShouldStop = never_stop,
    *,
    size: int | None = None,
    digest: str | None = None,
    headers: dict[str, str] | None = None,
) -> Path:
    """Downloads `url` to `path`, and returns `path`. A file that is there is not downloaded again.

    Bytes are collected in "<path>.incomplete"; another call continues after them, also in another process. If two calls
    want the same path, one downloads and the other waits and reports the same progress.

    size: bytes of the file, where they are known beforehand. digest: "sha256:<hex>", or another algorithm of hashlib;
    "git:<hex>" is the name that git gives a file of that content.

    Raises Stopped, and InputError "download-unreachable", "download-refused", "download-damaged" (wrong size or digest;
    the partial file is deleted) or "download-disk".
    """
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path, progress, should_stop, size) as lock:
            if not path.exists():
                _collect(url, path, progress, should_stop, size, headers or {})
                _check(path, size, digest, url)
                os.replace(incomplete_path(path), path)
            lock.unlink(missing_ok=True)  # who waits for this lock finds the file
    except OSError as error:
        raise _disk_error(path, str(error)) from error
    return path


@contextmanager
def _alone(path: Path, progress: Progress, should_stop: ShouldStop, size: int | None) -> Iterator[Path]:
    """Wait until no other call downloads `path`, telling how far that one is. Yields the lock's file."""
    lock = FileLock(f"{path}.lock")
    while True:
        try:
            lock.acquire(timeout=0.2)
            break
        except Timeout:
            if should_stop():
                raise Stopped from None
            progress(_present(path), size)
    try:
        yield Path(f"{path}.lock")
    finally:
        lock.release()


def _present(path: Path) -> int:
    """Bytes that are already there."""
    try:
        return os.path.getsize(incomplete_path(path))
    except OSError:
        return 0


def _collect(
    url: str, path: Path, progress: Progress, should_stop: ShouldStop, size: int | None, headers: dict[str, str]
) -> None:
    """Fill "<path>.incomplete". A connection that is cut is made again."""
    import huggingface_hub as hub

    failures = 0
    while True:
        done = _present(path)
        if size is not None and done >= size:
            progress(done, size)
            return
        if should_stop():
            raise Stopped
        try:
            _continue(hub.get_session(), url, path, done, progress, should_stop, size, headers)
            return
        except (ConnectionError, *transport_errors()) as error:
            failures = 0 if _present(path) > done else failures + 1
            first = done == 0 and failures == 1  # nothing came at all: there is probably no network
            if first or failures > MAX_RETRIES:
                raise unreachable(url, str(error).splitlines()[0] if str(error) else type(error).__name__) from error
        _pause(should_stop)


def _pause(should_stop: ShouldStop) -> None:
    until = time.monotonic() + RETRY_SECONDS
    while time.monotonic() < until:
        if should_stop():
            raise Stopped
        time.sleep(0.05)


def _continue(
    client: Any,
    url: str,
    path: Path,
    done: int,
    progress: Progress,
    should_stop: ShouldStop,
    size: int | None,
    headers: dict[str, str],
) -> None:
    """One connection: append what the server sends after byte `done`. Raises the client's errors if it is cut."""
    wanted = headers | {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
    response = _ask(client, url, wanted)
    try:
        if response.status_code == 416 and size is None:  # there is nothing after the partial file
            return
        start = response.headers.get("Content-Range", f"bytes {done}-")
        if response.status_code == 416 or (response.status_code == 206 and not start.startswith(f"bytes {done}-")):
            incomplete_path(path).unlink(missing_ok=True)
            raise ConnectionError(f"Content-Range: {start}")  # begins again
        if response.status_code not in (200, 206):
            raise refused(url, response.status_code)
        if response.status_code == 200:
            done = 0  # the server sends the whole file, whatever was asked for
        length = response.headers.get("Content-Length", "")
        total = size if size is not None or not length.isdigit() else done + int(length)
        free = shutil.disk_usage(path.parent).free
        if total is not None and total - done > free:
            raise _disk_error(path, f"{(total - done) / 1e6:,.0f} MB > {free / 1e6:,.0f} MB")
        with incomplete_path(path).open("ab" if done else "wb") as file:
            progress(done, total)
            for chunk in response.iter_bytes():
                file.write(chunk)
                done += len(chunk)
                progress(done, total)
                if should_stop():
                    raise Stopped
        if total is not None and done < total:
            raise ConnectionError(f"{done:,} < {total:,} bytes")
    finally:
        response.close()


def _ask(client: Any, url: str, headers: dict[str, str]) -> Any:
    """The server's answer, its content not yet read. Gives up in time even if a name server never answers."""
    answers: list[Any] = []
    given_up = threading.Event()

    def ask() -> None:
        try:
            request = client.build_request("GET", url, headers=headers, timeout=READ_SECONDS)
            answer = client.send(request, stream=True)
            if given_up.is_set():
                answer.close()
            answers.append(answer)
        except Exception as error:  # raised where it is waited for
            answers.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(ANSWER_SECONDS)
    if not answers:
        given_up.set()
        raise ConnectionError(f"timeout: {ANSWER_SECONDS:g} s")
    if isinstance(answers[0], Exception):
        raise answers[0]
    return answers[0]


def _check(path: Path, size: int | None, digest: str | None, url: str) -> None:
    """Raises InputError "download-damaged", and deletes the partial file, unless it has this size and digest."""
    partial = incomplete_path(path)
    found = partial.stat().st_size
    reason = f"{found:,} ≠ {size:,} bytes" if size is not None and found != size else ""
    if digest is not None and not reason:
        algorithm, _, wanted = digest.partition(":")
        hashed = hashlib.new("sha1" if algorithm == "git" else algorithm, usedforsecurity=False)
        if algorithm == "git":
            hashed.update(f"blob {found}\0".encode())
        with partial.open("rb") as file:
            while chunk := file.read(1 << 20):
                hashed.update(chunk)
        reason = "" if hashed.hexdigest() == wanted else f"{algorithm} {hashed.hexdigest()[:12]} ≠ {wanted[:12]}"
    if reason:
        partial.unlink(missing_ok=True)
        raise InputError(
            "download-damaged",
            f"What {_host(url)} sent is not the expected file ({reason}), so it was deleted. Download it again.",
            host=_host(url),
            reason=reason,
        )


def _host(url: str) -> str:
    return urlsplit(url).netloc


def unreachable(url: str, reason: str) -> InputError:
    """The InputError "download-unreachable" for the server of `url`."""
    return InputError(
        "download-unreachable",
        f"{_host(url)} cannot be reached ({reason}). Check the network and try again; the download continues where it "
        "stopped.",
        host=_host(url),
        reason=reason,
    )


def refused(url: str, status: int) -> InputError:
    """The InputError "download-refused": the server of `url` answered with this HTTP status."""
    return InputError(
        "download-refused",
        f"{_host(url)} does not send this file (HTTP status {status}). Try again later.",
        host=_host(url),
        status=status,
    )


def failed(error: Exception) -> InputError:
    """The InputError "download-failed" for an exception that nobody expected."""
    reason = f"{type(error).__name__}: {error}"
    return InputError("download-failed", f"The download failed ({reason}). Try again.", reason=reason)


def _disk_error(path: Path, reason: str) -> InputError:
    return InputError(
        "download-disk",
        f"The download cannot be written to {path.parent} ({reason}). Make room on that disk and try again.",
        folder=str(path.parent),
        reason=reason,
    )
