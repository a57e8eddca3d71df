"""A download shows its progress, continues where it ended, stops on request, and says what went wrong."""

from __future__ import annotations

import hashlib
import os
import threading

import huggingface_hub
import pytest
from huggingface_hub import constants

from tests.http_files import serving_files
from vit_core import downloads
from vit_core.downloads import Stopped, download_file, incomplete_path
from vit_core.errors import InputError

pytestmark = pytest.mark.timeout(120)
DATA = os.urandom(700_001)
SHA = "sha256:" + hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(downloads, "RETRY_SECONDS", 0)


@pytest.fixture
def server():
    with serving_files() as started:
        started.files["/a.bin"] = DATA
        yield started


def refused(code: str, *args, **named) -> InputError:
    with pytest.raises(InputError) as caught:
        download_file(*args, **named)
    assert caught.value.code == code, str(caught.value)
    return caught.value


def test_a_file_arrives_once_with_its_progress(server, tmp_path):
    path, seen = tmp_path / "new" / "a.bin", []
    assert download_file(f"{server.url}/a.bin", path, lambda *at: seen.append(at), digest=SHA) == path
    assert path.read_bytes() == DATA
    assert seen[0] == (0, len(DATA))
    assert seen[-1] == (len(DATA), len(DATA))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert len(seen) > 5
    assert os.listdir(path.parent) == ["a.bin"]  # neither a lock nor a partial file is left
    download_file(f"{server.url}/a.bin", path)
    assert server.sent("/a.bin") == [None]


def test_a_cut_connection_is_made_again_where_it_ended(server, tmp_path):
    server.cut = [300_000, 100_000, 0]
    path = download_file(f"{server.url}/a.bin", tmp_path / "a.bin", digest=SHA)
    assert path.read_bytes() == DATA
    assert server.sent("/a.bin") == [None, "bytes=300000-", "bytes=400000-", "bytes=400000-"]


def test_a_stopped_download_keeps_what_it_has_and_the_next_one_continues(server, tmp_path):
    path, seen = tmp_path / "a.bin", []
    with pytest.raises(Stopped):
        download_file(f"{server.url}/a.bin", path, lambda *at: seen.append(at), lambda: len(seen) > 3, size=len(DATA))
    kept = incomplete_path(path).stat().st_size
    assert 0 < kept < len(DATA)
    assert not path.exists()
    seen = []
    download_file(f"{server.url}/a.bin", path, lambda *at: seen.append(at), size=len(DATA), digest=SHA)
    assert path.read_bytes() == DATA
    assert seen[0] == (kept, len(DATA))
    assert server.sent("/a.bin") == [None, f"bytes={kept}-"]


def test_a_server_without_ranges_sends_everything_again(server, tmp_path):
    server.ranges = False
    incomplete_path(tmp_path / "a.bin").write_bytes(b"x" * 1000)
    assert download_file(f"{server.url}/a.bin", tmp_path / "a.bin", digest=SHA).read_bytes() == DATA


@pytest.mark.parametrize("size", [None, len(DATA)])
def test_a_partial_file_that_is_whole_is_not_asked_for_again(server, tmp_path, size):
    incomplete_path(tmp_path / "a.bin").write_bytes(DATA)
    assert download_file(f"{server.url}/a.bin", tmp_path / "a.bin", size=size, digest=SHA).read_bytes() == DATA
    assert server.sent("/a.bin") == ([] if size else [f"bytes={len(DATA)}-"])


def test_another_file_than_the_expected_one_is_deleted(server, tmp_path):
    path, wrong = tmp_path / "a.bin", "sha256:" + "0" * 64
    assert "sha256" in refused("download-damaged", f"{server.url}/a.bin", path, digest=wrong).values["reason"]
    assert "700,001" in refused("download-damaged", f"{server.url}/a.bin", path, size=7).values["reason"]
    assert not [name for name in os.listdir(tmp_path) if not name.endswith(".lock")]
    git = hashlib.sha1(f"blob {len(DATA)}\0".encode() + DATA).hexdigest()
    assert download_file(f"{server.url}/a.bin", path, digest=f"git:{git}") == path


def test_what_a_server_has_not_is_said(server, tmp_path):
    assert refused("download-refused", f"{server.url}/b.bin", tmp_path / "b.bin").values["status"] == 404


def test_without_a_network_it_says_so_at_once_and_keeps_the_partial_file(server, tmp_path, monkeypatch):
    incomplete_path(tmp_path / "a.bin").write_bytes(DATA[:1000])
    server.files.clear()
    dead = "http://127.0.0.1:9/a.bin"
    assert refused("download-unreachable", dead, tmp_path / "a.bin").values["host"] == "127.0.0.1:9"
    assert incomplete_path(tmp_path / "a.bin").read_bytes() == DATA[:1000]
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in refused("download-unreachable", dead, tmp_path / "b.bin").values["reason"]


def test_a_server_that_never_answers_is_not_waited_for(tmp_path, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(downloads, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(huggingface_hub.get_session(), "send", lambda *args, **named: released.wait(100))
    error = refused("download-unreachable", "http://hub.invalid/a", tmp_path / "a")
    assert "timeout" in error.values["reason"]


def test_two_that_want_the_same_file_share_one_download(server, tmp_path):
    server.hold, path, seen = 200_000, tmp_path / "a.bin", []
    waiting = threading.Event()

    def watch(done, total):
        seen.append(done)
        waiting.set()

    first = threading.Thread(target=download_file, args=(f"{server.url}/a.bin", path))
    first.start()
    while not incomplete_path(path).exists():
        pass
    second = threading.Thread(target=download_file, args=(f"{server.url}/a.bin", path, watch))
    second.start()
    assert waiting.wait(60)
    server.released.set()
    first.join()
    second.join()
    assert path.read_bytes() == DATA
    assert server.sent("/a.bin") == [None]


def test_a_disk_that_is_full_is_said(server, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda path: type("", (), {"free": 1000}))
    assert refused("download-disk", f"{server.url}/a.bin", tmp_path / "a.bin").values["folder"] == str(tmp_path)
