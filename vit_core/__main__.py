"""`python -m vit_core`: see `vit_core.cli`."""

import sys

from vit_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
