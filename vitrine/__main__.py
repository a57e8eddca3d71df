"""`vitrine` or `python -m vitrine`: open the app, or run a command of `vit_core.cli`."""

import sys
from pathlib import Path

USAGE = """\
usage: vitrine [Streamlit options]     open Vitrine in the browser
       vitrine COMMAND ...             run a command; `vitrine COMMAND --help` describes it

Commands: explain, evaluate, models, serve, train.
Streamlit options: --server.port 8600, --server.address 0.0.0.0, --server.headless true, ...
"""
#: Parent of the folder `app`: this package in an installed wheel, the checkout otherwise.
HOME = Path(__file__).resolve().parent
if not (HOME / "app").is_dir():
    HOME = HOME.parent


def main() -> int:
    """Run the command line; return the exit code."""
    arguments = sys.argv[1:]
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE, end="")
        return 0
    if arguments and not arguments[0].startswith("-"):
        from vit_core import cli

        return cli.main(arguments, prog="vitrine")
    sys.path.insert(0, str(HOME))
    from app.__main__ import main as open_app

    open_app(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
