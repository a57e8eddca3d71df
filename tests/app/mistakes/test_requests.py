"""What is to be evaluated, and the folder in which its evaluation lies."""

import os
from pathlib import Path

import pytest

from app.mistakes import requests
from app.mistakes.requests import EvaluationRequest
from tests.app.mistakes.test_find import home, make  # noqa: F401


def test_a_run_folder_depends_on_the_request_and_lies_outside_the_pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p").mkdir()
    os.symlink(tmp_path / "p", tmp_path / "q")
    one = EvaluationRequest("m", str(tmp_path / "p"))
    assert (
        one.id == EvaluationRequest("m", "p").id == EvaluationRequest("m", "q").id
    )  # one folder, however it is written
    others = [
        EvaluationRequest("n", "p"),
        EvaluationRequest("m", "."),
        EvaluationRequest("m", "p", table="t.csv"),
        EvaluationRequest("m", "p", labels="t.csv"),
    ]
    assert len({one.id, *(o.id for o in others)}) == 5
    assert one.folder.parent == requests.runs_folder()
    monkeypatch.delenv("VITRINE_RUNS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert requests.runs_folder() == tmp_path / "cache" / "vitrine" / "runs"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert requests.runs_folder() == Path.home() / ".cache" / "vitrine" / "runs"


@pytest.mark.parametrize("name", ["../../etc", "", None, "x" * 16, "0" * 15, "/etc/passwd", "0123456789abcdeF"])
def test_other_names_in_an_address_lead_to_the_bundled_run(name):
    assert requests.run_folder(name) == requests.run_folder(requests.PHOTOS.id)


def test_a_damaged_request_is_no_run(home):  # noqa: F811
    out = make(EvaluationRequest("m", "p"))
    (out / "request.json").write_text('{"model": 1, "other": 2}', "utf-8")
    assert requests.read_request(out) is None
    (out / "request.json").write_text("[", "utf-8")
    assert requests.read_request(out) is None
