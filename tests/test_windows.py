"""Without what only POSIX systems have, every module imports and an evaluation runs."""

import os
import subprocess
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]

#: Hides fcntl, pwd and resource from our own modules (other packages have their own code for Windows), and os.fork.
CODE = """
import builtins, importlib, os, pkgutil, sys

HIDDEN = {"fcntl", "pwd", "grp", "resource", "termios"}
original = builtins.__import__

def hiding(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get("__name__", "").partition(".")[0]
    if importer in ("vit_core", "app", "vitrine") and name.partition(".")[0] in HIDDEN:
        raise ImportError(f"No module named {name!r} on Windows")
    return original(name, globals, locals, fromlist, level)

def main(out):
    builtins.__import__ = hiding
    if hasattr(os, "fork"):
        del os.fork
    import vit_core, app
    skipped = ("vit_core.ray_cluster.guard",)  # Linux only, and run as a file
    pages = ("app.main", "app.explore.page", "app.lecture.page", "app.mistakes.page")  # scripts of Streamlit
    for package in vit_core, app:
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if module.name not in skipped + pages and not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    from vit_core.data import open_dataset, paths
    from vit_core.evaluation import Rows, evaluate, read_progress
    from vit_core.evaluation.decode import START_METHOD
    assert START_METHOD == "spawn"
    paths._HAS_DIR_FD = False  # Windows opens files by path alone
    evaluate("embedded:fashion", open_dataset(sys.argv[1]), out, workers=1, device="cpu")
    progress = read_progress(out)
    assert (progress.state, progress.done, progress.errors) == ("done", 3, 1), progress
    assert Rows(os.path.join(out, "rows.parquet")).count() == 3

if __name__ == "__main__":
    main(sys.argv[2])
"""


def test_modules_import_and_an_evaluation_runs_without_posix(tmp_path):
    (tmp_path / "pictures" / "Bag").mkdir(parents=True)
    for number in range(2):
        Image.new("L", (28, 28), 40 + number).save(tmp_path / "pictures" / "Bag" / f"{number}.png")
    (tmp_path / "pictures" / "Bag" / "broken.png").write_bytes(b"\x89PNG")
    (tmp_path / "run.py").write_text(CODE, "utf-8")
    command = [sys.executable, str(tmp_path / "run.py"), str(tmp_path / "pictures"), str(tmp_path / "out")]
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, timeout=300)
    assert ran.returncode == 0, ran.stderr[-3000:]
