"""The script that `python -m app` hands to Streamlit: the pages of main.py behind the guard.

It stands beside main.py because Streamlit reads `.streamlit/config.toml` from the folder of its script.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

if (root := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.insert(0, root)

from starlette.middleware import Middleware
from streamlit import cli_util, config
from streamlit.starlette import App
from streamlit.web.server import server_util

from app.runtime.guard import Guard
from app.runtime.page_script import PageScript
from app.runtime.uploads import delete_leftovers


@asynccontextmanager
async def opened(_: App) -> AsyncIterator[None]:
    """Delete the uploads that earlier servers left. Open the browser; Streamlit does this only for plain scripts."""
    delete_leftovers()
    if not config.get_option("server.headless"):
        name = "browser.serverAddress" if config.is_manually_set("browser.serverAddress") else "server.address"
        address = server_util.get_display_address(config.get_option(name) or "localhost")
        cli_util.open_browser(server_util.get_url(address))
    yield


app = App(Path(__file__).with_name("main.py"), lifespan=opened, middleware=[Middleware(Guard), Middleware(PageScript)])
