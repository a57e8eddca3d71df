"""How files that one takes away are called: letters, digits and hyphens, whatever the picture's name."""

import pytest
from PIL import Image

from app.explore.about import _stem, ascii_name
from app.state import Picture
from app.text import Text
from app.text.model_names import cited_model


@pytest.mark.parametrize(
    ("title", "sample", "stem"),
    [
        ("Red panda on a branch", "red-panda.jpg", "red-panda"),
        ("Crème brûlée (2).JPEG", None, "Creme-brulee-2"),
        ("folder/cat.01.png", None, "cat-01"),
        ("한글 이름.jpg", None, "d1d2d3d4"),
        ("../..\\x\n.png", None, "x"),
        ("a" * 100, None, "a" * 40),
    ],
)
def test_a_pictures_name_becomes_ascii(title, sample, stem):
    shown = Picture("d1d2d3d4e5", Image.new("RGB", (1, 1)), title, sample)
    assert ascii_name(_stem(shown), shown.digest[:8]) == stem


def test_a_model_is_cited_by_title_and_name_but_not_by_path():
    t = Text("en")
    assert cited_model("embedded:photo", t) == "ViT-S/14 (embedded:photo)"
    assert cited_model("file:/home/somebody/own.safetensors", t) == "own.safetensors"
    assert cited_model("timm:vit_other", t) == "timm:vit_other"
