"""Load test of the app: `python tests/load/run.py [--short] [--only NAME ...] [--json FILE]`. About nine minutes.

Starts `python -m app` on this computer, opens real sessions (tests/load/client.py) and prints four measurements:

  answers    50 sessions at once, 20 different pictures each: errors, and answers that belong to another picture
  rerun      the server's CPU time for a rerun of the whole page without the model; memory growth over 500 reruns
  sessions   memory growth over 200 sessions that were opened, closed and expired (server.disconnectedSessionTTL)
  hall       200 sessions, one picture every ten seconds each: how many finish, and how long an answer takes

vit_core computes each picture's expected answer beforehand. `--processes N` runs "answers" and "hall" against N apps
behind haproxy, with the configuration in docs/deployment.md.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import vit_core as vc  # noqa: E402
from tests.browser.conftest import Server, answers  # noqa: E402
from tests.load.client import Browser, answer  # noqa: E402
from vit_core.percentage import percent  # noqa: E402

SESSION_TTL_S = 2  # how long the server keeps a session after its browser has disconnected
FULL = {
    "sessions": 50,
    "pictures": 20,
    "reruns": 500,
    "opened": 200,
    "hall": 200,
    "think": 10.0,
    "rounds": 3,
    "cpu_ms": 20,
}
#: For the test suite. Other tests share the cores and caches there, so the CPU time has a loose bound.
SHORT = {"sessions": 8, "pictures": 4, "reruns": 60, "opened": 24, "hall": 24, "think": 1.0, "rounds": 2, "cpu_ms": 120}


def pictures(count: int, seed: int) -> list[tuple[bytes, str]]:
    """Crops of the sample pictures in changed colours, as PNG, each with the page's expected answer."""
    draw = np.random.default_rng(seed)
    files = sorted((ROOT / "assets/samples").glob("*.jpg"))
    whole = [Image.open(file).convert("RGB").resize((160, 120)) for file in files]
    model, found = vc.load("embedded:photo", "cpu"), []
    for number in range(count):
        x, y, tint = draw.integers(0, 60), draw.integers(0, 40), draw.uniform(0.5, 1.5, 3)
        piece = np.asarray(whole[number % len(whole)].crop((x, y, x + 100, y + 80))) * tint
        buffer = io.BytesIO()
        Image.fromarray(piece.clip(0, 255).astype(np.uint8)).save(buffer, "PNG")
        best = vc.top_k(model, vc.record(model, buffer.getvalue()), 3)
        found.append((buffer.getvalue(), answer([(name, percent(p)) for name, p in best])))
    return found


def cpu(pid: int) -> float:
    """The CPU time of a process so far, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """The resident memory of a process, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


