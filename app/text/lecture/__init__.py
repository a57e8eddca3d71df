"""The lecture's words: one file a scene, with both languages and the scene's formulas (LaTeX). The answers to questions
stand in a folder of their own.

In prose, the browser fills {places} with live numbers (those that begin with "say_" with phrases), turns
[words](key=value, key=value) into buttons that set the scene's view, **words** into bold text, and $name$ into the
formula of that name. A line break starts a paragraph.
"""

from __future__ import annotations

import functools
import importlib

from latex2mathml.converter import convert

from app.text.lecture import frame

#: After the lecture: answers to what audiences ask.
QUESTIONS = ("outliers", "training")


@functools.cache
def _mathml(latex: str) -> str:
    return convert(latex)


def scene_text(scene: str):
    """The module that holds the words of `scene`."""
    folder = "app.text.lecture.questions" if scene in QUESTIONS else "app.text.lecture"
    return importlib.import_module(f"{folder}.{scene}")


def words(scene: str, language: str, scenes: tuple[str, ...]) -> dict:
    """The words of `scene` and of the frame, the scene's formulas as MathML, and the titles of all scenes. Questions
    have no number."""
    of = {"en": "EN", "ko": "KO"}[language]
    tables = {name: getattr(scene_text(name), of) for name in scenes}
    return {
        "language": language,
        "frame": getattr(frame, of),
        "scene": tables[scene],
        "math": {name: _mathml(latex) for name, latex in scene_text(scene).MATH.items()},
        "titles": [
            {
                "id": name,
                "kicker": table["kicker"],
                "title": table["title"],
                "outline": table["outline"],
                "question": name in QUESTIONS,
            }
            for name, table in tables.items()
        ],
    }
