"""Files under the folder that the user named. Nothing outside that folder is opened.

Links are resolved again for every read, since a link may have changed after the folder was listed.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import os
import stat
from pathlib import Path

from vit_core.data.kinds import HEAD_BYTES, is_ignored, picture_kind
from vit_core.errors import InputError

#: Whether a file can be opened relative to an open folder. Windows cannot.
_HAS_DIR_FD = os.open in os.supports_dir_fd


def resolve(root: str | os.PathLike, name: str) -> str:
    """The real path of `name` under `root`. Raises InputError "dataset-outside" if it lies outside the root."""
    top = os.path.realpath(root)
    path = os.path.realpath(os.path.join(top, name))
    if not _is_within(top, path):
        raise InputError(
            "dataset-outside",
            f"{name!r} leads out of the folder that was named, so it was not opened; copy it into the folder.",
            name=name,
        )
    return path


def _is_within(top: str, path: str) -> bool:
    return path == top or path.startswith(os.path.join(top, ""))


def open_inside(root: str | os.PathLike, name: str, flags: int = os.O_RDONLY) -> int:
    """Opens the file or folder `name` under `root` and returns its descriptor; links are resolved first.

    The resolved path is opened part by part without following links, so that a link put in after the check is not
    followed. Raises InputError "dataset-outside", and OSError or ValueError if the file cannot be opened.
    """
    top, path = os.path.realpath(root), resolve(root, name)
    if not _HAS_DIR_FD:
        # Windows, where making a link needs a privilege
        return os.open(path, flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0))
    parts = os.path.relpath(path, top).split("/") if path != top else []
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # opening a pipe that nobody writes would block
    here = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for number, part in enumerate(parts, 1):
            there = os.open(part, flags | (os.O_DIRECTORY if number < len(parts) else 0), dir_fd=here)
            os.close(here)
            here = there
    except BaseException:
        os.close(here)
        raise
    return here


def open_picture(root: Path, name: str) -> int:
    """The descriptor of a regular file under the root. Raises InputError "dataset-outside", "image-missing"."""
    try:
        file = open_inside(root, name)
        if stat.S_ISREG(os.fstat(file).st_mode):
            return file
        os.close(file)
        raise OSError("not a regular file")
    except InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a name that the file system cannot hold
        raise InputError(
            "image-missing",
            f"There is no picture file {name!r} that can be opened; check its name, its folder and who may read it.",
            name=name,
        ) from error


def _first_bytes(root: str | Path, path: str) -> bytes:
    """The first HEAD_BYTES bytes of a file whose path begins with the root; none if it cannot be read."""
    try:
        with open(open_picture(Path(root), os.path.relpath(path, root)), "rb") as file:
            return file.read(HEAD_BYTES)
    except (InputError, OSError):
        return b""


def list_folder(root: str | os.PathLike, name: str = "") -> list[tuple[str, bool, bool]]:
    """(name, is a link, is a real folder) of every entry of a folder under the root that is not ignored."""
    return scan_folder(root, name)[0]


def scan_folder(
    root: str | os.PathLike, name: str = "", limit: int | None = None
) -> tuple[list[tuple[str, bool, bool]], bool]:
    """What `list_folder` returns, of the first `limit` entries; and whether there are more, which are not looked at.

    Raises InputError "dataset-outside", and OSError or ValueError if the folder cannot be opened.
    """
    folder = open_inside(root, name, os.O_RDONLY | os.O_DIRECTORY) if _HAS_DIR_FD else resolve(root, name)
    try:
        with os.scandir(folder) as entries:
            found = [
                (e.name, e.is_symlink(), e.is_dir(follow_symlinks=False))
                for e in itertools.islice(entries, limit)
                if not is_ignored(e.name)
            ]
            return found, next(entries, None) is not None
    finally:
        if isinstance(folder, int):
            os.close(folder)


def walk(root: Path, part: str = "") -> tuple[list[str], list[str], list[tuple[str, str]]]:
    """(pictures, folders, (path, reason) of what is left out) below the root, or below its folder `part`.

    Paths are relative to the root; `folders` are the names of the folders directly below. Each folder is listed once:
    real folders first, then folders that only links inside the root lead to. A link to a listed folder therefore adds
    nothing and a loop ends; a link to a picture inside the root is a picture. Hidden files and the folders of operating
    systems and tools are ignored (`is_ignored`); pictures of other formats are left out with the reason "format".
    """
    top = os.path.realpath(root)
    pictures, below, left_out, visited = [], [], [], set()
    folders, links = [(part, os.path.join(top, part) if part else top)], []  # (path under the root, real path)
    while folders or links:
        name, real = folders.pop() if folders else heapq.heappop(links)
        if real in visited:
            left_out.append((name, "again"))
            continue
        visited.add(real)
        try:
            entries = list_folder(top, os.path.relpath(real, top))
        except (OSError, ValueError):
            left_out.append((name, "unreadable"))
            continue
        if name != part and os.path.dirname(name) == part:
            below.append(name.rsplit("/", 1)[-1])
        for entry, is_link, is_folder in entries:
            path, there = (f"{name}/{entry}" if name else entry), os.path.join(real, entry)
            if is_folder:
                folders.append((path, there))
                continue
            if is_link:
                there = os.path.realpath(there)
                if not _is_within(top, there):
                    left_out.append((path, "outside"))
                    continue
                if os.path.isdir(there):
                    heapq.heappush(links, (path, there))
                    continue
            kind = picture_kind(entry, functools.partial(_first_bytes, top, there))
            if kind == "picture":
                pictures.append(path)
            elif kind == "format":
                left_out.append((path, "format"))
    return pictures, below, left_out


def holds_picture(root: Path, part: str) -> bool:
    """Whether the folder `part` or one below it holds a picture, of any format. Links are not followed."""
    folders = [part]
    while folders:
        name = folders.pop()
        try:
            entries = list_folder(root, name)
        except (OSError, ValueError, InputError):
            continue
        for entry, is_link, is_folder in entries:
            path = f"{name}/{entry}"
            if is_folder:
                folders.append(path)
            elif not is_link and picture_kind(entry, functools.partial(_first_bytes, root, os.path.join(root, path))):
                return True
    return False
