"""What the errors have in common: the list by map, mean maps and clusters, and every state of the panel."""

import json
import os

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from app import text
from app.mistakes import find, requests
from app.mistakes.find import Evaluation, GalleryView
from app.mistakes.maps.found import PLACES, MapChoice, densest_place, picture_of
from app.text.plain import escaped
from tests import tables
from tests.app.mistakes.test_find import home, make, page, words  # noqa: F401
from vit_core import InputError
from vit_core.evaluation import folder
from vit_core.evaluation.filters import Filter
from vit_core.evaluation.maps import store
from vit_core.percentage import percent

T = text.Text("en")
REQUEST = requests.EvaluationRequest("m", "p")


@pytest.fixture
def out():
    return make(REQUEST, broken=0.05)


@pytest.fixture
def run(out):
    tables.maps(out)
    return Evaluation(out)


def listed(run, **choice) -> np.ndarray:
    view = GalleryView("maps", maps=MapChoice(**choice))
    return np.array([row["number"] for row in run.first_rows(view, 10_000)])


def test_the_list_has_errors_and_correct_pictures_by_share(run):
    errors = run.accuracy.counted - run.accuracy.right
    numbers = listed(run)
    assert len(numbers) == len(set(numbers)) == 2 * errors == run.count(GalleryView("maps"))
    for region in ("border", "centre"):
        share = run.maps.share(region)
        shares = [share[number] for number in listed(run, region=region).tolist()]
        assert shares == sorted(shares, reverse=True)
        assert shares[0] > shares[-1]
    assert (listed(run, region="centre") != numbers).any()


def test_the_list_keeps_to_the_smallest_share_to_the_cluster_and_to_the_filter(run):
    share = run.maps.share("border")
    some = listed(run, least=0.5).tolist()
    assert set(some) == {number for number, value in share.items() if value >= 0.5}
    assert 0 < len(some) < len(share)
    clusters = [set(listed(run, cluster=number).tolist()) for number in (0, 1)]
    errors = set(run.maps.errors.numbers.tolist())
    assert clusters[0] | clusters[1] == errors
    assert not clusters[0] & clusters[1]
    assert listed(run, cluster=7).tolist() == []
    view = GalleryView("maps", Filter(outcome="right"))
    assert {row["number"] for row in run.first_rows(view, 10_000)} == set(share) - errors


def test_the_box_is_offered_where_pictures_have_one(out):
    tables.maps(out, boxes=True)
    run = Evaluation(out)
    numbers = listed(run, region="box")
    boxes = dict(zip(run.maps.all.numbers.tolist(), run.maps.all.box.tolist(), strict=True))
    assert 0 < len(numbers) == np.isfinite(run.maps.all.box).sum() < len(run.maps.all.numbers)
    shares = [boxes[number] for number in numbers.tolist()]
    assert shares == sorted(shares, reverse=True)
    app = page(run=REQUEST.id, list="maps", region="box")
    assert app.session_state["region"] == "box"
    assert T("mistakes.maps.box", share=percent(run.maps.errors.mean_share("box"))) in words(app)
    tables.maps(out)
    assert page(run=REQUEST.id, list="maps", region="box").session_state["region"] == "border"


def test_the_table_of_boxes_beside_the_pictures_is_used(tmp_path, monkeypatch):
    begun = []
    monkeypatch.setattr(folder, "start_process", lambda *a, **k: begun.append(k["boxes"]) or Ended())
    request = requests.EvaluationRequest("m", str(tmp_path))
    requests.start_maps(request, tmp_path)
    (tmp_path / "boxes.csv").touch()
    requests.start_maps(request, tmp_path)
    assert begun == [None, tmp_path / "boxes.csv"]


def test_a_picture_of_the_list_has_its_neighbours(run):
    view = GalleryView("maps")
    paths = [row["path"] for row in run.first_rows(view, 10_000)]
    assert run.position(view, paths[3]) == (3, paths[2], paths[4])


def test_without_maps_there_is_no_such_list(out):
    run = Evaluation(out)
    assert "maps" not in run.lists
    assert run.count(GalleryView("maps")) == 0
    tables.maps(out)
    assert "maps" in run.lists  # computed since the page was opened
    assert run.count(GalleryView("maps")) > 0


