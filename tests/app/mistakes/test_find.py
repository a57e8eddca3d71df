"""The page of mistakes without a browser, and the evaluations behind it, on made-up tables."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from filelock import FileLock
from streamlit.testing.v1 import AppTest

from app import text
from app.components.binary import header_of, section
from app.components.confusion.payload import pack
from app.mistakes import find, requests, view
from app.mistakes.find import PAGE_SIZE, Evaluation, GalleryView
from app.mistakes.requests import EvaluationRequest
from app.text.plain import escaped, plain
from tests import tables
from vit_core import InputError
from vit_core.evaluation import folder as runs
from vit_core.evaluation.filters import Filter

ROOT = Path(__file__).resolve().parents[3]
IMG, STARS = "<img src=x onerror=alert(1)>", "**x**"
HOSTILE = [IMG, STARS, *(f"class {i}" for i in range(2, 10))]


class Ended:
    """A process that has ended."""

    def wait(self) -> int:
        return 0


def make(asked: EvaluationRequest, labels=HOSTILE, n=400, state="done", **table) -> Path:
    """An evaluation's folder, with made-up rows."""
    out = asked.folder
    out.mkdir(parents=True)
    (out / "request.json").write_text(json.dumps(vars(asked)), "utf-8")
    known = len(labels)
    about = {
        "model": asked.model,
        "labels": list(labels),
        "total": n,
        "state": state,
        "done": n,
        "source": {"title": IMG, "kind": "folder", "root": "/nowhere", "classes": [*labels, "<b>unknown</b>"]},
        "match": {"by": "name", "target": [*range(known), -1], "unknown": ["<b>unknown</b>"]},
    }
    (out / "run.json").write_text(json.dumps(about), "utf-8")
    if state == "done":
        tables.evaluation(out / "rows.parquet", n, known, **table)
    return out


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    import streamlit as st

    monkeypatch.setenv("VITRINE_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("VITRINE_NO_FREEZE", "1")
    st.cache_resource.clear()
    yield tmp_path
    st.cache_resource.clear()


@pytest.fixture
def run():
    return Evaluation(make(requests.PHOTOS, broken=0.05))


# Lists and numbers


def test_pages_hold_each_picture_once_and_in_order(run):
    tables.maps(run.out)
    for name in find.LISTS:
        if name in ("duplicates", *find.COMPARED_LISTS):
            continue
        look = GalleryView(name, Filter(confidence=(0.2, 0.9)))
        count, seen = run.count(look), []
        for page in range(-(-count // PAGE_SIZE)):
            rows = run.page_rows(GalleryView(name, look.filter, page))
            assert 0 < len(rows) <= PAGE_SIZE
            seen += [row["path"] for row in rows]
        assert len(seen) == len(set(seen)) == count > 0
        for place in (0, 1, count // 2, count - 1):
            before = seen[place - 1] if place else None
            after = seen[place + 1] if place + 1 < count else None
            assert run.position(look, seen[place]) == (place, before, after)
        assert run.position(look, "none") == (None, None, None)


def test_each_duplicate_is_visited_once(run):
    first, second = np.array([6, 6, 6, 7]), np.array([9, 10, 8, 8])  # some have several
    vars(run)["duplicates"] = first, second, np.ones(4), np.ones(4, bool)
    look, seen = GalleryView("duplicates"), []
    listed = [row["path"] for row in run.first_rows(look, 10_000)]
    path = listed[0]
    while path is not None and len(seen) < 9:
        seen.append(path)
        place, before, path = run.position(look, path)
        assert listed.index(seen[-1]) == place
        assert before == (seen[-2] if len(seen) > 1 else None)
    assert seen == list(dict.fromkeys(listed))
    assert len(seen) == 5


def test_each_list_has_its_condition_and_order(run):
    errors = run.page_rows(GalleryView("confident"))
    assert all(row["label"] not in (-1, row["predicted"]) for row in errors)
    assert [r["probability"] for r in errors] == sorted((r["probability"] for r in errors), reverse=True)
    margins = [row["margin"] for row in run.page_rows(GalleryView("margin"))]
    assert margins == sorted(margins)
    doubtful = run.page_rows(GalleryView("labels"))
    assert [r["number"] for r in doubtful] == run.columns.number[run.label_issues][:PAGE_SIZE].tolist()
    pairs = run.page_rows(GalleryView("duplicates"))
    first, second, *_ = run.duplicates
    assert [r["number"] for r in pairs[:2]] == [first[0], second[0]]


def test_filters_compose_with_every_list(run):
    cell = Filter(label=3, predicted=4)
    for name in ("confident", "margin", "labels", "all"):
        rows = [r for page in range(9) for r in run.page_rows(GalleryView(name, cell, page))]
        assert all((r["label"], r["predicted"]) == (3, 4) for r in rows)
        assert len(rows) == run.count(GalleryView(name, cell))
    assert run.count(GalleryView("confident", cell)) == run.counts[3, 4] > 0
    assert run.count(GalleryView("confident", Filter(label=3, predicted=3))) == 0


@pytest.mark.parametrize("name", list(find.LISTS))
def test_a_download_is_the_list_in_its_order(run, name):
    look = GalleryView(name, Filter(label=2))
    wanted = [row["path"] for row in run.first_rows(look, 10_000)]
    table = pd.read_csv(io.BytesIO(run.export(look, "csv")))
    assert table["path"].tolist() == wanted
    whole = pq.read_table(io.BytesIO(run.export(look, "parquet")))
    assert whole["path"].to_pylist() == wanted
    assert table["source_label_name"].tolist() == [run.classes[n] for n in table["source_label"]]
    said = table["predicted"].notna()
    assert table["predicted_name"][said].tolist() == [run.class_name(int(n)) for n in table["predicted"][said]]
    assert "embedding" in whole.column_names
    assert "embedding" not in table.columns


@pytest.mark.parametrize("name", ["all", "labels"])
def test_a_download_needs_no_disk_space(run, name, no_room, tmp_path):
    for kind in ("csv", "parquet"):
        assert len(run.export(GalleryView(name), kind)) > 1_000
    with pytest.raises(OSError):
        (tmp_path / "full").write_text("x")


def test_a_formula_in_a_name_stays_text(home):
    run = Evaluation(make(requests.PHOTOS, names=["=1+1.png", "@SUM(A1).png"]))
    for name in ("all", "labels", "duplicates"):
        cells = pd.read_csv(io.BytesIO(run.export(GalleryView(name), "csv")))["path"]
        assert not cells.str.match(r"[=@]").any()


def test_the_matrix_sends_only_cells_that_are_not_zero(run):
    from vit_core.evaluation import metrics

    values = metrics.normalised(run.counts, "row")
    data = pack(run.counts, values, run.confusion_order, [*run.labels, "?"], {}, (None, 3), True)
    header, counts = header_of(data), section(data, "count")
    rows, columns = section(data, "row"), section(data, "column")
    for r, c, n, v in zip(rows, columns, counts, section(data, "value"), strict=True):
        assert run.counts[header["rows"][r], header["columns"][c]] == n > 0
        assert v == pytest.approx(values[header["rows"][r], header["columns"][c]])
    assert counts.sum() == run.counts.sum()
    assert header["chosen"] == [None, 3]
    assert header["rows"][-1] == -1
    assert header["blank"] == {"rows": [], "columns": []}


def test_a_matrix_of_a_thousand_classes_stays_small(home, measured):
    names = [f"class {i}" for i in range(1000)]
    run = Evaluation(make(requests.PHOTOS, names, 20_000))
    data = pack(run.counts, run.counts.astype(float), run.confusion_order, [*names, "?"], {}, (None, None), False)
    measured(f"matrix of 1,000 classes, 20,000 pictures: {len(data) / 1e3:.0f} kB")
    assert len(data) < 600_000


def test_the_map_has_a_limited_number_of_points_and_the_total(home, monkeypatch):
    monkeypatch.setattr(find, "MAX_MAP_POINTS", 50)
    run = Evaluation(make(requests.PHOTOS))
    numbers, places, count = run.embedding_map
    assert len(numbers) == len(places) <= 50 < count <= 400
    assert np.isfinite(places).all()


def test_missing_pictures_have_no_thumbnail_and_raise_when_opened(run):
    assert [run.thumbnail(row) for row in run.page_rows(GalleryView("all"))] == [None] * PAGE_SIZE
    with pytest.raises(InputError):
        run.data("t10k/none")


def test_thumbnails_are_small_and_of_the_right_picture(home):
    import PIL.Image

    from vit_core.data import open_dataset

    out = make(requests.FASHION, n=30)
    run, source = Evaluation(out), open_dataset("bundled:fashion")
    row = run.page_rows(GalleryView("all"))[0] | {"path": source.names[7], "number": 7, "error": None}
    image = PIL.Image.open(io.BytesIO(run.thumbnail(row)))
    assert (np.asarray(image.convert("RGB")) == np.asarray(source.read(7))).all()


# Names


@pytest.mark.parametrize("name", [IMG, STARS, "$x^2$", "[a](http://b)", "`c`", "# d", ":red[e]", ":material/bug:"])
def test_a_name_is_plain_text_in_markdown(name):
    """The browser tests look at what is rendered."""
    said = escaped(name)
    assert re.sub(r"\\(.)", r"\1", said).replace("\u2060", "") == f"\u2068{name}\u2069"
    assert not re.search(r"[!-/:-@[-`{-~]", re.sub(r"\\.", "", said))  # no punctuation without its backslash
    assert not re.search(r":[a-z]", said)


def test_a_name_stays_on_one_line_in_one_direction():
    assert plain("a\nb\t\u202ec\x00") == "a b \ufffdc\ufffd"
    assert len(plain("x" * 500)) == 120


# The page


def page(**address) -> AppTest:
    def script():
        import runpy
        from pathlib import Path

        import streamlit as st

        import app
        from app import sidebar, state

        root = Path(app.__file__).parent
        state.start()
        sidebar.show(picture=False)
        st.switch_page = lambda name: st.text(f"to {name}")
        runpy.run_path(str(root / "mistakes" / "page.py"))

    app = AppTest.from_function(script, default_timeout=120)
    for name, value in ({"lang": "en"} | address).items():
        app.query_params[name] = str(value)
    return app.run()


def words(app: AppTest) -> str:
    kinds = (app.subheader, app.markdown, app.caption, app.info, app.error, app.warning, app.text)
    return "\n".join(str(e.value) for kind in kinds for e in kind)


def test_a_class_without_pictures_has_no_interval():
    file = make(requests.PHOTOS) / "rows.parquet"
    rows = pq.read_table(file)
    pq.write_table(rows.filter(pc.not_equal(rows["label"], 2)), file)
    run, app = Evaluation(file.parent), page()
    table = app.dataframe[0].value.set_index("name")
    assert table.loc["class 2", "support"] == 0  # but others are taken for it
    assert table.loc["class 2", ["recall", "interval", "precision"]].isna().tolist() == [True, True, False]
    n, right = table.loc["class 3", "support"], int(run.counts[3, 3])
    z, share = 1.959964, right / n
    middle, half = share + z * z / 2 / n, z * (share * (1 - share) / n + z * z / 4 / n / n) ** 0.5
    ends = [100 * (middle + side * half) / (1 + z * z / n) for side in (-1, 1)]
    assert table.loc["class 3", "interval"] == "{:.1f} – {:.1f}".format(*ends)


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_the_page_opens_on_a_finished_evaluation(language, run):
    app, t = page(lang=language), text.Text(language)
    assert not app.exception
    assert t("mistakes.matrix.title") in words(app)
    assert f"{100 * run.accuracy.top1:.1f} %" in [m.value for m in app.metric]
    assert len(app.dataframe[0].value) == len(run.used_classes)
    assert app.dataframe[0].value["name"].tolist()[0] == IMG


def test_no_name_is_markup(run):
    app = page(label=0, predicted=1, query=IMG, list="all")
    assert not app.exception
    for element in [*app.markdown, *app.caption]:
        if not element.value.startswith("<style"):
            assert IMG not in element.value
            assert STARS + " " not in element.value.replace("\\", "_")


def test_an_address_restores_the_view(run):
    app = page(list="margin", label=3, predicted=4, confidence="0.1-0.9", query="class", page=2)
    assert not app.exception
    look = GalleryView("margin", Filter(label=3, predicted=4, confidence=(0.1, 0.9), query="class"))
    count = run.count(look)
    assert f"**{count:,}** · {min(2, -(-count // PAGE_SIZE))}" in words(app)
    assert app.query_params["label"] in ("3", ["3"])


@pytest.mark.parametrize(
    "address",
    [
        dict(list="nothing", label="x", predicted="-7", outcome="nice", confidence="2-1", page="-3", by="q", sort="?"),
        dict(label=999999999, page=99999999999),
        dict(page="9999999"),
        dict(run="0" * 16),
        dict(run="../.."),
        dict(query="\x00"),
        dict(open="nothing/here"),
        dict(label=-1),
    ],
)
def test_nonsense_in_an_address_is_ignored(address, run):
    assert not page(**address).exception


def test_the_arrows_page_through_the_list(run):
    app = page(list="all")
    app.button(key="gallery_after").click().run()
    assert "· 2 / " in words(app)
    assert app.button(key="gallery_before").disabled is False
    app.segmented_control(key="list").set_value("margin").run()
    assert "· 1 / " in words(app)


def test_a_filter_is_set_and_cleared_with_its_widgets(run):
    app = page(list="all")
    app.selectbox(key="gallery_label_en_0").set_value(3).run()
    assert not app.exception
    assert f"**{run.count(GalleryView('all', Filter(label=3))):,}**" in words(app)
    assert app.selectbox(key="gallery_label_en_0").value == 3
    app.button(key="gallery_clear").click().run()
    assert f"**{run.count(GalleryView('all')):,}**" in words(app)
    assert app.selectbox(key="gallery_label_en_1").value is None  # another one: the last one's browser still says 3
    with pytest.raises(KeyError):
        app.selectbox(key="gallery_label_en_0")


def test_the_box_of_earlier_evaluations_shows_the_current_one(run):
    others = [EvaluationRequest("embedded:fashion", f"/{name}") for name in "ab"]
    for other in others:
        make(other)
    for seen in others:
        app = page(run=seen.id)
        assert not app.exception
        assert app.selectbox(key=f"runs_en_{seen.id}").value == seen.id


def test_an_open_picture_shows_its_place_in_the_list(run):
    path = run.page_rows(GalleryView("all", page=2))[3]["path"]
    app = page(list="all", open=path)
    assert f"{2 * PAGE_SIZE + 4} of {run.count(GalleryView('all'))}" in words(app)
    app.button(key="open_after").click().run()
    assert f"{2 * PAGE_SIZE + 5} of" in words(app)
    app.button(key="open_back").click().run()
    assert "· 3 / " in words(app)


def test_an_unreadable_picture_has_its_reason(run):
    path = run.page_rows(GalleryView("all", Filter(outcome="unreadable")))[0]["path"]
    app = page(list="all", open=path)
    assert not app.exception
    assert "The file is damaged" in words(app)


@pytest.mark.parametrize("state", ["cancelled", "failed", "interrupted"])
def test_an_unfinished_evaluation_can_be_continued(state, monkeypatch):
    begun = []
    monkeypatch.setattr(runs, "start_process", lambda *a, **k: begun.append(a) or Ended())
    asked = EvaluationRequest("embedded:fashion", "/some/where")
    out = make(asked, state="running" if state == "interrupted" else state)
    error = InputError("dataset-missing", f"{IMG} is gone", name=IMG).to_json()
    about = json.loads((out / "run.json").read_text()) | {"error": error, "done": 7}
    (out / "run.json").write_text(json.dumps(about))
    app = page(run=asked.id)
    assert not app.exception
    assert "7 of 400" in words(app)
    assert IMG not in words(app)
    app.button(key="continue").click().run()
    assert begun[0][:2] == ("embedded:fashion", "/some/where")


def test_a_restarted_evaluation_does_not_show_old_counts():
    asked = EvaluationRequest("embedded:fashion", "/some/where")
    with FileLock(make(asked, state="starting") / ".lock"):
        app = page(run=asked.id)
        assert "Starting:" in words(app)
        assert "of 400" not in words(app)


def test_the_first_visit_shows_the_evaluation_that_ships(home, monkeypatch):
    monkeypatch.setattr(runs, "start_process", lambda *a, **k: pytest.fail("it ran"))
    app, shipped = page(), Evaluation(requests.SHIPPED)
    assert not app.exception
    assert f"{100 * shipped.accuracy.top1:.1f} %" in [m.value for m in app.metric]
    assert not requests.runs_folder().exists()
    assert requests.shown_folder(requests.PHOTOS) == requests.SHIPPED


def test_an_open_photograph_names_its_author_and_licence(monkeypatch):
    from vit_core.data.named import photo_credits

    monkeypatch.setattr("app.mistakes.why_panel.explain_picture", lambda *args, **named: None)
    path, credit = next(iter(photo_credits().items()))
    app = page(list="all", open=path)
    assert not app.exception
    assert escaped(credit["author"]) in words(app)
    assert escaped(credit["licence"]) in words(app)


@pytest.mark.parametrize("shown", [None, requests.FASHION.id])
def test_no_evaluation_starts_before_its_button_is_pressed(shown, monkeypatch):
    begun = []

    def start(model, source, out, **_):
        begun.append((model, source, out))
        return Ended()

    monkeypatch.setattr(runs, "start_process", start)
    monkeypatch.setattr(requests, "embedded_digest", lambda name: "0" * 32)  # no evaluation ships of such weights
    app = page(model="embedded:tiny", **({"run": shown} if shown else {}))
    assert not app.exception
    assert begun == []
    app.button(key="continue").click().run()
    asked = requests.FASHION if shown else requests.PHOTOS
    assert begun == [(asked.model, asked.source, asked.folder)]


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_the_sidebar_offers_the_model_of_the_next_evaluation_and_no_picture(language):
    app, t = page(lang=language, model="embedded:tiny"), text.Text(language)
    assert not app.exception
    box = app.sidebar.selectbox(key=f"model_{language}")
    assert (box.label, box.value) == (t("side.model.next"), "embedded:tiny")
    assert Evaluation(requests.SHIPPED).title  # the bundled evaluation shows, whatever is chosen there
    assert escaped(t("model.photo")) in words(app)


def test_an_own_evaluation_of_older_weights_gives_way_to_the_one_that_ships():
    out = make(requests.PHOTOS)
    assert requests.run_folder(None) == out
    about = json.loads((out / "run.json").read_text("utf-8"))
    (out / "run.json").write_text(json.dumps(about | {"checkpoint": "0" * 32}), "utf-8")
    assert requests.run_folder(None) == requests.SHIPPED


def test_the_photographs_and_the_clothes_are_always_listed_first():
    asked = EvaluationRequest("embedded:fashion", "/somewhere")
    make(asked)
    assert requests.list_runs() == [requests.PHOTOS, requests.FASHION, asked]
    assert page().selectbox(key=f"runs_en_{requests.PHOTOS.id}").options[1] == "Fashion-MNIST test set (Clothes)"


def test_the_preview_comes_before_anything_runs(home, monkeypatch):
    from vit_core.data import open_dataset

    monkeypatch.setattr(runs, "start_process", lambda *a, **k: pytest.fail("it ran"))
    make(requests.PHOTOS)
    bundled = open_dataset("bundled:fashion")
    for name in ("Bag", IMG.replace("/", "-"), STARS):
        (home / "pictures" / name).mkdir(parents=True)
        (home / "pictures" / name / "1.png").write_bytes(bundled.data(0))
    app = page(model="embedded:fashion")
    app.segmented_control(key="own").set_value("path").run()
    app.text_input(key="new_source").set_value(str(home / "pictures")).run()
    app.button(key="new_check").click().run()
    assert not app.exception
    said = words(app)
    assert "3 pictures in 3 classes" in said
    assert "knows 1 of them" in said
    assert escaped(STARS, 40) in said
    assert "1 and" not in said
    assert IMG not in said
    app.text_input(key="new_source").set_value(str(home / "missing")).run()
    app.button(key="new_check").click().run()
    assert app.error
    assert not app.exception


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_ambiguous_class_names_have_a_warning_of_their_own(home, language):
    from vit_core import load, save

    make(requests.PHOTOS)
    model = load("embedded:fashion")
    model.labels[2] = STARS
    model.labels[7] = STARS
    save(model, home / "two.safetensors")
    for name in ("Bag", STARS, "Hat"):
        (home / "pictures" / name).mkdir(parents=True)
        (home / "pictures" / name / "1.png").touch()
    app, t = page(model=f"file:{home / 'two.safetensors'}", lang=language), text.Text(language)
    app.segmented_control(key="own").set_value("path").run()
    app.text_input(key="new_source").set_value(str(home / "pictures")).run()
    app.button(key="new_check").click().run()
    assert not app.exception
    assert [warning.value for warning in app.warning] == [
        t("mistakes.check.unknown", names=escaped("Hat", 40)),
        t("mistakes.check.ambiguous", names=escaped(STARS, 40)),
    ]


def test_labels_can_come_from_a_table(home, monkeypatch):
    from vit_core.data import open_dataset

    begun = []
    monkeypatch.setattr(requests, "start_evaluation", lambda asked, restart: begun.append(asked))
    make(requests.PHOTOS)
    bundled, pictures = open_dataset("bundled:fashion"), home / "flat"
    pictures.mkdir(parents=True)
    for i in range(3):
        (pictures / f"{i}.png").write_bytes(bundled.data(i))
    (home / "labels.csv").write_text("path,label\n0.png,Bag\n1.png,Bag\n2.png,Trouser\n", "utf-8")
    app = page(model="embedded:fashion")
    app.segmented_control(key="own").set_value("path").run()
    app.text_input(key="new_source").set_value(str(pictures)).run()
    app.text_input(key="new_labels").set_value(str(home / "labels.csv")).run()
    app.button(key="new_check").click().run()
    assert not app.exception
    assert "3 pictures in 2 classes" in words(app)
    app.button(key="new_go").click().run()
    assert [(a.source, a.labels, a.table) for a in begun] == [(str(pictures), str(home / "labels.csv"), None)]


def test_a_damaged_table_offers_to_start_over(home):
    out = make(requests.PHOTOS)
    (out / "rows.parquet").write_bytes(b"no table")
    app = page()
    assert not app.exception
    assert app.button(key="restart")


def test_a_cell_on_the_diagonal_switches_to_the_list_of_all(monkeypatch):
    kept = {"list": "confident"}
    monkeypatch.setattr(view.state, "get", lambda name, default=None: kept.get(name, default))
    monkeypatch.setattr(view.state, "put", kept.__setitem__)
    view.filter_by_cell(3, 3)
    assert (kept["list"], kept["label"], kept["predicted"]) == ("all", "3", "3")
    view.filter_by_cell(3, 4)
    assert (kept["list"], kept["predicted"]) == ("confident", "4")
    view.filter_by_cell(-1, 4)
    assert (kept["list"], kept["label"]) == ("all", "-1")
    view.filter_by_cell(None, None)
    assert kept["label"] is kept["predicted"] is None
    kept |= {"outcome": "wrong", "query": "x"}
    view.filter_by_cell(3, None)  # a row, of what is filtered already
    assert (kept["label"], kept["outcome"], kept["query"]) == ("3", "wrong", "x")
    view.filter_by_cell(3, 4)
    assert (kept["outcome"], kept["query"]) == (None, "x")


def test_an_unknown_home_folder_is_an_error(home):
    make(requests.PHOTOS)
    app = page(model="embedded:fashion")
    app.segmented_control(key="own").set_value("path").run()
    app.text_input(key="new_source").set_value("~nobody-of-that-name/pictures").run()
    app.button(key="new_check").click().run()
    assert not app.exception
    assert len(app.error) == 1


def test_pictures_of_one_path_in_two_evaluations_are_told_apart(run, monkeypatch):
    path, found = run.page_rows(GalleryView("all"))[0]["path"], []
    other = EvaluationRequest("embedded:photo", "/other")
    make(other, broken=0.05)
    monkeypatch.setattr("streamlit.page_link", lambda *a, **k: None)  # there is one page here
    monkeypatch.setattr(Evaluation, "data", lambda self, name: self.request.source.encode())
    for request in (requests.PHOTOS, other):
        app = page(run=request.id, list="all", open=path)
        app.button(key="open_explore").click().run()
        assert not app.exception
        found.append(app.session_state["picture_file"][0])
    assert found[0] != found[1]
