#!/usr/bin/env python3
"""Set up Vitrine in .venv, then open the app or run the tests.

    python3 run.py [Streamlit options]      open Vitrine in the browser
    python3 run.py test                     run the static checks and every test
    python3 run.py test [pytest options]    run some tests: `test -m unit`, `test tests/models`
    python3 run.py check                    run the static checks: style, import layers, types, JavaScript
    python3 run.py --help                   show this text

The first start installs requirements.txt into .venv beside this file; later starts take no time.
"""

import contextlib
import glob
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
OLDEST_PYTHON = (3, 11)
#: Names of Chromium and Chrome, which the browser tests drive. The first needs the least processor time.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "--quiet", "."),
    ("lint-imports",),
    ("oxlint", "--quiet", "app"),
    ("basedpyright", "--level", "error"),
)
CUDA_NOTICE = """\
This computer has no NVIDIA driver, but pip will download PyTorch with CUDA: about 2.5 GB.
For the CPU build (about 200 MB), press Ctrl-C and do one of these:
  - install uv (https://docs.astral.sh/uv) and run this command again; uv picks the right build by itself;
  - install {pins} into .venv with the CPU command from https://pytorch.org/get-started/locally, then run this again.
"""


class Stop(Exception):
    """Ends run.py; its text tells the user what to do first."""


def check_python(version=sys.version_info):
    """Raise Stop if this Python is too old."""
    if tuple(version[:2]) < OLDEST_PYTHON:
        found = f"{version[0]}.{version[1]} ({sys.executable})"
        raise Stop(f"Vitrine needs Python {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or newer; this is {found}.")


def python_in(venv: Path) -> Path:
    """Path of the environment's Python."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def works(venv: Path) -> bool:
    """Whether the environment has this version of Python, and pip. After an interrupted run it may not."""
    check = f"import sys, pip; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
    try:
        return subprocess.run([python_in(venv), "-c", check], capture_output=True).returncode == 0
    except OSError:
        return False


def apt(*packages: str) -> bool:
    """Install Debian packages if that needs no password; return whether it worked."""
    if not shutil.which("apt-get"):
        return False
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if sudo and (not shutil.which("sudo") or subprocess.run([*sudo, "true"], capture_output=True).returncode):
        return False
    print(f"Installing {' '.join(packages)} ...", flush=True)
    command = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qy", "-o", "DPkg::Lock::Timeout=120"]
    # If the package list cannot be updated, the install may still work.
    subprocess.run([*command, "update"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    install = [*command, "install", "--no-install-recommends", *packages]
    return subprocess.run(install, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode == 0


def make_venv(venv: Path) -> None:
    """Make an empty environment; replace whatever is there."""
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
def locked(folder: Path):
    """Let one run.py at a time work in `folder`; where locks are not supported, do nothing.

    Locks the folder itself, so that no file is left behind. The lock ends with its process.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            if fcntl:
                descriptor = os.open(folder, os.O_RDONLY)
                stack.callback(os.close, descriptor)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    print("Another run.py is preparing .venv; waiting for it to finish ...", flush=True)
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def has_nvidia_driver() -> bool:
    """Whether an NVIDIA driver is installed (Linux)."""
    return bool(shutil.which("nvidia-smi") or glob.glob("/proc/driver/nvidia/version") or glob.glob("/dev/nvidia0"))


def torch_pins(files: list) -> str:
    """The lines of the requirements files that pin torch and torchvision, as one line; "" if there are none."""
    lines = [line.split("#")[0].strip() for file in files for line in file.read_text("utf-8").splitlines()]
    return " ".join(line for line in lines if line.startswith(("torch==", "torchvision==")))


