"""The short form of the load test, and the load test's own parts."""

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.browser.conftest import serving
from tests.load import run
from tests.load.client import Browser


def test_the_client_connects_to_this_computer_only():
    with pytest.raises(ValueError, match="this computer only"):
        Browser("http://example.org:8501")


@pytest.mark.timeout(400)
def test_load_in_short_form(measured):
    found = run.measure(run.SHORT)
    for name, numbers in found.items():
        if name != "errors":
            measured(f"load, {name}: " + ", ".join(f"{what} {value}" for what, value in numbers.items()))
    exceeded = run.exceeded(found, run.SHORT)
    assert not exceeded, "\n".join(exceeded)
    assert found["answers"]["different_answers"] >= 28  # of 32, so a swapped answer would be noticed


def test_a_server_stopped_by_ctrl_c_prints_no_traceback(tmp_path):
    async def visit() -> None:
        async with Browser(server.url) as browser:
            await browser.ask()

    with serving(tmp_path) as server:
        with ThreadPoolExecutor(1) as thread:  # this thread may already have an event loop
            thread.submit(asyncio.run, visit()).result()
        before = len(server.said())
        server.process.send_signal(signal.SIGINT)
        server.process.wait(60)
        assert server.said()[before:].strip() in ("", "Aborted!")


def test_each_exceeded_bound_is_reported():
    good = {
        "answers": {"errors": 0, "swapped": 0},
        "rerun": {"cpu_ms": 9.5, "grown_mb": 2},
        "errors": [],
        "sessions": {"grown_mb": 1.0},
        "hall": {"finished": 24},
    }
    assert run.exceeded(good, run.SHORT) == []
    for name, what, bad in (
        ("answers", "swapped", 1),
        ("answers", "errors", 2),
        ("rerun", "cpu_ms", 120.5),
        ("rerun", "grown_mb", 31),
        ("sessions", "grown_mb", 101.0),
        ("hall", "finished", 23),
    ):
        wrong = run.exceeded(good | {name: good[name] | {what: bad}}, run.SHORT)
        assert len(wrong) == 1
        assert wrong[0].startswith(name)
