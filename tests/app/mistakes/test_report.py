"""The report: one file that opens offline, has the numbers of the metrics, and runs nothing."""

import re
import shlex
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.mistakes import report as module
from app.mistakes.report import build_report, command
from app.text import report as words
from tests import evaluated
from vit_core.evaluation import metrics
from vit_core.evaluation.filters import ORDERS, OUTCOMES, Filter
from vit_core.evaluation.results import Rows
from vit_core.models.config import PROBLEM_TYPES

VOID = {"meta", "img"}
FETCHES = {"src", "href", "srcset", "action", "data", "poster", "background", "formaction", "xlink:href"}


class Parsed(HTMLParser):
    """The elements of a page: (tag, attributes, text inside), and whether they are closed in order."""

    def __init__(self, page: bytes):
        super().__init__()
        self.elements, self.open, self.balanced = [], [], True
        self.feed(page.decode("utf-8"))
        self.balanced &= not self.open

    def handle_starttag(self, name, attributes):
        one = SimpleNamespace(tag=name, attributes=dict(attributes), text="")
        self.elements.append(one)
        if name not in VOID:
            self.open.append(one)

    def handle_endtag(self, name):
        self.balanced &= bool(self.open) and self.open.pop().tag == name

    def handle_data(self, data):
        for one in self.open:
            one.text += data

    def all(self, name, **attributes):
        return [
            e
            for e in self.elements
            if e.tag == name and all(e.attributes.get(k.rstrip("_")) == v for k, v in attributes.items())
        ]


@pytest.fixture(scope="module")
def run(evaluation):
    return evaluation


@pytest.fixture(scope="module")
def everything(run, model):
    return build_report(run, Filter(order="path"), 200, "en", model=model)


def test_the_file_fetches_nothing_and_runs_nothing(everything):
    page = Parsed(everything)
    assert page.balanced
    assert not page.all("script")
    assert not [e for e in page.elements if e.tag in ("link", "iframe", "object", "embed", "base", "form", "a")]
    fetched = [v for e in page.elements for k, v in e.attributes.items() if k in FETCHES]
    assert len(fetched) > 100
    assert not [v for v in fetched if not re.match(r"data:image/(png|webp);base64,[A-Za-z0-9+/=]+$", v)]
    assert not [k for e in page.elements for k in e.attributes if k.startswith("on")]
    style = "".join(e.text for e in page.all("style")) + "".join(e.attributes.get("style", "") for e in page.elements)
    assert not re.search(r"url\(|@import|https?:", style)
    policy = page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0].attributes["content"]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert page.elements.index(page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]) < page.elements.index(
        page.all("style")[0]
    )


def test_strange_names_are_text(run, everything):
    page = Parsed(everything)
    paths = {e.text for e in page.all("span", class_="path")}
    assert paths == {row["path"] for row in run.rows.page(Filter(), 0, 1000)}
    assert any("\n" in path for path in paths)
    assert any("\u202e" in path for path in paths)
    strange = evaluated.STRANGE.replace("/", "-")
    assert strange in run.classes
    assert any(strange in e.text for e in page.all("figcaption"))
    assert b"<script" not in everything


def test_the_numbers_are_the_metrics(run, everything):
    page, columns = Parsed(everything), metrics.load_columns(run.rows)
    wanted = metrics.accuracy(columns.label, columns.predicted, columns.top)
    ece = metrics.calibration(columns.probability, columns.label, columns.predicted).ece
    shown = {e.attributes["data-name"]: float(e.attributes["data-value"]) for e in page.all("b")}
    assert shown == {"top1": wanted.top1, "top5": wanted.top5, "ece": ece}
    said = {e.attributes["data-name"]: e.text for e in page.all("b")}
    assert said["top1"] == f"{100 * wanted.top1:.1f}\u00a0%"  # as on the page
    assert said["ece"].endswith((" pp", "%p"))  # a distance between two percentages, as on the page
    text = page.all("body")[0].text
    assert f"{wanted.right:,} of {wanted.counted:,} pictures" in text
    low, high = (f"{100 * end:.1f}" for end in wanted.top1_interval)
    assert f"95 % interval {low} – {high} % (Wilson)" in text
    assert "Not counted because the model does not know their class: 5." in text
    assert "Could not be read: 1." in text
    assert evaluated.MODEL in text


