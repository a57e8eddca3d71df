"""The load test's short form: the same promises, of fewer browsers."""

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.browser.conftest import serving
from tests.load import run
from tests.load.client import Browser


def test_only_this_computer_is_put_under_load():
    with pytest.raises(ValueError, match="only this computer"):
        Browser("http://example.org:8501")


@pytest.mark.timeout(400)
def test_a_small_hall_is_answered_without_a_swap_and_leaves_nothing(measured):
    found = run.measure(run.SHORT)
    for name, numbers in found.items():
        if name != "errors":
            measured(f"load, {name}: " + ", ".join(f"{what} {value}" for what, value in numbers.items()))
    assert run.missed(found, run.SHORT) == []
    assert found["answers"]["different_answers"] >= 28  # of 32: a swap would show


def test_a_server_that_is_stopped_from_the_keyboard_leaves_nothing_on_the_terminal(tmp_path):
    async def visit() -> None:
        async with Browser(server.url) as browser:
            await browser.ask()

    with serving(tmp_path) as server:
        with ThreadPoolExecutor(1) as thread:  # which has no event loop yet, as this one may have
            thread.submit(asyncio.run, visit()).result()
        before = len(server.said())
        server.process.send_signal(signal.SIGINT)
        server.process.wait(60)
        assert server.said()[before:].strip() in ("", "Aborted!")


def test_what_does_not_hold_is_named():
    good = {
        "answers": {"errors": 0, "swapped": 0},
        "rerun": {"cpu_ms": 9.5, "grown_mb": 2},
        "errors": [],
        "sessions": {"grown_mb": 1.0},
        "hall": {"finished": 24},
    }
    assert run.missed(good, run.SHORT) == []
    for name, what, bad in (
        ("answers", "swapped", 1),
        ("answers", "errors", 2),
        ("rerun", "cpu_ms", 120.5),
        ("rerun", "grown_mb", 31),
        ("sessions", "grown_mb", 101.0),
        ("hall", "finished", 23),
    ):
        wrong = run.missed(good | {name: good[name] | {what: bad}}, run.SHORT)
        assert len(wrong) == 1
        assert wrong[0].startswith(name)
