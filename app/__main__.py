"""`python -m app`: open Vitrine in the browser. Arguments are Streamlit options, such as `--server.port 8600`."""

import sys
from pathlib import Path

APP = Path(__file__).resolve().parent


def main(options: list[str] | None = None) -> None:
    """Run the app's server until it is stopped. `options` are Streamlit's, by default the command line's."""
    from streamlit.web import cli

    # Streamlit puts only the script's own folder on the path; the script imports `app` and `vit_core`.
    if str(APP.parent) not in sys.path:
        sys.path.insert(0, str(APP.parent))
    sys.argv = ["streamlit", "run", *(sys.argv[1:] if options is None else options), str(APP / "server.py")]
    sys.exit(cli.main(prog_name="streamlit"))


if __name__ == "__main__":
    main()
