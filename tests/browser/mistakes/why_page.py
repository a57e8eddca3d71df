"""A page with "See why" alone, for tests/browser/mistakes/test_why_in_browser.py. `run`: a folder with rows.parquet and
run.json; `path`: the picture; `lang`: en, ko; `hold`: a file, and no deletion curve is computed while it is locked;
`measure`: the same for a method's scores."""

import fcntl
import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT)] if str(ROOT) not in sys.path else []

from app import state  # noqa: E402
from app.mistakes.why import Why  # noqa: E402
from app.mistakes.why_panel import explain_picture  # noqa: E402
from app.text.markup import style  # noqa: E402
from tests import evaluated  # noqa: E402

compute_part = st.cache_resource(lambda: Why.curve_part)()  # this module runs once for each run of the page
measure = st.cache_resource(lambda: Why._curves)()
opened = st.cache_resource(evaluated.opened)


def main() -> None:
    st.set_page_config(layout="wide")
    st.html(style(ROOT / "app" / "style.css", ROOT / "app" / "mistakes" / "mistakes.css"))
    query = st.query_params
    state.put("lang", query.get("lang", "en"))
    run = opened(Path(query["run"]))

    def held(function, file: str | None):
        def wait(why: Why, *arguments):
            if file:
                with open(file) as opened_file:
                    fcntl.flock(opened_file, fcntl.LOCK_SH)  # waits for the test
            return function(why, *arguments)

        return wait

    Why.curve_part = held(compute_part, query.get("hold"))
    Why._curves = held(measure, query.get("measure"))
    path = st.sidebar.selectbox("picture", sorted({query["path"], *query.get_all("more")}))
    explain_picture(run, path, key="why")


if __name__ == "__main__":
    main()
