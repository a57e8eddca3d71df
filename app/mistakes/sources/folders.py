"""What lies in the server's folders, for choosing one: names and numbers of files, never what a file holds. No widgets.

VITRINE_FOLDERS names the folders that may be opened, separated as in PATH. Without it, people at this computer may open
what this process may read, and visitors of a public server browse nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from vit_core import InputError
from vit_core.data.kinds import SUFFIXES
from vit_core.data.paths import resolve, scan_folder

MAX_ENTRIES = 5_000  # of a folder that are looked at
MAX_SHOWN = 200  # folders, and as many files
MAX_COUNTED = 1_000  # entries of one folder in the list: those with more show "1,000+"
MAX_COUNTED_TOGETHER = 20_000  # beyond, folders in the list are not counted
#: Endings of the tables and archives that can be chosen in place of a folder.
TABLES = (".csv", ".tsv", ".txt", ".parquet")
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


class FolderError(Exception):
    """A path that cannot be listed: it is "not_allowed" or "unreadable"."""

    def __init__(self, why: str, path: str):
        super().__init__(f"{why}: {path}")
        self.why, self.path = why, path


@dataclass(frozen=True)
class Entry:
    """One folder or file in the list."""

    name: str
    pictures: int | None = None  # directly in the folder, by their endings; None: not counted, or a file
    folders: int | None = None  # directly in it
    more: bool = False  # whether there are more than were counted


@dataclass(frozen=True)
class Listing:
    """One folder as the list shows it."""

    path: str
    up: str | None  # the folder above, if it may be opened
    here: Entry  # the numbers of the folder itself
    folders: tuple[Entry, ...]
    files: tuple[str, ...]
    left_out: int  # how many folders and files are there beyond those; at least, if `here.more`


def allowed_roots(public: bool) -> list[str]:
    """The folders below which everything may be browsed, as real paths. `public`: strangers can open pages."""
    if named := os.environ.get("VITRINE_FOLDERS"):
        given = [os.path.expanduser(part) for part in named.split(os.pathsep) if part]
        return list(dict.fromkeys(path for path in map(os.path.realpath, given) if os.path.isdir(path)))
    if public:
        return []
    drives = os.listdrives() if hasattr(os, "listdrives") else [os.path.abspath(os.sep)]  # Windows has several
    return list(dict.fromkeys(map(os.path.realpath, drives)))


def places(roots: list[str]) -> list[str]:
    """Where browsing can begin: the user's own folder and the folder Vitrine was started in, if allowed; the roots."""
    own = [os.path.realpath(path) for path in (os.path.expanduser("~"), os.curdir)]
    return list(dict.fromkeys([*(path for path in own if root_of(path, roots)), *roots]))


def root_of(path: str, roots: list[str]) -> str | None:
    """The root that an absolute path lies below once its links are resolved; None: it may not be opened."""
    for root in roots if os.path.isabs(path) else ():
        try:
            resolve(root, path)
        except (InputError, OSError, ValueError):  # ValueError: a name that no file can have
            continue
        return root
    return None


def check_allowed(*paths: str | None) -> None:
    """Raises FolderError "not_allowed" for a path outside the folders that VITRINE_FOLDERS names."""
    if not os.environ.get("VITRINE_FOLDERS"):
        return
    roots = allowed_roots(public=True)
    for path in filter(None, paths):
        if not root_of(path, roots):
            raise FolderError("not_allowed", path)


def nearest_folder(path: str, roots: list[str]) -> str | None:
    """The folder to begin with for what is in a field: that folder, the one of that file, or the first of `places`."""
    for folder in (path, os.path.dirname(path)) if path else ():
        if root_of(folder, roots) and os.path.isdir(folder):
            return os.path.realpath(folder)
    return next(iter(places(roots)), None)


def list_entries(path: str, roots: list[str], endings: tuple[str, ...]) -> Listing:
    """The folders and the files with these endings in a folder.

    Links are followed inside the root alone. Raises FolderError "not_allowed" and "unreadable".
    """
    root = root_of(path, roots)
    if root is None:
        raise FolderError("not_allowed", path)
    path = os.path.realpath(path)
    try:
        found, cut = scan_folder(root, path, MAX_ENTRIES)
    except (InputError, OSError, ValueError) as error:  # InputError: a link that was put there just now leads out
        raise FolderError("unreadable", path) from error
    folders, files, pictures = [], [], 0
    for name, is_link, is_folder in found:
        if not _is_text(name):
            continue
        there = os.path.join(path, name)
        if is_link:
            if root_of(there, [root]) is None:
                continue
            is_folder = os.path.isdir(there)
        if is_folder:
            folders.append(name)
        elif _ending(name) in SUFFIXES:
            pictures += 1
        elif name.lower().endswith(endings) and os.path.isfile(there):
            files.append(name)
    folders.sort(key=str.casefold)
    files.sort(key=str.casefold)
    above = os.path.dirname(path)
    return Listing(
        path,
        above if above != path and root_of(above, roots) else None,
        Entry(os.path.basename(path), pictures, len(folders), cut),
        tuple(_counted(root, path, folders[:MAX_SHOWN])),
        tuple(files[:MAX_SHOWN]),
        max(0, len(folders) - MAX_SHOWN) + max(0, len(files) - MAX_SHOWN),
    )


def _counted(root: str, path: str, names: list[str]) -> list[Entry]:
    """These folders with the numbers of what lies directly in them, until together they have too many entries."""
    left, entries = MAX_COUNTED_TOGETHER, []
    for name in names:
        if left <= 0:
            entries.append(Entry(name))
            continue
        try:
            found, more = scan_folder(root, os.path.join(path, name), MAX_COUNTED)
        except (InputError, OSError, ValueError):
            entries.append(Entry(name))
            continue
        left -= len(found)
        pictures = sum(not folder and _ending(file) in SUFFIXES for file, _, folder in found)
        entries.append(Entry(name, pictures, sum(folder for *_, folder in found), more))
    return entries


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _is_text(name: str) -> bool:
    """Whether a name can be sent to a browser and back: on Linux, names are bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
