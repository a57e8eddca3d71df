"""What captions and names of files say of a result: model, picture, input and version."""

from __future__ import annotations

import re
import unicodedata

from app import state
from app.explore.result import Result
from app.text.model_names import cited_model, model_title
from app.text.plain import plain
from vit_core import __version__
from vit_core.checkpoints import split_input


def about(result: Result, picture: state.Picture | None = None) -> dict:
    """As the atlas takes it. `picture`: the result's, the session's by default."""
    t, name, picture = state.t(), split_input(result.name)[0], picture or state.picture()
    height, width = result.trace.crop.input
    return {
        "model": cited_model(name, t),
        "picture": plain(picture.title),
        "input": (width, height),
        "version": __version__,
        "sample": picture.sample,
        "linked": state.get(state.Key.SOURCE) in ("sample", "mistakes"),
        "file": "_".join(
            ("vitrine", ascii_name(model_title(name, t), "model"), ascii_name(_stem(picture), picture.digest[:8]))
        ),
    }


def _stem(picture: state.Picture) -> str:
    """The picture's name without its folders and ending."""
    return re.sub(r"\.\w{1,5}$", "", re.split(r"[/\\]", picture.sample or picture.title)[-1])


def ascii_name(name: str, otherwise: str) -> str:
    """A name in letters, digits and hyphens, for a file's name; `otherwise` if nothing of it is left."""
    plain_letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain_letters).strip("-")[:40] or otherwise
