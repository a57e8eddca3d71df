"""`streamlit run app/server.py`, which is what `python -m app` does: the app, and the guard in front of it."""

import sys
from pathlib import Path

if (root := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.insert(0, root)

from starlette.middleware import Middleware
from streamlit.starlette import App

from app.guard import Guard

app = App(Path(__file__).with_name("main.py"), middleware=[Middleware(Guard)])
