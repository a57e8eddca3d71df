"""`python ray_guard.py OPTION...`: starts a Ray cluster of this machine with these options; it ends with its driver.

Writes a JSON line, [address or null, what was said], and ends the cluster and its folder once stdin, a pipe from the
driver, is closed: by the driver, or with it, however it ended. Whatever the cluster starts, and whatever that starts,
becomes this process's child when its parent ends (Linux's "child subreaper"), so that none can be missed: Ray's agents
outlive a killed raylet, and titles that they write over their environment leave no other mark of whose they are.

Run as a file: the package would import torch. Linux only.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def end() -> None:
    """Kill all descendants. A process's children are ours before it can be waited for, so the last is the last."""
    while True:
        for pid in Path("/proc/thread-self/children").read_text().split():
            os.kill(int(pid), signal.SIGKILL)  # its number is its own until it is waited for
        try:
            os.wait()
        except ChildProcessError:
            return


def main() -> None:
    for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:  # not SIG_IGN, which children would inherit
        signal.signal(number, lambda *_: None)
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")
    home = Path(tempfile.mkdtemp(prefix="vitrine-ray-"))  # short: sockets' paths end at 107 bytes
    try:
        with open(home / "said", "w+b") as said:
            start = subprocess.Popen([sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--port=0",
                                      f"--temp-dir={home}", *sys.argv[1:]], stdin=subprocess.DEVNULL, stdout=said,
                                     stderr=said)  # fmt: skip
            while start.poll() is None and not select.select([sys.stdin], [], [], 0.05)[0]:
                pass
            address = (home / "ray_current_cluster").read_text() if start.returncode == 0 else None
            said.seek(0)
            with suppress(BrokenPipeError):  # the driver is gone
                print(json.dumps([address, said.read().decode(errors="replace")]), flush=True)
        sys.stdin.buffer.read()
    finally:
        end()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