def install(venv: Path, files: list) -> bool:
    """Install the requirements files into `venv`; return whether it worked.

    uv picks the PyTorch build that fits the computer. pip on Linux always takes the CUDA build.
    """
    python, options = python_in(venv), [word for file in files for word in ("-r", file)]
    if uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--quiet", "--python", python, "--torch-backend=auto", *options]
        if subprocess.run(command).returncode == 0:
            return True
        print("uv could not install the requirements; trying pip ...", flush=True)
    has_torch = any(venv.glob("lib*/**/site-packages/torch/version.py"))
    if sys.platform == "linux" and (pins := torch_pins(files)) and not has_torch and not has_nvidia_driver():
        print(CUDA_NOTICE.format(pins=pins), flush=True)
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *options]
    return subprocess.run(command).returncode == 0


def prepare(venv: Path, files: list) -> None:
    """Install the requirements files into `venv`, unless it already has them.

    The stamp holds a hash for each installed file and is written last, so that the next run completes an interrupted
    one.
    """
    stamp, hashes = venv / "vitrine.stamp", [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    usable = works(venv)
    if usable and stamp.exists() and set(hashes) <= set(stamp.read_text().split()):
        return
    if not usable:
        make_venv(venv)
    stamp.unlink(missing_ok=True)
    for info in venv.glob("lib*/**/site-packages/*.dist-info"):
        if not (info / "RECORD").exists():  # pip writes it last; without it the package is incomplete
            shutil.rmtree(info)
    print("Installing what Vitrine needs into .venv; the first time takes some minutes ...", flush=True)
    if not install(venv, files):
        raise Stop("pip could not install the requirements, for the reason above; the same command tries again.")
    stamp.write_text("\n".join(hashes))


def browser_and_font() -> None:
    """Install what the browser tests need from the system: Chromium, and a font with Korean."""
    browser = [] if any(map(shutil.which, BROWSERS)) else ["chromium"]
    font: list[str] = []
    listed = subprocess.run(["fc-list", ":lang=ko"], capture_output=True).stdout if shutil.which("fc-list") else b""
    if sys.platform.startswith("linux") and not listed:
        font = ["fonts-noto-cjk", "fontconfig"]
    if browser and apt("chromium-headless-shell"):  # smaller and faster, but not every distribution has it
        browser = []
    missing = browser + font
    if missing and not apt(*missing):
        print(
            f"The browser tests need {' and '.join(missing)}, which could not be installed from here; "
            f"on Debian: sudo apt-get install {' '.join(missing)}",
            file=sys.stderr,
            flush=True,
        )


def check(python: Path) -> int:
    """Run every static check; return 1 if one failed, else 0."""
    failed = []
    for name, *options in CHECKS:
        print("$", name, *options, flush=True)
        if subprocess.run([python.with_name(name), *options]).returncode:
            failed.append(name)
    if failed:
        print(f"Failed: {', '.join(failed)}; the reasons are above.", file=sys.stderr, flush=True)
    return int(bool(failed))


def test(python: Path, arguments: list) -> int:
    """Run the tests that `arguments` select. Without arguments, run the static checks and all tests."""
    style = 0 if arguments else check(python)
    browser_and_font()
    # One torch thread a worker: two thread pools would compete for the same cores. Tests never use the network.
    env = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    pytest = [python, "-m", "pytest", "-n", "3", "--dist", "loadfile", "--no-loadscope-reorder", *arguments]
    return subprocess.run(pytest, env=env).returncode or style


def main(arguments: list) -> int:
    """Do what the command line says; return the exit code of what it started."""
    if arguments[:1] in (["-h"], ["--help"], ["help"]):
        print(__doc__.strip())
        return 0
    try:
        check_python()
        os.chdir(ROOT)
        venv, testing = ROOT / ".venv", arguments[:1] in (["test"], ["check"])
        with locked(ROOT):
            prepare(venv, [ROOT / "requirements.txt"] + [ROOT / "tests/requirements.txt"] * testing)
        python = python_in(venv)
        if arguments[:1] == ["check"]:
            return check(python)
        if arguments[:1] == ["test"]:
            return test(python, arguments[1:])
        command = [str(python), "-m", "app", *arguments]
        if os.name == "posix":  # the app replaces this process, so that it gets the signals and sets the exit code
            os.execv(command[0], command)
        return subprocess.run(command).returncode
    except Stop as reason:
        print(reason, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
