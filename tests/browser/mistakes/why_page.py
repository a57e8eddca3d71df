"""A page with "See why" alone, for tests/browser/mistakes/test_why_in_browser.py. `run`: a folder with rows.parquet and
run.json; `path`: the picture; `lang`: en, ko."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import streamlit as st

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT)] if str(ROOT) not in sys.path else []

from app import state  # noqa: E402
from app.mistakes.why_panel import explain_picture  # noqa: E402
from vit_core.data import open_dataset  # noqa: E402
from vit_core.evaluation.results import Rows  # noqa: E402


@st.cache_resource
def opened(folder: str) -> SimpleNamespace:
    """An evaluation, as the page has it."""
    about = json.loads((Path(folder) / "run.json").read_text("utf-8"))
    source = open_dataset(about["source"]["root"])
    return SimpleNamespace(
        rows=Rows(Path(folder) / "rows.parquet"),
        source=source,
        model_name=about["model"],
        labels=about["labels"],
        classes=source.classes,
    )


def main() -> None:
    st.set_page_config(layout="wide")
    st.html(ROOT / "app" / "style.css")
    query = st.query_params
    state.put("lang", query.get("lang", "en"))
    run = opened(query["run"])
    path = st.sidebar.selectbox("picture", sorted({query["path"], *query.get_all("more")}))
    explain_picture(run, path, key="why")


if __name__ == "__main__":
    main()
