#!/usr/bin/env python3
"""One command for everything: makes the environment, then opens the app or runs the tests.

    python3 run.py [streamlit's options]      opens Vitrine in the browser
    python3 run.py test [pytest's options]    checks the style and runs the tests
    python3 run.py --help                     says this

The first start downloads what requirements.txt names into .venv beside this file; later ones start at once.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None

ROOT = Path(__file__).resolve().parent
OLDEST = (3, 11)
#: What the browser tests drive, and the font without which Korean is drawn as empty boxes: Debian's names.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Stop(Exception):
    """Something the reader has to do first; its text is the one sentence they are shown."""


def check_python(version=sys.version_info):
    """Stop unless this Python is new enough."""
    if tuple(version[:2]) < OLDEST:
        have = f"{version[0]}.{version[1]} ({sys.executable})"
        raise Stop(f"Vitrine needs Python {OLDEST[0]}.{OLDEST[1]} or newer; this is {have}.")


def python_in(venv: Path) -> Path:
    """The environment's own Python."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def works(venv: Path) -> bool:
    """Whether the environment has this version of Python, and pip: an interrupted run leaves one that has not."""
    asks = f"import sys, pip; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
    try:
        return subprocess.run([python_in(venv), "-c", asks], capture_output=True).returncode == 0
    except OSError:
        return False


def apt(*packages: str) -> bool:
    """Install Debian packages where that needs no password; say whether it went well."""
    if not shutil.which("apt-get"):
        return False
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if sudo and (not shutil.which("sudo") or subprocess.run([*sudo, "true"], capture_output=True).returncode):
        return False
    print(f"Installing {' '.join(packages)} ...", flush=True)
    command = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qy", "-o", "DPkg::Lock::Timeout=120"]
    # A stale list of packages is no reason to give up: the install itself says whether it can be had.
    subprocess.run([*command, "update"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    install = [*command, "install", "--no-install-recommends", *packages]
    return subprocess.run(install, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode == 0


def make_venv(venv: Path) -> None:
    """An empty environment in place of whatever is there."""
    command = [sys.executable, "-m", "venv", "--clear", venv]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode and apt("python3-venv"):  # Debian's Python comes without
        made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        raise Stop(
            f"This Python cannot make virtual environments; on Debian and Ubuntu: sudo apt-get install python3-venv\n"
            f"{made.stdout}{made.stderr}"
        )


@contextlib.contextmanager
def alone(folder: Path):
    """One run.py at a time works in `folder`, the others wait; where nothing can be locked, all go on at once.

    The folder itself is locked, so that no file is left behind. The lock ends with its process, however that ends.
    """
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):
            if fcntl:
                door = os.open(folder, os.O_RDONLY)
                held.callback(os.close, door)
                try:
                    fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    print("Another run.py is preparing .venv; waiting for it to finish ...", flush=True)
                    fcntl.flock(door, fcntl.LOCK_EX)
        yield


def prepare(venv: Path, files: list) -> None:
    """Make `venv` hold what the requirements files name; at once where it already does.

    The stamp, a line for each file installed, is written last: a run interrupted anywhere is taken up by the next one.
    """
    stamp, wanted = venv / "vitrine.stamp", [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    usable = works(venv)
    if usable and stamp.exists() and set(wanted) <= set(stamp.read_text().split()):
        return
    if not usable:
        make_venv(venv)
    stamp.unlink(missing_ok=True)
    for info in venv.glob("lib*/**/site-packages/*.dist-info"):
        if not (info / "RECORD").exists():  # pip writes it last; without it, it would take half a package for whole
            shutil.rmtree(info)
    print("Installing what Vitrine needs into .venv; the first time takes some minutes ...", flush=True)
    command = [python_in(venv), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*command, *(word for file in files for word in ("-r", file))]).returncode:
        raise Stop("pip could not install the requirements, for the reason above; the same command tries again.")
    stamp.write_text("\n".join(wanted))


def browser_and_font() -> None:
    """What the browser tests need from the system: Chromium, and a font that has Korean."""
    missing = [] if any(map(shutil.which, BROWSERS)) else ["chromium"]
    listed = subprocess.run(["fc-list", ":lang=ko"], capture_output=True).stdout if shutil.which("fc-list") else b""
    if sys.platform.startswith("linux") and not listed:
        missing += ["fonts-noto-cjk", "fontconfig"]
    if missing and not apt(*missing):
        print(
            f"The browser tests need {' and '.join(missing)}, which could not be installed from here; "
            f"on Debian: sudo apt-get install {' '.join(missing)}",
            file=sys.stderr,
            flush=True,
        )


def main(arguments: list) -> int:
    """Do what the command line says; return the exit code of what it started."""
    if arguments[:1] in (["-h"], ["--help"], ["help"]):
        print(__doc__.strip())
        return 0
    try:
        check_python()
        os.chdir(ROOT)
        testing, venv = arguments[:1] == ["test"], ROOT / ".venv"
        files = [ROOT / "requirements.txt"] + [ROOT / "tests/requirements.txt"] * testing
        with alone(ROOT):
            prepare(venv, files)
        python = python_in(venv)
        if not testing:
            command = [str(python), "-m", "app", *arguments]
            if os.name == "posix":  # becomes the app, so that signals and exit code are its own
                os.execv(command[0], command)
            return subprocess.run(command).returncode
        browser_and_font()
        # One thread a worker: two of torch's pools would fight for the same cores. Nothing is fetched while testing.
        env = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        style = subprocess.run([python, "-m", "ruff", "check", "."], env=env).returncode
        pytest = [python, "-m", "pytest", "-n", "2", "--dist", "loadfile", *arguments[1:]]
        tests = subprocess.run(pytest, env=env).returncode
        if style:
            print("ruff found fault with the style; its list stands above the tests.", file=sys.stderr)
        return tests or style
    except Stop as reason:
        print(reason, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