@pytest.mark.parametrize("language", ["en", "ko"])
def test_without_a_known_class_the_numbers_are_dashes(run, model, language, tmp_path):
    file, rows = tmp_path / "rows.parquet", pq.read_table(run.out / "rows.parquet")
    place = rows.column_names.index("label")
    pq.write_table(rows.set_column(place, rows.schema.field("label"), pa.array([-1] * len(rows), pa.int32())), file)
    page = build_report(SimpleNamespace(**vars(run) | {"rows": Rows(file)}), Filter(), 0, language, model=model)
    assert {e.attributes["data-name"]: e.text for e in Parsed(page).all("b")} == {"top1": "–", "top5": "–", "ece": "–"}
    assert "Wilson" in module.WORDS[language]["interval"]
    assert b"Wilson" not in page


def table(page, name):
    """The cells of the table with that id, a list for each row."""
    start = page.elements.index(page.all("table", id=name)[0])
    rows = []
    for e in page.elements[start:]:
        if e.tag == "tr":
            rows.append([])
        elif e.tag in ("td", "th"):
            rows[-1].append(e.text)
        elif e.tag in ("svg", "h2"):
            break
    return rows


def test_the_confusion_matrix_is_the_metrics(run, everything):
    rows = table(Parsed(everything), "confusion")
    columns = metrics.load_columns(run.rows)
    counts = metrics.confusion(columns.label, columns.predicted, 10)
    order = [run.labels.index(name) for name in rows[0][1:-2]]
    assert sorted(order) == list(range(10))
    for row in rows[1:11]:
        number = run.labels.index(row[0])
        assert [int(cell) for cell in row[1:11]] == counts[number, order].tolist()
        assert int(row[11]) == counts[number].sum()
        assert row[12] == f"{module.percent(counts[number, number] / counts[number].sum())}"
    assert rows[11][0] == "(not known to the model)"
    assert [int(cell) for cell in rows[11][1:11]] == counts[-1, order].tolist()


def test_with_many_classes_the_most_frequent_pairs_are_listed(run, model, monkeypatch):
    monkeypatch.setattr(module, "MATRIX_CLASSES", 5)
    page = Parsed(build_report(run, Filter(), 0, "en", model=model))
    assert not page.all("table", id="confusion")
    columns = metrics.load_columns(run.rows)
    off = metrics.confusion(columns.label, columns.predicted, 10)[:-1]
    np.fill_diagonal(off, 0)
    rows = table(page, "pairs")[1:]
    assert [int(row[2]) for row in rows] == sorted((n for n in off.flat if n), reverse=True)[: module.LISTED_PAIRS]
    assert all(off[run.labels.index(a), run.labels.index(b)] == int(n) for a, b, n in rows)


def test_the_calibration_has_a_bar_for_each_bin_with_a_picture(run, everything):
    columns = metrics.load_columns(run.rows)
    wanted = metrics.calibration(columns.probability, columns.label, columns.predicted)
    bars = Parsed(everything).all("rect")
    assert len(bars) == (wanted.count > 0).sum()
    heights = [float(bar.attributes["height"]) / 280 for bar in bars]
    np.testing.assert_allclose(heights, wanted.accuracy[wanted.count > 0], atol=0.001)


def test_the_cards_are_the_first_pictures_of_the_filter(run, model):
    chosen = Filter(outcome="wrong", order="margin")
    rows, asked, done = run.rows.page(chosen, 0, 3), [], []

    def execute(function, *args):
        asked.append(args)
        return function(*args)

    page = Parsed(
        build_report(
            run, chosen, 3, "en", model=model, execute=execute, on_progress=lambda *numbers: done.append(numbers)
        )
    )
    assert [e.text for e in page.all("span", class_="path")] == [row["path"] for row in rows]
    assert done == [(1, 3), (2, 3), (3, 3)]
    assert len(asked) == 3
    assert f"3 of {run.rows.count(chosen)} pictures: misclassified, smallest margin first." in page.all("body")[0].text
    cards = page.all("figcaption")
    for row, card in zip(rows, cards, strict=True):
        said, label = run.labels[row["predicted"]], run.labels[row["label"]]
        assert f"predicted \u2068{said}\u2069, {module.percent(row['probability'])}" in card.text
        assert f"label \u2068{label}\u2069, {module.percent(row['p_label'])}" in card.text
    assert len(page.all("img")) == 9
    assert len({e.attributes["src"] for e in page.all("img")}) == 9


