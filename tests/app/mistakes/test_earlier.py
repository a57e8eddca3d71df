"""Evaluations are kept by the weights that they were made with: named, noted, listed, deleted."""

import io
import json
import re
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from filelock import FileLock
from streamlit.testing.v1 import AppTest

import vit_core as vc
from app import text
from app.mistakes import requests
from app.mistakes.earlier import kept
from app.mistakes.find import Evaluation, GalleryView
from app.mistakes.report import build_report
from app.mistakes.requests import EvaluationRequest
from app.mistakes.sources import bar
from app.mistakes.sources.preview import preview
from app.text.plain import escaped
from tests.app.mistakes.test_find import home, make, page, words  # noqa: F401
from vit_core import InputError
from vit_core.data import open_dataset
from vit_core.evaluation import evaluate
from vit_core.evaluation.filters import Filter
from vit_core.evaluation.folder import read_run


@pytest.fixture
def request_of_own(home):  # noqa: F811
    """The request of a checkpoint and of six pictures, which it names after their classes."""
    bundled = open_dataset("bundled:fashion")
    for number in range(6):
        folder = home / "pictures" / bundled.classes[bundled.labels[number]].replace("/", "-")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(bundled.data(number))
    save_weights(home / "mine.safetensors", 0.0)
    return EvaluationRequest(f"file:{home / 'mine.safetensors'}", str(home / "pictures"))


def save_weights(file: Path, shift: float) -> None:
    model = vc.load("embedded:fashion", "cpu")
    with torch.no_grad():
        model.head.bias += torch.linspace(0, shift, 10)
    vc.save(model, file)


def evaluated(request: EvaluationRequest) -> EvaluationRequest:
    """Evaluate as the page does: the request with its version."""
    request = preview(request, vc.load(request.model, "cpu")).request
    request.folder.mkdir(parents=True, exist_ok=True)
    (request.folder / "request.json").write_text(json.dumps(asdict(request)), "utf-8")
    evaluate(request.model, open_dataset(request.source), request.folder, workers=0)
    return request


def test_evaluating_a_retrained_checkpoint_of_the_same_name_keeps_both(request_of_own, home):  # noqa: F811
    first = evaluated(request_of_own)
    rows = (first.folder / "rows.parquet").read_bytes()
    assert not preview(request_of_own, vc.load(first.model, "cpu")).changed
    assert preview(request_of_own, vc.load(first.model, "cpu")).request == first  # the same weights: the same one
    save_weights(home / "mine.safetensors", 50.0)
    assert preview(request_of_own, vc.load(first.model, "cpu")).changed
    second = evaluated(request_of_own)
    assert first.id != second.id
    assert (first.folder / "rows.parquet").read_bytes() == rows
    of_first, of_second = kept.read_kept(first), kept.read_kept(second)
    assert of_first.digest != of_second.digest
    assert of_first.digest == read_run(first.folder)["identity"]["model"][:8]
    right = {one.request: read_run(one.out)["right"] for one in (of_first, of_second)}
    assert [one.accuracy for one in (of_first, of_second)] == [right[first] / 6, right[second] / 6]
    assert right[first] > right[second]
    assert {one.id for one in requests.list_runs()} >= {first.id, second.id}
    assert requests.read_request(requests.run_folder(first.id)) == first  # a link shows what it showed
    assert (datetime.now(UTC) - of_second.finished).total_seconds() >= 0


def test_an_evaluation_from_before_versions_is_found_again(request_of_own):
    versioned = evaluated(request_of_own)
    plain = replace(versioned, version=None)
    versioned.folder.rename(plain.folder)
    assert preview(request_of_own, vc.load(plain.model, "cpu")).request == plain


def test_names_and_notes_are_kept_and_damage_is_none():
    request = EvaluationRequest("m", "p")
    out = make(request)
    kept.write_note(kept.read_kept(request), " before \n", "two")
    one = kept.read_kept(request)
    assert (one.name, one.note) == ("before", "two")
    for damaged in ("[", "[1]", '{"name": 3}'):
        (out / kept.NOTE).write_text(damaged, "utf-8")
        assert kept.read_kept(request).name == ""


def test_deleting_frees_what_it_says_and_spares_what_runs_or_ships(home):  # noqa: F811
    request = EvaluationRequest("m", "p")
    out = make(request)
    (out / "log.txt").write_bytes(b"x" * 3_000_000)
    one = kept.read_kept(request)
    size = sum(file.stat().st_size for file in out.iterdir())
    assert kept.megabytes(one) == pytest.approx(size / 1e6)
    with FileLock(out / ".lock"):
        assert not kept.delete(one)
    assert out.exists()
    assert kept.delete(one)
    assert not out.exists()
    assert request not in requests.list_runs()
    assert not kept.delete(kept.read_kept(requests.PHOTOS))
    assert (requests.SHIPPED / "rows.parquet").exists()


