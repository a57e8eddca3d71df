"""Downloads in the background: shared, cancelled, continued; and what is known of them meanwhile."""

from __future__ import annotations

import threading

import pytest

from app.runtime import downloads
from app.runtime.downloads import Downloads
from vit_core.downloads import Stopped
from vit_core.errors import InputError

pytestmark = pytest.mark.timeout(120)


def test_who_wants_the_same_shares_one_download():
    release, ran = threading.Event(), []

    def fetch(progress, should_stop):
        ran.append(1)
        progress(3, 10)
        release.wait(60)
        progress(10, 10)
        return "the file"

    held = Downloads()
    first = held.start("a", fetch)
    assert held.start("a", fetch) is first
    assert held.start("b", lambda progress, should_stop: None) is not first
    release.set()
    first.wait()
    assert (first.state, first.result, first.done, first.total, ran) == ("finished", "the file", 10, 10, [1])
    assert held.find("a") is first
    assert held.start("a", fetch) is not first  # one that has ended is begun anew
    assert held.find("c") is None


def test_a_cancelled_download_stops_and_says_so_at_once():
    begun, stopped = threading.Event(), threading.Event()

    def fetch(progress, should_stop):
        progress(5, 10)
        begun.set()
        while not should_stop():
            pass
        stopped.set()
        raise Stopped

    download = Downloads().start("a", fetch)
    assert begun.wait(60)
    assert download.running
    download.cancel()
    assert download.state == "cancelled"
    download.wait()
    assert stopped.is_set()
    assert (download.state, download.done, download.error) == ("cancelled", 5, None)


def test_a_failure_is_an_input_error_and_can_be_forgotten(caplog):
    def fail(error):
        def fetch(progress, should_stop):
            raise error

        return fetch

    held = Downloads()
    known = InputError("download-refused", "No.", host="h", status=404)
    download = held.start("a", fail(known))
    download.wait()
    assert (download.state, download.error) == ("failed", known)
    held.forget("a")
    assert held.find("a") is None
    download = held.start("a", fail(KeyError("bug")))
    download.wait()
    assert download.error.code == "download-failed"
    assert "bug" in str(download.error)
    assert "bug" in caplog.text


def test_the_rate_is_that_of_the_last_seconds(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(downloads.time, "monotonic", lambda: now[0])
    download = Downloads().start("a", lambda progress, should_stop: None)
    download.wait()
    rates = []
    for seconds, done in ((0, 100), (0.1, 200), (1, 300), (2, 500), (3, 700), (100, 800), (101, 900), (102, 50)):
        now[0] = seconds
        download._progress(done, 1000)
        rates.append(download.rate)
    assert rates == [0, 0, 200, 200, 200, 100 / 97, 100, 0]  # bytes a second; at 50, it started over


def test_the_rate_falls_while_nothing_comes(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(downloads.time, "monotonic", lambda: now[0])
    download = Downloads().start("a", lambda progress, should_stop: None)
    download.wait()
    download._progress(0, 1000)
    download._progress(600, 1000)
    now[0] = 60.0
    assert download.rate == 10