def test_maps_that_were_continued_are_read_again(out):
    lines, run = tables.maps(out), Evaluation(out)
    table, about = store.read_maps(out)
    (out / "maps.parquet").unlink()
    (out / ".maps.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines[:6]))
    state_of(out, "cancelled")
    assert (len(run.maps.all.numbers), run.maps.all.complete) == (6, False)
    store.write_maps(out, lines, about)
    assert (len(run.maps.all.numbers), run.maps.all.complete) == (len(lines), True)


def test_the_planted_corner_is_a_cluster_of_its_own(run):
    clusters = run.maps.clusters.clusters
    assert len(clusters) == 2
    assert densest_place(clusters[1].mean)[0] == "top left"
    assert run.maps.members(1)[0] == run.maps.errors.numbers[clusters[1].members[0]]
    assert len(clusters[0].members) > len(clusters[1].members)


@pytest.mark.parametrize("number", range(9))
def test_the_densest_ninth_of_a_map(number):
    values = np.full((6, 3), 1 / 36)
    row, col = divmod(number, 3)
    values[2 * row : 2 * row + 2, col] = 10 / 36
    values /= values.sum()
    assert densest_place(values) == (PLACES[number], pytest.approx(20 / 36))
    assert densest_place(np.full((4, 4), 1 / 16))[1] == pytest.approx(1 / 9)


def test_a_mean_map_is_drawn_flat_on_its_scale(tmp_path):
    (tmp_path / "map.png").write_bytes(picture_of(np.array([[0.0, 0.5], [1.0, 2.0], [0.0, 0.0]]), 1.0))
    picture = Image.open(tmp_path / "map.png")
    assert picture.size == (93, 140)
    assert picture.getpixel((70, 70)) == picture.getpixel((20, 70))  # above the scale: the brightest colour
    assert picture.getpixel((20, 20)) != picture.getpixel((70, 20))


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_the_panel_shows_maps_and_clusters_in_numbers(run, language):
    t, app = text.Text(language), page(run=REQUEST.id, lang=language)
    said = words(app)
    errors = run.accuracy.counted - run.accuracy.right
    for expected in (
        t("mistakes.maps.title"),
        f"**{t('mistakes.maps.errors')}** · {errors:,}",
        f"**{t('mistakes.maps.correct')}** · {errors:,}",
        t("mistakes.maps.place.top left"),
    ):
        assert expected in said
    assert t("mistakes.maps.filtered") not in said
    found, count = run.maps, len(run.maps.members(1))
    assert t("mistakes.maps.size", number=2, count=count, share=percent(count / errors)) in said
    border = found.errors.chosen(found.clusters.clusters[1].members).shares("border").mean()
    assert percent(border) in said
    assert not app.exception


def test_a_cell_of_the_matrix_has_its_own_mean_map(run):
    row = run.rows.at(run.maps.errors.numbers[:1])[0]
    label, predicted = row["label"], row["predicted"]
    said = words(page(run=REQUEST.id, label=str(label), predicted=str(predicted)))
    count = run.rows.count(Filter(label=label, predicted=predicted))
    assert f"**{T('mistakes.maps.filtered')}** · {count}" in said


def test_a_click_lists_a_cluster(run):
    app = page(run=REQUEST.id)
    app.button(key="common_1_show").click().run()
    assert app.session_state["list"] == "maps"
    assert app.session_state["cluster"] == 2
    first = listed(run, cluster=1)[0]
    assert app.session_state["return_to"] == run.rows.at([first])[0]["path"]
    assert f"**{len(run.maps.members(1)):,}** · 1 / " in words(app)
    app.button(key="all_clusters").click().run()
    assert "cluster" not in app.session_state or app.session_state["cluster"] is None


def test_nonsense_in_the_address_is_ignored(run):
    app = page(run=REQUEST.id, list="maps", region="edge", share="900", cluster="-3")
    assert app.session_state["region"] == "border"
    assert app.session_state["share"] == 100
    assert not app.exception
    assert words(page(run=REQUEST.id, list="maps", cluster="99"))


def test_few_errors_are_not_clustered(out):
    lines = tables.maps(out)[:10]
    table, about = store.read_maps(out)
    store.write_maps(out, lines, about)
    said = words(page(run=REQUEST.id))
    assert T("mistakes.maps.few", count=sum(line["wrong"] for line in lines), least=20) in said


def test_errors_without_clear_clusters_say_so(out):
    tables.maps(out, planted=False)
    said = words(page(run=REQUEST.id))
    silhouette = Evaluation(out).maps.clusters.silhouette
    assert T("mistakes.maps.unclear", silhouette=f"{silhouette:.2f}", least=0.1) in said


def test_the_maps_are_computed_when_asked(out, monkeypatch):
    begun = []
    monkeypatch.setattr(folder, "start_process", lambda *a, **k: begun.append((a, k)) or Ended())
    app = page(run=REQUEST.id)
    errors = Evaluation(out).accuracy
    wrong = errors.counted - errors.right
    assert T("mistakes.maps.none", count=f"{2 * wrong:,}", errors=f"{wrong:,}") in words(app)
    app.button(key="common_begin").click().run()
    assert begun == [(("m", "p", out), {"command": "maps", "labels": None, "boxes": None})]


class Ended:
    def wait(self) -> int:
        return 0


def state_of(out, state: str, **more) -> None:
    about = {"rows": store.rows_digest(Evaluation(out).rows), "method": "attnlrp", "limit": None}
    store.write_state(out, {"about": about, "state": state, "done": 3, "total": 8, "errors": 0} | more)


def test_the_progress_is_shown_and_can_be_stopped(out):
    state_of(out, "running", rate=2.0, seconds_left=2.5)
    with FileLock(out / ".lock"):
        app = page(run=REQUEST.id)
        assert T("mistakes.wait.running", done=3, total=8, rate="2.0", left=T("mistakes.left.s", value=2)) in words(app)
        app.button(key="cancel_maps").click().run()
    assert (out / "cancel").exists()


def test_a_stopped_run_says_so_and_shows_what_is_there(out):
    lines = tables.maps(out)
    (out / "maps.parquet").unlink()
    (out / ".maps.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines[:6]))
    state_of(out, "cancelled")
    app = page(run=REQUEST.id)
    said = words(app)
    assert T("mistakes.maps.stopped", done=3, total=8) in said
    assert f"**{T('mistakes.maps.errors')}** · 3" in said
    assert app.button(key="common_begin").label == T("mistakes.state.continue")


def test_a_failed_run_says_why(out):
    state_of(out, "failed", done=0, error=InputError("evaluate-failed", "It broke.", reason="x").to_json())
    assert T("mistakes.maps.failed", reason=escaped("It broke.")) in words(page(run=REQUEST.id))


def test_an_evaluation_that_is_only_read_offers_no_maps(out, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *a, **k: False)
    assert T("mistakes.maps.title") not in words(page(run=REQUEST.id))
    tables.maps(out)
    assert T("mistakes.maps.title") in words(page(run=REQUEST.id))


def test_every_list_has_a_name():
    for language in text.LANGUAGES:
        t = text.Text(language)
        assert len({t(f"mistakes.list.{name}") for name in find.LISTS}) == len(find.LISTS)