def test_rows_can_be_given_in_place_of_a_filter(run, model):
    rows = run.rows.at([5, 2])
    page = Parsed(build_report(run, Filter(), 200, "en", model=model, rows=rows, count=17))
    assert [e.text for e in page.all("span", class_="path")] == [row["path"] for row in rows]
    assert "2 of 17 pictures" in page.all("body")[0].text


def test_an_unreadable_picture_is_a_card_with_its_reason(run, model):
    page = Parsed(build_report(run, Filter(outcome="unreadable"), 5, "en", model=model))
    assert "The PNG file is damaged" in page.all("figcaption")[0].text
    empty = type(
        "Empty",
        (),
        {"__len__": lambda self: 0, "names": [], "classes": run.classes, "title": "x", "root": "r", "data": None},
    )()
    gone = SimpleNamespace(**vars(run) | {"source": empty})
    page = Parsed(build_report(gone, Filter(outcome="right"), 2, "ko", model=model))
    assert len(page.all("figure")) == 2
    assert not page.all("img")


def test_a_report_needs_no_disk_space(run, model, no_room, tmp_path):
    assert Parsed(build_report(run, Filter(), 2, "en", model=model)).all("img")
    with pytest.raises(OSError):
        (tmp_path / "full").write_text("x")


def test_an_empty_selection_in_korean(run, model):
    page = Parsed(build_report(run, Filter(query="nothing has this name"), 5, "ko", model=model))
    assert page.all("html")[0].attributes["lang"] == "ko"
    text = page.all("body")[0].text
    assert words.KO["none"] in text
    assert "nothing has this name" in text
    assert not [s for s in words.EN.values() if len(s) > 12 and s in text]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_filter_has_words(run, model, language):
    made = module._Report(run, model, language)
    for filter in (
        [Filter(order=order) for order in ORDERS]
        + [Filter(outcome=o) for o in OUTCOMES]
        + [Filter(label=-1, predicted=3, confidence=(0.5, 0.9), query="{x} <b>")]
    ):
        said = made.filter(filter)
        assert said
        assert filter.query in said


def test_the_command_reproduces_the_evaluation(run):
    request = SimpleNamespace(source="my pictures", labels="a 'b'.csv", table=None)
    parts = shlex.split(command(SimpleNamespace(**vars(run), request=request)))
    assert parts == [
        "python",
        "-m",
        "vit_core",
        "evaluate",
        "my pictures",
        "--model",
        evaluated.MODEL,
        "--labels",
        "a 'b'.csv",
        "--out",
        "run",
    ]
    assert shlex.split(command(run))[4] == str(run.source.root)


def test_every_value_in_the_page_is_escaped(run, model):
    page = build_report(run, Filter(query="<b>&\"'\x00\x1b\udcff"), 0, "en", model=model).decode()
    assert "path contains “\u2068&lt;b&gt;&amp;&#34;&#39;\ufffd\ufffd\ufffd\u2069”" in page


def test_both_languages_have_the_same_sentences():
    places, hangul = re.compile(r"\{(\w+)\}"), re.compile("[가-힣]")
    assert set(words.EN) == set(words.KO)
    for key, sentence in words.EN.items():
        assert set(places.findall(sentence)) == set(places.findall(words.KO[key])), key
        assert not hangul.search(sentence), key
        assert hangul.search(words.KO[key]) or key == "points", key
    used = "".join(Path(module.__file__).with_suffix(kind).read_text(encoding="utf-8") for kind in (".py", ".html"))
    assert not [
        k
        for k in words.EN
        if not re.search(rf"[\"']{k}[\"']", used)
        and not k.startswith(("order_", "outcome_"))
        and k not in ("label", "predicted", "top1", "top5", "ece", *PROBLEM_TYPES)
    ]


def test_the_style_has_light_dark_and_print(everything):
    style = Parsed(everything).all("style")[0].text
    assert "color-scheme: light dark" in style
    assert "@media print" in style
    assert "break-inside: avoid" in style
