"""The wheel, installed in an environment of its own away from the checkout: the command line runs, the app starts."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 180


@pytest.fixture(scope="module")
def away(tmp_path_factory) -> Path:
    """A folder with no checkout in sight; subprocesses run there."""
    return tmp_path_factory.mktemp("away")


@pytest.fixture(scope="module")
def scripts(away) -> Path:
    """The folder of commands of a clean environment with the wheel.

    What the wheel depends on comes from this environment through a .pth file: nothing is downloaded.
    """
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", away / "dist"],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    (wheel,) = (away / "dist").glob("*.whl")
    venv.create(away / "venv", with_pip=False, symlinks=os.name != "nt")
    folder = away / "venv" / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", folder / "python", "install", "--quiet", "--no-deps", "--no-index",
         wheel],
        check=True, timeout=PATIENCE_S,
    )  # fmt: skip
    ours = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    theirs = subprocess.check_output(
        [folder / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    )
    Path(theirs.strip(), "dependencies.pth").write_text(f"{ours}\n")
    return folder


@pytest.fixture(scope="module")
def env() -> dict[str, str]:
    """This process's environment without a path to the checkout."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def test_packages_come_from_the_wheel_and_none_is_called_app(scripts, away, env):
    code = "import importlib.util, vit_core, vitrine\n"
    code += "print(vit_core.__file__, vitrine.__file__, importlib.util.find_spec('app'))"
    done = subprocess.run([scripts / "python", "-c", code], cwd=away, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    core, command, app = done.stdout.split(maxsplit=2)
    assert Path(core).is_relative_to(scripts.parent)
    assert Path(command).is_relative_to(scripts.parent)
    assert app.strip() == "None"


def test_explain_writes_its_files(scripts, away, env):
    picture = ROOT / "assets/samples/chelsea.jpg"
    done = subprocess.run(
        [scripts / "vitrine", "explain", picture, "--model", "embedded:photo", "--out", "out"],
        cwd=away, env=env, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (away / "out/chelsea.rollout.png").exists()


def test_help_and_unknown_commands_end_with_a_sentence(scripts, away, env):
    shown = subprocess.run([scripts / "vitrine", "--help"], cwd=away, env=env, capture_output=True, text=True)
    assert shown.returncode == 0
    assert "explain" in shown.stdout
    unknown = subprocess.run([scripts / "vitrine", "explian"], cwd=away, env=env, capture_output=True, text=True)
    assert unknown.returncode == 2
    assert "usage: vitrine" in unknown.stderr
    assert "Traceback" not in unknown.stderr


def test_the_app_serves_its_page_with_its_own_settings(scripts, away, env):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = away / "log.txt"
    with log.open("wb") as out:
        app = subprocess.Popen(
            [scripts / "vitrine", "--server.headless", "true", "--server.port", str(port)],
            cwd=away, env=env, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        until = time.monotonic() + PATIENCE_S
        page = None
        while page is None:
            assert app.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            try:
                page = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
            except OSError:
                time.sleep(0.2)
        with page:
            assert page.status == 200
            assert "Content-Security-Policy" in page.headers, "the guard is not in front"
            assert b"<title>" in page.read()
        # .streamlit/config.toml was found: without it the server would also listen on other addresses.
        said = log.read_text()
        assert f"http://127.0.0.1:{port}" in said
        assert "Network URL" not in said
    finally:
        app.terminate()
        app.wait(30)
