"""The table of contents of a torch file, which is a zip of uncompressed records.

Python's zipfile and torch's reader are two programs. A file that they could understand differently (two tables, a
prefix, a comment, overlapping records) is refused; torch writes none of these.
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import BinaryIO

from vit_core.checkpoints.errors import refusal
from vit_core.checkpoints.files.foreign import foreign, kind_of_zip
from vit_core.errors import InputError

MAX_EXPANSION = 2  # bytes that a file may claim to hold per byte of its size; torch does not compress
_MAX_TABLE_BYTES = 4 << 20  # 30,000 records
_END, _LOCATOR, _END64 = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"


class _NotTorchs(Exception):
    """What the file has that torch does not write."""


def check_expansion(source: str, size: int, claimed: int) -> None:
    """Raises InputError "checkpoint-bomb" for a file of `size` bytes that claims to hold far more."""
    if claimed > MAX_EXPANSION * size:
        raise InputError(
            "checkpoint-bomb",
            f"{source} has {size:,} bytes and claims to hold {claimed:,}. Checkpoints are not compressed, so it was "
            "not read. Save the weights again.",
            source=source,
            size=size,
            unpacked=claimed,
        )


def truncation(source: str, size: int, why: str, **values) -> InputError:
    return InputError(
        "checkpoint-truncated",
        f"{source} is cut short: {why}. Copy or download it again.",
        source=source,
        size=size,
        **values,
    )


def _check_table(file: BinaryIO, size: int) -> None:
    """Raises unless the one table of contents ends the file, lies where it says, and is small."""
    file.seek(max(0, size - 22 - 20 - 56))
    tail = file.read()
    signature, disk, first, _, count, length, start, comment = struct.unpack("<4s4H2LH", tail[-22:])
    end = size - 22
    if signature != _END or disk or first or comment:
        raise ValueError("no end")
    if tail[-42:-38] == _LOCATOR:
        end -= 76
        (where,) = struct.unpack("<Q", tail[-34:-26])
        big = struct.unpack("<4sQ2H2L4Q", tail[-98:-42])
        if big[0] != _END64 or where != end:
            raise _NotTorchs("two tables of contents")
        limits = (0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
        if (count, length, start) != tuple(min(n, most) for n, most in zip(big[7:], limits, strict=True)):
            raise _NotTorchs("two tables of contents")
        count, length, start = big[7:]
    if start + length != end:
        raise _NotTorchs("its table of contents is not at its end")
    if length > _MAX_TABLE_BYTES:
        raise _NotTorchs(f"{count:,} records")


def read_records(path: Path, size: int) -> dict[str, tuple[int, int]]:
    """{name in lower case: (start, length)} of the records in a file of `size` bytes.

    Raises InputError "checkpoint-truncated", "checkpoint-bomb", "checkpoint-format" or "checkpoint-foreign".
    """
    source = path.name
    records: dict[str, tuple[int, int]] = {}
    try:
        with open(path, "rb") as file:
            _check_table(file, size)
            with zipfile.ZipFile(file) as archive:
                entries = sorted(archive.infolist(), key=lambda e: e.header_offset)
            if kind := kind_of_zip(entry.filename for entry in entries):
                raise foreign(kind, source)
            check_expansion(source, size, sum(e.file_size for e in entries))
            previous_end = 0
            for entry in entries:
                name, at = entry.orig_filename.lower(), entry.header_offset  # torch ignores case too
                if entry.compress_type or entry.file_size != entry.compress_size or entry.flag_bits & 1:
                    raise _NotTorchs("compressed records")
                if name in records or "\0" in name:
                    raise _NotTorchs("two records of one name")
                file.seek(at)
                header = struct.unpack("<4s5H3L2H", file.read(30))
                start = at + 30 + header[9] + header[10]
                if header[0] != b"PK\x03\x04" or at < previous_end or start + entry.file_size > size:
                    raise _NotTorchs("overlapping records")
                records[name] = start, entry.file_size
                previous_end = start + entry.file_size
    except InputError:
        raise
    except _NotTorchs as error:
        why = f"torch.save did not write it ({error})"
        raise refusal("checkpoint-format", source, why, str(error)) from error
    except (zipfile.BadZipFile, OSError, ValueError, IndexError, NotImplementedError, struct.error) as error:
        raise truncation(source, size, "it has no table of contents at its end") from error
    return records
