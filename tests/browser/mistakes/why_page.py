"""A page with "See why" alone, for tests/browser/mistakes/test_why_in_browser.py. `run`: a folder with rows.parquet and
run.json; `path`: the picture; `lang`: en, ko."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT)] if str(ROOT) not in sys.path else []

from app import state  # noqa: E402
from app.mistakes.why_panel import explain_picture  # noqa: E402
from tests import evaluated  # noqa: E402

opened = st.cache_resource(evaluated.opened)


def main() -> None:
    st.set_page_config(layout="wide")
    st.html(ROOT / "app" / "style.css")
    query = st.query_params
    state.put("lang", query.get("lang", "en"))
    run = opened(Path(query["run"]))
    path = st.sidebar.selectbox("picture", sorted({query["path"], *query.get_all("more")}))
    explain_picture(run, path, key="why")


if __name__ == "__main__":
    main()