def opened_list(request: EvaluationRequest, language: str = "en") -> AppTest:
    """The window's content; AppTest closes a real window at the next click."""

    def script():
        from app import state
        from app.mistakes import requests
        from app.mistakes.earlier import dialog

        state.start()
        if shown := requests.read_request(requests.run_folder(state.get(state.Key.RUN))):
            dialog._list(shown)

    app = AppTest.from_function(script, default_timeout=60)
    app.query_params["lang"], app.query_params["run"] = language, request.id
    return app.run()


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_the_list_names_and_deletes_after_a_question(language):
    request = EvaluationRequest("m", "p")
    out = make(request)
    about = json.loads((out / "run.json").read_text("utf-8"))
    about |= {"finished": "2026-03-01T10:20:30+00:00", "right": 30, "known": 40, "identity": {"model": "abcdef0123"}}
    (out / "run.json").write_text(json.dumps(about), "utf-8")
    app, t = opened_list(request, language), text.Text(language)
    table = app.dataframe[0].value
    row = table[table["digest"] == "abcdef01"].iloc[0]
    assert (row["date"], row["accuracy"], row["pictures"]) == ("2026-03-01 10:20", 75.0, 400)
    app.text_input(key=f"earlier_name_{request.id}").set_value("<b>mine</b>").run()
    app.button(key="earlier_save").click().run()
    shown = words(page(lang=language, run=request.id))
    assert escaped("<b>mine</b>") in shown
    assert "2026-03-01 10:20" in shown
    assert t("mistakes.earlier.weights", digest="abcdef01") in shown
    app.button(key="earlier_delete").click().run()
    assert out.exists()  # it asks first
    size = f"{kept.megabytes(kept.read_kept(request)):,.1f}"
    assert t("mistakes.earlier.sure", size=size) in words(app)
    app.button(key="earlier_yes").click().run()
    assert not app.exception
    assert not out.exists()
    assert app.session_state["run"] is None  # the page shows another one


def test_strangers_on_a_public_server_cannot_delete(monkeypatch):
    request = EvaluationRequest("m", "p")
    make(request)
    monkeypatch.setattr("app.mistakes.earlier.dialog.is_public", lambda: True)
    app = opened_list(request)
    assert not app.exception
    assert [button.key for button in app.button] == ["earlier_show"]


def test_a_note_on_a_full_disk_is_an_error(no_room):
    request = EvaluationRequest("m", "p")
    one = kept.read_kept(request)
    with pytest.raises(InputError) as caught:
        kept.write_note(one, "a", "b")
    assert caught.value.code == "evaluate-disk"


def test_every_file_that_is_taken_away_says_of_which_evaluation_it_is(request_of_own):
    request = evaluated(request_of_own)
    run, about = Evaluation(request.folder), read_run(request.folder)
    wanted = {
        "model": request.model,
        "data_set": "pictures",
        "weights": about["identity"]["model"][:8],
        "evaluated": about["finished"],
    }
    digest, day = wanted["weights"], wanted["evaluated"][:10]
    assert run.file_name("all", "csv") == f"vitrine-all-mine.safetensors-pictures-{digest}-{day}.csv"
    table = pd.read_csv(io.BytesIO(run.export(GalleryView("all"), "csv")))
    assert table[list(wanted)].drop_duplicates().to_dict("records") == [wanted]
    assert len(table) == 6
    metadata = pq.read_schema(io.BytesIO(run.export(GalleryView("all"), "parquet"))).metadata
    assert {key: metadata[key.encode()].decode() for key in wanted} == wanted
    report = build_report(run, Filter(), 0, "en", model=vc.load(request.model, "cpu")).decode()
    for value in (digest, wanted["evaluated"], "mine.safetensors"):
        assert f"{value}</bdi>" in report


def test_a_file_name_has_only_letters_that_every_system_takes(home):  # noqa: F811
    run = Evaluation(make(EvaluationRequest("file:/a b/c:d?.pt", "p")))
    run.title = '../../"x" / 한글 <b>'
    assert re.fullmatch(r"vitrine-all-c-d-.pt-x-한글-b-[\d-]+\.csv", run.file_name("all", "csv"))


def test_evaluations_of_one_title_are_chosen_apart():
    three = [EvaluationRequest("m", "p", version=version) for version in "abc"]
    for request in three:
        make(request)
    for request in three:
        app = page(run=three[0].id)
        box = app.selectbox(key=f"runs_en_{three[0].id}")
        assert len(set(box.options)) == len(box.options)
        box.set_value(request.id).run()
        assert app.session_state["run"] == request.id


def test_choosing_the_evaluation_that_is_shown_keeps_list_and_page(monkeypatch):
    shown, other = (EvaluationRequest("m", "p", version=version) for version in "ab")
    asked = []
    monkeypatch.setattr(bar.start, "show_run", asked.append)
    bar._choose(None, shown)
    bar._choose(shown, shown)
    assert asked == []
    bar._choose(other, shown)
    assert asked == [other.id]
