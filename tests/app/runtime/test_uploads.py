"""Uploaded archives: kept under a harmless name, deleted with their evaluations, and never another server's."""

import subprocess
import sys

import pytest

from app.runtime.uploads import ServerUploads, Upload, delete_leftovers, upload_home, uploads_folder


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VITRINE_RUNS", str(tmp_path / "runs"))


@pytest.fixture
def server():
    server = ServerUploads()
    yield server
    server.close()


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("cats.zip", "cats.zip"),
        ("고양이 사진.ZIP", "고양이 사진.zip"),
        ("../../etc/passwd", "passwd.zip"),
        ("C:\\me\\a<b>\"c'.zip", "a b c.zip"),
        (".zip", "zip.zip"),
        ("..", "pictures.zip"),
        ("a\0b\n.zip", "a b.zip"),
        ("x" * 500 + ".zip", "x" * 60 + ".zip"),
    ],
)
def test_an_archive_is_kept_under_a_harmless_name_in_a_folder_of_its_own(server, name, kept):
    file = Upload(server).keep(name, b"data")
    assert file.name == kept
    assert file.read_bytes() == b"data"
    assert file.parent.parent.parent == uploads_folder()
    assert upload_home(str(file)) == file.parent
    assert upload_home("/somewhere/else.zip") is None


def test_a_second_archive_takes_the_place_of_the_first(server):
    upload = Upload(server)
    first, second = upload.keep("a.zip", b"1"), upload.keep("b.zip", b"2")
    assert not first.parent.exists()
    assert second.exists()


def test_deleting_ends_the_evaluation_and_leaves_nothing(server):
    upload = Upload(server)
    file = upload.keep("a.zip", b"1")
    (file.parent / "run").mkdir()
    (file.parent / "run" / "rows.parquet").write_bytes(b"results")
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    upload.add_process(process)
    assert upload.delete() == file.parent
    assert process.stdin.close() is None
    assert process.returncode is not None
    assert not file.parent.exists()
    assert (upload.file, upload.folder) == (None, None)
    assert upload.delete() is None


def test_a_server_that_starts_deletes_what_ended_servers_left_and_nothing_else(server):
    running = Upload(server).keep("a.zip", b"1")
    left = uploads_folder() / "0123" / "4567" / "b.zip"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"2")
    delete_leftovers()
    assert running.exists()
    assert not left.parent.parent.exists()


def test_the_end_of_a_server_deletes_everything():
    server = ServerUploads()
    files = [Upload(server).keep("a.zip", b"1") for _ in range(2)]
    server.close()
    assert not [file for file in files if file.exists()]
    assert not list(uploads_folder().glob("*/"))


def test_before_the_first_upload_nothing_is_written(tmp_path):
    ServerUploads()
    delete_leftovers()
    assert not (tmp_path / "runs").exists()
