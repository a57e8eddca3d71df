"""`python ray_guard.py PID`, stdin a pipe from that process: ends the Ray cluster that it started when it is killed.

Ray ends its cluster when its driver ends in order; killed (kill -9), the driver would leave it behind, a gigabyte and
more, still writing. What the cluster itself has started ends with it. Run as a file: the package would import torch.
"""

import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path


def main() -> None:
    driver, held = Path("/proc", sys.argv[1]), {}
    while True:
        over = select.select([sys.stdin], [], [], 0.25)[0]  # the pipe closes with the driver, however that ends
        if over:
            break
        with suppress(OSError):  # it may be ending
            for task in (driver / "task").iterdir():
                for pid in map(int, (task / "children").read_text().split()):
                    with suppress(OSError):
                        if pid not in held and b"/ray/" in Path(f"/proc/{pid}/cmdline").read_bytes():
                            held[pid] = os.pidfd_open(pid)  # a number may be given to another process, this not
    for process in held.values():
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)


if __name__ == "__main__":
    main()
