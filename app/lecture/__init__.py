"""The lecture's numbers: each scene computed from one picture and one model. No Streamlit except in `page.py`.

    stage = Stage(result)
    scene = build("patches", stage, {"image": 224, "patch": 16})   # numbers and arrays for the browser
    data = pack("patches", stage, scene, {"image": 224, "patch": 16}, "en", {"of": .., "sample": True})

Each scene is one module of `scenes` or `questions`, named as in the address. Its `build(stage, want)` returns a
`Scene`. `want` is JSON from the browser, plus the reader's "language" and the file name of the "sample" picture; a
scene uses no value of it unchecked.
"""

from __future__ import annotations

import importlib

from app.components.lecture import payload
from app.lecture.address import KEPT
from app.lecture.stage import Scene, Stage
from app.text.lecture import QUESTIONS, words

__all__ = ["QUESTIONS", "SCENES", "Scene", "Stage", "build", "pack"]

#: In the order of the lecture.
SCENES = (
    "cnn",
    "bias",
    "language",
    "patches",
    "positions",
    "encoder",
    "attention",
    "mlp",
    "features",
    "head",
    "summary",
    *QUESTIONS,
)


def build(scene: str, stage: Stage, want: dict) -> Scene:
    """What `scene` shows of this picture and model."""
    folder = "questions" if scene in QUESTIONS else "scenes"
    return importlib.import_module(f"app.lecture.{folder}.{scene}").build(stage, want)


def pack(scene: str, stage: Stage, content: Scene, want: dict, language: str, frame: dict) -> bytes:
    """A scene with its words as one binary for the browser. `frame`: what the stage around the scene needs, plain
    JSON."""
    result = stage.result
    header = {
        "scene": scene,
        "want": want,
        "words": words(scene, language, SCENES),
        "numbers": content.numbers,
        "frame": frame,
        "kept": KEPT[scene],
        "grid": result.grid,
        "prefix": result.prefix_names,
        "aspect": result.patch_aspect,
    }
    return payload.pack(header, result.region, content.arrays)
