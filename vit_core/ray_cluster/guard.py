"""`python guard.py OPTION...`: starts a Ray cluster of this machine with these options and ends it with its driver.

Prints a JSON line, [address or null, output of `ray start`]. Ends the cluster and deletes its folder when stdin, a pipe
from the driver, is closed, however the driver ended. As a "child subreaper" (Linux), this process becomes the parent of
every descendant whose own parent ends, so that none is missed: Ray's agents outlive a killed raylet, and they overwrite
their environment, so nothing else marks them.

Runs as a file, since importing the package would import torch. Linux only.
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


def kill_descendants() -> None:
    """Kill all descendants: the children of a killed child become ours before it is waited for."""
    while True:
        for pid in Path("/proc/thread-self/children").read_text().split():
            os.kill(int(pid), signal.SIGKILL)  # the number stays its own until it is waited for
        try:
            os.wait()
        except ChildProcessError:
            return


def main() -> None:
    for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:  # not SIG_IGN: children would inherit it
        signal.signal(number, lambda *_: None)
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")
    home = Path(tempfile.mkdtemp(prefix="vitrine-ray-"))  # short: a socket's path has at most 107 bytes
    try:
        with open(home / "output", "w+b") as output:
            start = subprocess.Popen([sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--port=0",
                                      f"--temp-dir={home}", *sys.argv[1:]], stdin=subprocess.DEVNULL, stdout=output,
                                     stderr=output)  # fmt: skip
            while start.poll() is None and not select.select([sys.stdin], [], [], 0.05)[0]:
                pass
            address = (home / "ray_current_cluster").read_text() if start.returncode == 0 else None
            output.seek(0)
            with suppress(BrokenPipeError):  # the driver is gone
                print(json.dumps([address, output.read().decode(errors="replace")]), flush=True)
        sys.stdin.buffer.read()
    finally:
        kill_descendants()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
