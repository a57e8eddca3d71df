"""The files inside a tar or zip archive: listed in one pass, read in another, with a bound on their bytes."""

from __future__ import annotations

import functools
import os
import tarfile
import zipfile
import zlib
from pathlib import Path

from vit_core.data.kinds import HEAD_BYTES, is_ignored, picture_kind

MAX_UNPACKED_BYTES = 2**30  # of one file of pictures; CIFAR's largest has 31 MB, MNIST's 47 MB
BROKEN = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    RuntimeError,  # zipfile's for an encrypted member; its subclass NotImplementedError for an odd compression
    zlib.error,
    tarfile.TarError,
    zipfile.BadZipFile,
)
EXCEL = "xl/workbook.xml"  # in every .xlsx file, which is a zip archive
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others can claim gigabytes before the first byte
_UTF8_FLAG = 0x800


def is_archive(path: Path) -> bool:
    """Whether the file is a tar archive, compressed or not, or a zip archive."""
    try:
        return tarfile.is_tarfile(path) or _is_zip(path)
    except BROKEN:
        return False


def _is_zip(path: Path) -> bool:
    with open(path, "rb") as file:  # `is_zipfile` alone finds archives behind other files too
        return file.read(4) in (b"PK\3\4", b"PK\5\6") and zipfile.is_zipfile(path)


def path_parts(name: str) -> list[str]:
    """The folders of a member's path and its name. Some programs of Windows write backslashes."""
    name = name.replace("\\", "/") if "/" not in name else name
    return [part for part in name.split("/") if part not in ("", ".")]


def list_members(path: Path) -> dict[str, str]:
    """{name: its `picture_kind`} of the files in an archive, sorted, without hidden files and leftovers of tools.

    Raises one of BROKEN.
    """
    found: dict[str, str] = {}
    if _is_zip(path):
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                name = _zip_name(member)
                if not member.is_dir() and _is_shown(name):
                    found[name] = picture_kind(name, functools.partial(_zip_bytes, archive, member, HEAD_BYTES))
    else:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and _is_shown(member.name):
                    found[member.name] = picture_kind(
                        member.name, functools.partial(_tar_bytes, archive, member, HEAD_BYTES)
                    )
    return dict(sorted(found.items()))


def read_members(path: Path, names: list[str]) -> list[bytes]:
    """The bytes of some files of an archive, in one pass. Of two with one name, the later counts.

    Raises one of BROKEN: KeyError for a missing file, ValueError for more than MAX_UNPACKED_BYTES.
    """
    wanted, found, total = set(names), {}, 0
    if _is_zip(path):
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if (name := _zip_name(member)) in wanted and not member.is_dir():
                    total = _counted(total, member.file_size)
                    found[name] = _zip_bytes(archive, member, -1)
    else:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.name in wanted and member.isfile():
                    total = _counted(total, member.size)
                    found[member.name] = _tar_bytes(archive, member, -1)
    return [found[name] for name in names]


def _counted(total: int, size: int) -> int:
    if total + size > MAX_UNPACKED_BYTES:
        raise ValueError(f"more than {MAX_UNPACKED_BYTES:,} bytes")
    return total + size


def _is_shown(name: str) -> bool:
    return not any(map(is_ignored, path_parts(name)))


def _tar_bytes(archive: tarfile.TarFile, member: tarfile.TarInfo, size: int) -> bytes:
    file = archive.extractfile(member)
    return file.read(size) if file else b""


def _zip_bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo, size: int) -> bytes:
    """The first `size` bytes, or all that the archive declares. Raises ValueError for what is not read."""
    if member.compress_type not in _ZIP_METHODS:
        raise ValueError(f"a zip archive with compression method {member.compress_type}; unpack it")
    with archive.open(member) as file:
        return file.read(member.file_size if size < 0 else size)


def _zip_name(member: zipfile.ZipInfo) -> str:
    """The name of a file in a zip archive. Raises ValueError if its encoding is not known.

    Where the archive does not say that names are UTF-8, Python decodes them as code page 437. macOS writes UTF-8
    without saying so; Windows writes the code page of its language, which the archive does not name.
    """
    if member.flag_bits & _UTF8_FLAG or member.filename.isascii():
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except UnicodeError as error:
        raise ValueError("a zip archive whose names are not UTF-8; unpack it") from error


def is_excel(path: str | os.PathLike) -> bool:
    """Whether the file is an Excel workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            return EXCEL in archive.namelist()
    except BROKEN:
        return False
