"""The table of contents of a torch file, which is a zip of records that are stored as they are.

Python's zipfile and the reader inside torch are two programs: where a file could mean one thing to the one and another
to the other (two tables, a prefix, a comment, records over one another) it is refused, as torch writes none of it.
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import BinaryIO

from vit_core.errors import InputError

#: Unpacked bytes a file may claim for each byte it has; torch stores tensors as they are.
SWELL = 2
_LONGEST = 4 << 20  # bytes of table: 30,000 records
_END, _LOCATOR, _END64 = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"


class _Odd(Exception):
    """What the file has that torch does not write."""


def _table(file: BinaryIO, size: int) -> None:
    """_Odd, ValueError or struct.error unless the table ends the file, is where it says, and is read in no time."""
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
            raise _Odd("two tables of contents")
        if (count, length, start) != tuple(
            min(n, most) for n, most in zip(big[7:], (0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF), strict=True)
        ):
            raise _Odd("two tables of contents")
        count, length, start = big[7:]
    if start + length != end:
        raise _Odd("no table of contents where it should be")
    if length > _LONGEST:
        raise _Odd(f"{count:,} records")


def records(path: Path, size: int) -> dict[str, tuple[int, int]]:
    """{name in lower case: (start, bytes)} of the records, each as it lies in the file of `size` bytes.

    Raises InputError: "checkpoint-truncated", "checkpoint-bomb", "checkpoint-format".
    """
    source = path.name
    found: dict[str, tuple[int, int]] = {}
    try:
        with open(path, "rb") as file:
            _table(file, size)
            with zipfile.ZipFile(file) as archive:
                entries = sorted(archive.infolist(), key=lambda e: e.header_offset)
            total = sum(e.file_size for e in entries)
            if total > SWELL * size:
                raise InputError(
                    "checkpoint-bomb",
                    f"{source} has {size} bytes and would unpack to {total}: "
                    "checkpoints are not compressed, so it is not read.",
                    source=source,
                    size=size,
                    unpacked=total,
                )
            behind = 0
            for entry in entries:
                name, at = entry.orig_filename.lower(), entry.header_offset  # torch takes no regard of case either
                if entry.compress_type or entry.file_size != entry.compress_size or entry.flag_bits & 1:
                    raise _Odd("compressed records")
                if name in found or "\0" in name:
                    raise _Odd("records of one name")
                file.seek(at)
                local = struct.unpack("<4s5H3L2H", file.read(30))
                start = at + 30 + local[9] + local[10]
                if local[0] != b"PK\x03\x04" or at < behind or start + entry.file_size > size:
                    raise _Odd("records over one another")
                found[name] = start, entry.file_size
                behind = start + entry.file_size
    except _Odd as error:
        raise InputError(
            "checkpoint-format",
            f"{source} is not a file that torch.save wrote: {error}.",
            source=source,
            reason=str(error),
        ) from error
    except (zipfile.BadZipFile, OSError, ValueError, IndexError, NotImplementedError, struct.error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            "checkpoint-truncated",
            f"{source} is cut short: it starts as torch.save writes and has no table of contents at its end.",
            source=source,
            size=size,
        ) from error
    return found
