"""Read the files of a folder, each in a fork, and print {file name: what `apart.tried` says of it}; "RGB 64 48" of one
that is read."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PIL import Image

from tests.hostile.apart import apart
from vit_core.images import read_image


def said(path: Path) -> str:
    image = read_image(path)
    return f"{image.mode} {image.width} {image.height}"


if __name__ == "__main__":
    Image.init()
    files = sorted(Path(sys.argv[1]).iterdir())
    print(json.dumps({file.name: apart(said, file) for file in files}))
