"""`python -m app`: open Vitrine in the browser; arguments are Streamlit's own (`--server.port 8600`)."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Hand over to Streamlit, whatever the folder this was called from."""
    from streamlit.web import cli

    os.chdir(ROOT)  # Streamlit looks for .streamlit/config.toml here
    # Streamlit puts only the script's own folder on the path, the script imports `app.` and `vit_core.`.
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    sys.argv = ["streamlit", "run", *sys.argv[1:], str(ROOT / "app" / "runtime" / "server.py")]
    sys.exit(cli.main(prog_name="streamlit"))


if __name__ == "__main__":
    main()
