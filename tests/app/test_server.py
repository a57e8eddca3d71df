"""`python -m app` opens the browser where there is one to open."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_app_opens_in_the_browser(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    asked, opener = tmp_path / "asked", tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\necho "$1" > {asked}.part && mv {asked}.part {asked}\n')
    opener.chmod(0o755)
    command = [sys.executable, "-m", "app", "--server.headless", "false", "--server.port", port]
    with (tmp_path / "log").open("wb") as log:
        app = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        )
    try:
        until = time.monotonic() + 120
        while not asked.exists() and time.monotonic() < until and app.poll() is None:
            time.sleep(0.1)
        assert asked.exists(), (tmp_path / "log").read_text()
        assert asked.read_text().strip() == f"http://127.0.0.1:{port}"
    finally:
        app.terminate()
        app.wait(30)
