"""The lecture's numbers: each scene computed from one picture and one model. No streamlit, no words, no markup.

    stage = Stage(result)
    scene = build("patches", stage, {"image": 224, "patch": 16})   # numbers and arrays for the browser

One module a scene, named as in the address; its `build(stage, want)` returns a `Scene`. `want` is what the
browser asks for, as JSON, and the reader's "language": a builder takes nothing from it that it has not checked.
"""

from __future__ import annotations

import importlib

from app.lecture.stage import Scene, Stage

__all__ = ["SCENES", "Scene", "Stage", "build"]

#: In the order of the lecture.
SCENES = ("cnn", "bias", "language", "patches", "positions", "encoder", "attention", "mlp", "head", "summary")


def build(scene: str, stage: Stage, want: dict) -> Scene:
    """What `scene` shows of this stage."""
    return importlib.import_module(f"app.lecture.scenes.{scene}").build(stage, want)
