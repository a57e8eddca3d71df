"""A model is called by its name, not by the folder that it lies in."""

import pytest

from app.text import Text
from app.text.model_names import model_title


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("embedded:fashion", "Clothes"),
        ("file:/home/somebody/a/long/way/to/the/folder/of/this/run/vit-small.pth", "vit-small.pth"),
        ("hf:/home/somebody/models/my-vit", "my-vit"),
        ("hf:facebook/dinov2-small", "hf:facebook/dinov2-small"),
        ("timm:vit_tiny_patch16_224", "timm:vit_tiny_patch16_224"),
    ],
)
def test_the_title_of_a_model(name, title):
    assert model_title(name, Text("en")) == title
