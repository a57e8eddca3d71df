"""Reads every hostile picture, each in a fork, and prints what came of it.

`python -m tests.hostile.pictures.try_pictures` prints {group: {case: [expected, *isolation.measure]}} as JSON; a
picture that is read is "RGB <width> <height>".
"""

from __future__ import annotations

import json
import tempfile
import warnings
from pathlib import Path

from PIL import Image

from tests.hostile.isolation import measure_in_fork
from tests.hostile.pictures.corpus import corpus
from tests.hostile.pictures.largest import largest
from tests.hostile.pictures.many_parts import many_parts
from vit_core.images import read_image


def read(path: Path) -> str:
    image = read_image(path)
    return f"{image.mode} {image.width} {image.height}"


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # Pillow's, about large pictures
    Image.init()
    groups = {
        "corpus": ((case, data, expected) for case, (_, data, expected) in corpus().items()),
        "largest": largest(),
        "many parts": many_parts(),
    }
    found: dict[str, dict[str, list]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        for group, cases in groups.items():
            for case, data, expected in cases:
                path.write_bytes(data)
                found.setdefault(group, {})[case] = [expected, *measure_in_fork(read, path)]
    print(json.dumps(found))
