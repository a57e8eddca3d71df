"""A page with the atlas alone, for tests/browser/test_atlas_in_browser.py; the query parameters choose what it shows.

`model`: a name in MODELS. `picture`: a file in assets/samples. `lang`: en, ko. `view`: the atlas' view as JSON.
"""

import json
import sys
from pathlib import Path

import streamlit as st
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)] if str(ROOT) not in sys.path else []

from app.components.atlas import Source, atlas  # noqa: E402
from app.text.atlas import EN, KO  # noqa: E402
from vit_core.config import ViTConfig  # noqa: E402
from vit_core.images import Preprocess, read  # noqa: E402
from vit_core.model import VisionTransformer  # noqa: E402
from vit_core.trace import Trace, record  # noqa: E402


def _config(dim, heads, depth=12, **other):
    return ViTConfig(dim=dim, heads=heads, head_dim=dim // heads, depth=depth, mlp_dim=2 * dim, classes=0, **other)


MODELS = {
    "base": _config(192, 12),
    "small": _config(96, 3, 4, image_size=(64, 96), patch_size=(16, 16), registers=4, distillation_token=True),
    "bare": _config(64, 1, 2, image_size=(32, 32), patch_size=(4, 4), class_token=False, pool="avg"),
    "deep": _config(128, 16, 32, image_size=(112, 112)),
    "large": _config(192, 12, image_size=(518, 518), patch_size=(14, 14)),
}


def build(name: str) -> VisionTransformer:
    """A model with random weights, its attention sharpened until heads differ; the same every time."""
    torch.manual_seed(3)
    config = MODELS[name]
    model = VisionTransformer(config, transform=Preprocess(size=config.image_size, crop_pct=1.0)).eval()
    for i, block in enumerate(model.blocks):
        block.attn.qkv.weight.data.mul_(1.5 + 2.5 * (i + 1) / len(model.blocks))
    return model


def trace(name: str, picture: str) -> tuple[Trace, object]:
    image = read(str(ROOT / "assets" / "samples" / f"{picture}.jpg"))
    return record(build(name), image), image


@st.cache_resource(max_entries=8)
def source(name: str, picture: str) -> Source:
    return Source(*trace(name, picture))


@st.fragment
def show(name: str, picture: str, words: dict) -> None:
    query = st.query_params
    view = atlas(source(name, picture), words=words, view=json.loads(query.get("view", "{}")),
                 known=st.session_state.get("atlas"), key="atlas")
    if view:
        query["view"] = json.dumps(view)
    st.code(json.dumps(view, sort_keys=True), language=None)


def main() -> None:
    st.set_page_config(layout="wide", initial_sidebar_state="collapsed" if "narrow" in st.query_params else "auto")
    query = st.query_params
    name = st.sidebar.radio("model", list(MODELS), list(MODELS).index(query.get("model", "base")))
    pictures = ["coffee", "dog", "rocket", "kitten"]
    picture = st.sidebar.radio("picture", pictures, pictures.index(query.get("picture", "coffee")))
    show(name, picture, KO if query.get("lang") == "ko" else EN)


if __name__ == "__main__":
    main()
