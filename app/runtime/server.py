"""`streamlit run app/runtime/server.py`, which is what `python -m app` does: the app, and the guard in front of it."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

if (root := str(Path(__file__).resolve().parents[2])) not in sys.path:
    sys.path.insert(0, root)

from starlette.middleware import Middleware
from streamlit import cli_util, config
from streamlit.starlette import App
from streamlit.web.server import server_util

from app.runtime.guard import Guard


@asynccontextmanager
async def opened(_: App) -> AsyncIterator[None]:
    """Open the browser, which Streamlit does for plain scripts alone; what it asks waits until the server answers."""
    if not config.get_option("server.headless"):
        told = "browser.serverAddress" if config.is_manually_set("browser.serverAddress") else "server.address"
        address = server_util.get_display_address(config.get_option(told) or "localhost")
        cli_util.open_browser(server_util.get_url(address))
    yield


app = App(Path(__file__).resolve().parents[1] / "main.py", lifespan=opened, middleware=[Middleware(Guard)])
