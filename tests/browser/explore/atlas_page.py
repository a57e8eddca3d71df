"""A page with the atlas alone, for test_atlas_in_browser.py; the query parameters choose what it shows.

`model`: a name in MODELS. `picture`: a file in assets/samples. `lang`: en, ko. `view`: the atlas' view as JSON.
"""

import functools
import json
import sys
from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parent
sys.path[:0] = [path for path in (str(HERE.parents[2]), str(HERE)) if path not in sys.path]

from atlas_models import MODELS, trace  # noqa: E402

from app.components.atlas.component import atlas, maps  # noqa: E402
from app.components.atlas.payload import Source  # noqa: E402
from app.text.atlas import EN, KO  # noqa: E402
from vit_core import Trace  # noqa: E402


@st.cache_resource(max_entries=8)
def source(name: str, picture: str) -> Source:
    return Source(*trace(name, picture))


@st.cache_resource(max_entries=8)
def features(name: str, picture: str) -> Trace:
    return trace(name, picture, features=True)[0]


@st.fragment
def show(name: str, picture: str, words: dict) -> None:
    query = st.query_params
    shown = source(name, picture)
    view = atlas(
        shown,
        words=words,
        view=json.loads(query.get("view", "{}")),
        known=st.session_state.get("atlas"),
        key="atlas",
        features_of=functools.partial(features, name, picture),
    )
    if view:
        query["view"] = json.dumps(view)
    st.code(json.dumps(view, sort_keys=True), language=None)
    st.text(f"{name}, {picture}: {shown.id}")


def main() -> None:
    st.set_page_config(layout="wide", initial_sidebar_state="collapsed" if "narrow" in st.query_params else "auto")
    query = st.query_params
    name = st.sidebar.radio("model", list(MODELS), list(MODELS).index(query.get("model", "base")))
    pictures = ["coffee", "dog", "rocket", "kitten"]
    picture = st.sidebar.radio("picture", pictures, pictures.index(query.get("picture", "coffee")))
    show(name, picture, KO if query.get("lang") == "ko" else EN)
    maps(source(name, picture), key="atlas")


if __name__ == "__main__":
    main()
