"""What a file or folder of a dataset is by its name: a picture, a leftover of a tool, a split, a class."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence

from vit_core.images import FORMATS, format_name

_READ = ".jpg .jpeg .jpe .jfif .jif .jfi .pjpeg .pjp .mpo .png .apng .webp .bmp .dib .gif .tif .tiff .avif .avifs"
_NOT_READ = """
    .heic .heif .hif .jp2 .j2k .jpf .jpx .j2c .jxl .jxr .wdp .hdp .psd .psb .xcf .svg .svgz .ico .cur .icns .tga .pcx
    .ppm .pgm .pbm .pnm .pam .pfm .hdr .exr .dds .qoi .bpg .flif .sgi .ras .xbm .xpm .wmf .emf .eps .dcm .dicom .fits
    .czi .svs .ndpi .raw .dng .cr2 .cr3 .crw .nef .nrw .arw .srf .sr2 .orf .rw2 .raf .pef .srw .erf .3fr .iiq .x3f
"""
_OTHER_FILES = """
    .txt .md .rst .log .csv .tsv .json .jsonl .ndjson .xml .yaml .yml .toml .ini .cfg .conf .html .htm .css .js .py
    .pyc .ipynb .sh .bat .c .h .cpp .java .r .m .lnk .url .db .sqlite .npy .npz .mat .h5 .hdf5 .parquet .arrow .feather
    .pkl .pickle .pt .pth .ckpt .bin .safetensors .onnx .tfrecord .zip .tar .gz .tgz .bz2 .xz .7z .rar .pdf .doc .docx
    .xls .xlsx .ppt .pptx .mp4 .avi .mov .mkv .webm .m4v .mp3 .wav .aac .aae .xmp .thm .lock .tmp .bak .part .crdownload
"""
#: Suffixes of the formats that `read_image` reads. What such a file holds is not checked before it is read.
SUFFIXES = frozenset(_READ.split())
#: Suffixes of picture formats that `read_image` does not read.
OTHER_PICTURES = frozenset(_NOT_READ.split())
#: Suffixes of files that are no pictures; their content is not looked at.
NOT_PICTURES = frozenset(_OTHER_FILES.split())
HEAD_BYTES = 1024  # of a file that are looked at where its suffix does not tell what it is
#: Folders that operating systems, archive tools and Python leave beside the pictures. Hidden ones are ignored anyway.
LEFTOVERS = frozenset(
    ("__macosx", "@eadir", "#recycle", "$recycle.bin", "recycler", "system volume information", "lost+found")
) | {"__pycache__"}
#: Names of the folders that are splits of a dataset, not classes, in the order in which they are evaluated: the first
#: with labelled pictures is. Case, and "set" at the end ("test_set"), make no difference.
SPLITS = ("test", "testing", "val", "valid", "validation", "eval", "evaluation", "dev", "train", "training")
_SET = re.compile(r"[ _-]?set$")


def is_ignored(name: str) -> bool:
    """Whether a file or folder is hidden, or a folder that an operating system or a tool left there."""
    return name.startswith(".") or name.lower() in LEFTOVERS


def split_rank(name: str) -> int | None:
    """The place in SPLITS of a folder's name; None if it is no split."""
    name = _SET.sub("", name.lower())
    return SPLITS.index(name) if name in SPLITS else None


def picture_kind(name: str, head: Callable[[], bytes]) -> str:
    """ "picture" for a file that `read_image` is to read, "format" for a picture of another format, else "".

    The suffix decides. `head` returns the file's first bytes; it is called only for a suffix that is not in SUFFIXES or
    NOT_PICTURES, or without a suffix. A file that begins like a picture that can be read is one, so a JPEG called
    "17" or "a.heic" is read.
    """
    suffix = os.path.splitext(name)[1].lower()
    if suffix in SUFFIXES:
        return "picture"
    if suffix in NOT_PICTURES:
        return ""
    first = head()
    found = format_name(first)
    if found == "BMP" and first[6:10] != bytes(4):  # its signature is two letters, as of a text
        found = None
    if found in FORMATS and not (found == "TIFF" and suffix in OTHER_PICTURES):  # as camera raw files begin
        return "picture"
    if suffix in OTHER_PICTURES or found not in (None, "SVG", "PDF", "PostScript"):  # drawings and documents by name
        return "format"
    return ""


def format_suffix(path: str) -> str:
    """The suffix of a picture that is left out, such as ".heic"; "" if it has none that can be shown."""
    suffix = os.path.splitext(path)[1].lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,12}", suffix) else ""


def class_depth(pictures: Iterable[Sequence[str]]) -> int:
    """How many folders enclose the class folders, as after unpacking "dataset/dataset/cat/1.png": 2.

    `pictures` are paths taken apart. An enclosing folder holds every picture. Pictures directly in it are no objection
    if it has two subfolders with pictures or more.
    """
    paths, depth = list(pictures), 0
    while paths and len({path[depth] for path in paths}) == 1 and all(len(path) > depth + 1 for path in paths):
        inner = {path[depth + 1] for path in paths if len(path) > depth + 2}
        loose = any(len(path) == depth + 2 for path in paths)
        if len(inner) < 1 + loose:
            break
        depth += 1
    return depth
