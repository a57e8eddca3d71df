"""A page that waits for a file's lock, for tests/browser/test_waiting.py. `hold`: that file."""

import fcntl
import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)] if str(ROOT) not in sys.path else []

from app.components.panel import waiting  # noqa: E402

st.html(ROOT / "app" / "components" / "panel.css")
st.text("above")
number = int(st.button("Next"))
with waiting("Loading <b>it</b> …", "workbench"):
    with open(st.query_params["hold"]) as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # waits for the test
    st.text(f"below {number}")