class Load:
    """Measures one server; counts errors, swapped answers and "try again" answers."""

    def __init__(self, url: str, pid: int | None, size: dict):
        self.url, self.pid, self.size, self.errors, self.swapped, self.busy = url, pid, size, [], 0, 0

    async def shown(self, browser: Browser, data: bytes, expected: str) -> None:
        said = await browser.show(data)
        self.swapped += said != expected

    async def session(self, mine: list, think: float = 0, times: list | None = None) -> None:
        try:
            async with Browser(self.url) as browser:
                await browser.ask()
                for data, expected in mine:
                    begun = time.perf_counter()
                    await self.shown(browser, data, expected)
                    if times is not None:
                        times.append(time.perf_counter() - begun)
                    await asyncio.sleep(think)
                self.busy += browser.busy
        except Exception as error:  # any error counts
            self.errors.append(f"{type(error).__name__}: {error}"[:200])

    async def answers(self) -> dict:
        n, each = self.size["sessions"], self.size["pictures"]
        made = pictures(n * each, 0)
        begun = time.perf_counter()
        await asyncio.gather(*(self.session(made[i::n]) for i in range(n)))
        return {
            "answers": n * each,
            "different_answers": len({expected for _, expected in made}),
            "errors": len(self.errors),
            "swapped": self.swapped,
            "told_to_try_again": self.busy,
            "seconds": round(time.perf_counter() - begun, 1),
        }

    async def rerun(self) -> dict:
        async with Browser(self.url) as browser:
            for _ in range(20):
                await browser.ask()
            before, used = resident(self.pid), cpu(self.pid)
            for _ in range(self.size["reruns"]):
                await browser.ask()
            used = (cpu(self.pid) - used) / self.size["reruns"]
        return {
            "cpu_ms": round(used * 1e3, 1),
            "reruns": self.size["reruns"],
            "grown_mb": round(resident(self.pid) - before, 1),
        }

    async def sessions(self) -> dict:
        async def once():
            async with Browser(self.url) as browser:
                await browser.ask()

        for _ in range(10):
            await once()
        await asyncio.sleep(SESSION_TTL_S + 3)
        before = resident(self.pid)
        for _ in range(self.size["opened"] // 4):
            await asyncio.gather(*(once() for _ in range(4)))
        await asyncio.sleep(SESSION_TTL_S + 3)
        async with Browser(self.url) as browser:
            await browser.ask()  # the next visitor's run frees the expired sessions
        await asyncio.sleep(SESSION_TTL_S + 3)
        return {"opened": self.size["opened"], "grown_mb": round(resident(self.pid) - before, 1)}

    async def hall(self) -> dict:
        n, rounds, think = self.size["hall"], self.size["rounds"], self.size["think"]
        made, times = pictures(n * rounds, 1), []
        failed = len(self.errors)

        async def person(i: int) -> None:
            await asyncio.sleep(think * i / n)  # arrivals are spread evenly
            await self.session(made[i::n], think, times)

        await asyncio.gather(*map(person, range(n)))
        times.sort()
        return {
            "sessions": n,
            "think_s": think,
            "finished": n - (len(self.errors) - failed),
            "answer_s_median": round(statistics.median(times), 2) if times else None,
            "answer_s_95": round(times[int(0.95 * len(times))], 2) if times else None,
        }


@contextlib.contextmanager
def proxied_apps(count: int):
    """Start `count` apps behind haproxy, configured as docs/deployment.md says; yields the proxy's address."""
    block = re.search(r"```haproxy\n(.*?)```", (ROOT / "docs/deployment.md").read_text(encoding="utf-8"), re.S).group(1)
    line = re.search(r"    server one .*\n", block).group()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as ends:
        there = [Server(Path(folder) / f"{i}.txt") for i in range(count)]
        for server in there:
            ends.callback(server.stop)
        lines = [
            line.replace("one", f"app{i}").replace("127.0.0.1:8501", urlsplit(server.url).netloc)
            for i, server in enumerate(there)
        ]
        block = re.sub(r"(    server .*\n)+", "".join(lines), block).replace(":8500", f"127.0.0.1:{port}")
        (Path(folder) / "haproxy.cfg").write_text(block)
        for server in there:
            server.wait()
        proxy = subprocess.Popen(["haproxy", "-db", "-f", Path(folder) / "haproxy.cfg"])
        ends.callback(proxy.wait)
        ends.callback(proxy.terminate)
        if not answers(f"http://127.0.0.1:{port}", proxy):
            sys.exit("haproxy does not answer")
        yield f"http://127.0.0.1:{port}"
        for server in there:
            print(server.url, "ran", server.forwards(), "forward passes")


NAMES = ("answers", "rerun", "sessions", "hall")
#: (measurement, number): its upper bound. The bound of a rerun's CPU time is part of the sizes above.
UPPER_BOUNDS = {
    ("answers", "errors"): 0,
    ("answers", "swapped"): 0,
    ("rerun", "grown_mb"): 30,
    ("sessions", "grown_mb"): 100,
}


def measure(size: dict, url: str | None = None, only: list[str] | None = None) -> dict:
    """Run all measurements, or those in `only`, against a new server.

    With `url`, run "answers" and "hall" against a server that is already running.
    """
    if url:
        load = Load(url, None, size)
        return {name: asyncio.run(getattr(load, name)()) for name in ("answers", "hall")} | {"errors": load.errors}
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "log.txt", "--server.disconnectedSessionTTL", str(SESSION_TTL_S))
        try:
            server.wait()
            load = Load(server.url, server.process.pid, size)
            with ThreadPoolExecutor(1) as thread:  # a test's own thread may already have an event loop
                found = {
                    name: thread.submit(lambda name=name: asyncio.run(getattr(load, name)())).result()
                    for name in only or NAMES
                }
            found["errors"] = load.errors + [line for line in server.said().splitlines() if "Traceback" in line]
        finally:
            server.stop()
    return found


def exceeded(found: dict, size: dict) -> list[str]:
    """One sentence for each bound that is exceeded, and each error."""
    wrong = [
        f"{name}: {what} is {found[name][what]}, at most {most} allowed"
        for (name, what), most in (UPPER_BOUNDS | {("rerun", "cpu_ms"): size["cpu_ms"]}).items()
        if name in found and found[name][what] > most
    ]
    if "hall" in found and found["hall"]["finished"] != size["hall"]:
        wrong.append(f"hall: {found['hall']['finished']} of {size['hall']} finished")
    return wrong + found["errors"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", nargs="+", choices=NAMES, help="run only these measurements")
    parser.add_argument("--url", help="address of an app that is already running on this computer")
    parser.add_argument("--processes", type=int, metavar="N", help="use N apps behind haproxy, which must be installed")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    size = SHORT if args.short else FULL
    with proxied_apps(args.processes) if args.processes else contextlib.nullcontext(args.url) as url:
        found = measure(size, url, args.only)
    for name, numbers in found.items():
        print(
            f"{name:10}",
            numbers if isinstance(numbers, list) else "  ".join(f"{what} {value}" for what, value in numbers.items()),
        )
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")
    if wrong := exceeded(found, size):
        sys.exit("\n".join(["", *wrong]))
