"""Which modules of the app import Streamlit, directly or through another module."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "app"
WITHOUT_STREAMLIT = [
    "app.figures",
    "app.explore.figures",
    "app.explore.address",
    "app.explore.result",
    "app.explore.features.maps",
    "app.mistakes.earlier.compared",
    "app.mistakes.earlier.kept",
    "app.mistakes.earlier.side_by_side",
    "app.mistakes.find",
    "app.mistakes.requests",
    "app.mistakes.sources.preview",
    "app.mistakes.report",
    "app.mistakes.why",
    "app.components.binary",
    *(
        str(path.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__")
        for pattern in ("text/**/*.py", "components/*/payload*.py", "lecture/**/*.py")
        for path in sorted(APP.glob(pattern))
        if path.relative_to(APP).as_posix() not in ("lecture/page.py", "lecture/cached.py")
    ),
]


def test_numbers_texts_and_payloads_need_no_streamlit():
    """Imported one after the other in one process; the first that brings Streamlit in is named."""
    script = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "    assert 'streamlit' not in sys.modules, f'{name} imports streamlit'\n"
    )
    done = subprocess.run([sys.executable, "-c", script, *WITHOUT_STREAMLIT], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
