"""Which rows, in which order: every answer against plain Python over the whole table."""

import csv
import math
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from operator import mul

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tables import NAMES, evaluation
from vit_core import InputError
from vit_core.evaluation.filters import ORDERS, OUTCOMES, Filter
from vit_core.evaluation.results import ROW_COLUMNS, Rows

QUICK = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Everything(list):
    def __repr__(self):
        return f"{len(self)} rows"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """(Rows, every row as a dict) of 1,500 pictures, in a folder whose name is a trap."""
    folder = tmp_path_factory.mktemp("run") / "a'b [1]*? x=3"
    folder.mkdir()
    table = evaluation(folder / "rows.parquet", 1_500, 10, names=NAMES, broken=0.05, unknown=0.3)
    table = table.take(np.random.default_rng(5).permutation(1_500))  # else equals lie in the order of paths already
    pq.write_table(table, folder / "rows.parquet", row_group_size=400)
    rows = Rows(folder / "rows.parquet")
    yield rows, Everything(row | {"number": i} for i, row in enumerate(table.to_pylist()))
    rows.close()


def export(rows, chosen, path, kind: str) -> int:
    with open(path, "wb") as file:
        return rows.write(chosen, file, kind)


def fold(text: str) -> str:
    return unicodedata.normalize("NFC", text).lower()


def cosine(a, b) -> float:
    return math.nan if a is None or b is None else sum(map(mul, a, b)) / math.hypot(*a) / math.hypot(*b)


def expected(everything: list[dict], filter: Filter) -> list[dict]:
    def holds(row) -> bool:
        target = -1 if row["label"] is None else row["label"]
        read, p = row["error"] is None, row["probability"]
        outcome = (
            "unreadable"
            if not read
            else "unknown"
            if target < 0
            else "right"
            if row["predicted"] == target
            else "wrong"
        )
        return (
            (filter.label is None or target == filter.label)
            and (filter.predicted is None or row["predicted"] == filter.predicted)
            and (filter.outcome is None or outcome == filter.outcome)
            and (filter.confidence == (0, 1) or (p is not None and filter.confidence[0] <= p <= filter.confidence[1]))
            and fold(filter.query) in fold(row["path"])
        )

    def last(value, sign):
        return (1, 0) if value is None or math.isnan(value) else (0, sign * value)

    column, sign = {
        "confident": ("probability", -1),
        "margin": ("margin", 1),
        "loss": ("loss", -1),
        "entropy": ("entropy", -1),
        "path": ("size", 0),
    }[filter.order]

    def place(row):
        return (last(row[column], sign) if sign else 0, row["path"].encode())

    return sorted(filter_rows, key=place) if (filter_rows := [r for r in everything if holds(r)]) else []


texts = st.one_of(
    st.sampled_from(["", "%", "_", "'", '"', ";", "\\", "--", "100%", "고양이", "größe", "class 0003", "ÄR", *NAMES]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
)
filters = st.builds(
    Filter,
    label=st.none() | st.integers(-1, 10),
    predicted=st.none() | st.integers(0, 10),
    outcome=st.none() | st.sampled_from([*OUTCOMES]),
    order=st.sampled_from([*ORDERS]),
    query=texts,
    confidence=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(lambda ends: tuple(sorted(ends))) | st.just((0.0, 1.0)),
)


@QUICK
@given(filter=filters, offset=st.integers(0, 1600), limit=st.integers(0, 40))
def test_a_filter_finds_what_plain_python_finds_in_its_order(small, filter, offset, limit):
    rows, everything = small
    wanted = expected(everything, filter)
    assert rows.count(filter) == len(wanted)
    page = rows.page(filter, offset, limit)
    assert [row["path"] for row in page] == [row["path"] for row in wanted[offset : offset + limit]]
    for row, whole in zip(page, wanted[offset : offset + limit], strict=True):
        found = row | {"error": row["error"] and row["error"].to_json()}
        assert {k: found[k] for k in (*ROW_COLUMNS, "number")} == {k: whole[k] for k in (*ROW_COLUMNS, "number")}
        assert "embedding" not in row
    for i in {0, len(wanted) // 2, len(wanted) - 1} & set(range(len(wanted))):
        assert rows.position(filter, wanted[i]["path"]) == i
    out = next((r["path"] for r in everything if r not in wanted), None)
    assert out is None or rows.position(filter, out) is None


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_is_there_and_the_four_part_the_table(small, outcome):
    rows, everything = small
    assert 0 < rows.count(Filter(outcome=outcome)) < len(everything)
    assert sum(rows.count(Filter(outcome=o)) for o in OUTCOMES) == rows.count() == len(everything)


@pytest.mark.parametrize("order", ORDERS)
def test_pages_laid_end_to_end_are_the_whole_table_once(small, order):
    rows, everything = small
    seen = [r["path"] for i in range(0, 1_500, 97) for r in rows.page(Filter(order=order), i, 97)]
    assert seen == [r["path"] for r in expected(everything, Filter(order=order))]


@pytest.mark.parametrize("name", NAMES)
def test_what_people_write_is_never_sql(small, name):
    rows, _ = small
    assert {r["path"] for r in rows.page(Filter(query=name))} == {n for n in NAMES if fold(name) in fold(n)}
    assert rows.row(name)["path"] == name
    assert rows.position(Filter(query=name, order="path"), name) is not None
    assert name not in Filter(query=name).sql()[0]
    assert rows.count() == 1_500


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("%", ["100%_sure.png"]),
        ("_", ["100%_sure.png", "100x_sure.png"]),
        ("100%_SURE", ["100%_sure.png"]),
        ("ärger/grÖ", ["ÄRGER/Größe.PNG"]),
        ("고양이", [NAMES[11], NAMES[10]]),
        ("\udcff", []),
        ("\0", []),
        ("* [", []),
    ],
)
def test_a_query_is_a_part_of_the_path_literally_whatever_its_case(small, query, found):
    assert [r["path"] for r in small[0].page(Filter(query=query, order="path"))] == found


def test_a_row_by_path_and_rows_by_number(small):
    rows, everything = small
    assert rows.row("no such") is None
    assert rows.row("\udcff") is None
    one = everything[700]
    assert rows.row(one["path"]) == {k: one[k] for k in (*ROW_COLUMNS, "number")}
    assert [r["number"] for r in rows.at([700, 3, 1_499])] == [700, 3, 1_499]
    assert rows.at([3])[0]["path"] == everything[3]["path"]
    assert rows.at([]) == []


@QUICK
@given(i=st.integers(0, 1_499), k=st.integers(0, 9), filter=filters)
def test_neighbours_are_the_nearest_of_all(small, i, k, filter):
    rows, everything = small
    one = everything[i]
    near = [cosine(one["embedding"], r["embedding"]) for r in everything]
    likes = [
        (-round(s, 9), place, r["path"])
        for place, r in enumerate(expected(everything, filter))
        if r is not one and not math.isnan(s := near[r["number"]])
    ]
    found = rows.neighbours(one["path"], k, filter)
    assert [r["path"] for r in found] == [path for _, _, path in sorted(likes)[:k]]
    for row in found:
        assert row["similarity"] == pytest.approx(cosine(one["embedding"], everything[row["number"]]["embedding"]))


def test_the_nearest_of_a_picture_is_not_itself(small):
    rows, everything = small
    one = next(r for r in everything if r["embedding"])
    for filter in (Filter(), Filter(label=one["label"], outcome="right")):
        near = [cosine(one["embedding"], r["embedding"]) for r in everything]
        wanted = sorted(
            (r for r in expected(everything, filter) if r is not one and r["embedding"]),
            key=lambda r: -near[r["number"]],
        )
        assert [r["path"] for r in rows.neighbours(one["path"], 20, filter)] == [r["path"] for r in wanted[:20]]
    unread = next(r["path"] for r in everything if r["error"])
    assert rows.neighbours(unread, 5) == rows.neighbours("no such", 5) == []


def test_both_ends_of_a_range_of_confidence_belong_to_it(small):
    rows, everything = small
    low, high = sorted({r["probability"] for r in everything if r["probability"]})[100:300:199]
    filter = Filter(confidence=(low, high))
    found = [r["probability"] for r in rows.page(filter, 0, 9_999)]
    assert (found[0], found[-1], len(found)) == (high, low, len(expected(everything, filter)))


def test_embeddings_come_in_the_files_order_without_those_that_have_none(small):
    rows, everything = small
    filter = Filter(label=3)
    numbers, blocks = zip(*rows.embeddings(filter), strict=True)
    wanted = [r for r in everything if r["label"] == 3 and r["embedding"]]
    assert np.concatenate(numbers).tolist() == [r["number"] for r in wanted]
    np.testing.assert_array_equal(np.concatenate(blocks), np.array([r["embedding"] for r in wanted], np.float32))
    assert sum(len(n) for n, _ in rows.embeddings()) == sum(r["embedding"] is not None for r in everything)


@QUICK
@given(filter=filters)
def test_an_address_brings_the_filter_back(filter):
    address = filter.to_address()
    assert all(isinstance(k, str) and isinstance(v, str) for k, v in address.items())
    again = Filter.from_address(address)
    assert again == filter
    assert Filter().to_address() == {}


junk = (
    st.none()
    | st.text(max_size=8)
    | st.integers()
    | st.lists(st.text(max_size=3))
    | st.sampled_from(
        [
            "-1",
            "-2",
            "1e5",
            "٣",
            "1_0",
            "0.5-",
            "0.9-0.1",
            "nan-1",
            "0-inf",
            "0.1-0.2-0.3",
            "right ",
            "\ud800",
            "9" * 40,
        ]
    )
)


@QUICK
@given(
    address=st.dictionaries(
        st.sampled_from(["label", "predicted", "outcome", "confidence", "query", "order", "other"]), junk
    )
)
def test_a_broken_address_never_raises_and_what_is_left_holds(small, address):
    filter = Filter.from_address(address)
    assert Filter.from_address(filter.to_address()) == filter
    small[0].count(filter)


def test_wrong_values_are_dropped_and_the_others_stay():
    address = {
        "label": "x",
        "predicted": "-1",
        "outcome": "odd",
        "confidence": "0.9-0.1",
        "order": "rows; --",
        "query": "cat",
        "more": "1",
    }
    assert Filter.from_address(address) == Filter(query="cat")
    assert Filter.from_address({"query": "\ud800"}) == Filter()
    assert Filter.from_address({"label": "٣", "predicted": "1_0"}) == Filter()
    assert Filter.from_address({"label": "-1", "confidence": "0.25-1e-05"}) == Filter(label=-1)
    for wrong in (dict(order="rows"), dict(outcome="odd"), dict(confidence=(0.9, 0.1)), dict(confidence=(0, math.nan))):
        with pytest.raises(ValueError, match="one of|0 <= low"):
            Filter(**wrong)


def test_a_csv_is_whole_ordered_and_runs_no_formula(small, tmp_path):
    rows, everything = small
    filter = Filter(order="margin")
    assert export(rows, filter, tmp_path / "rows.csv", "csv") == 1_500
    with open(tmp_path / "rows.csv", encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    wanted = expected(everything, filter)
    assert [*lines[0]] == [*ROW_COLUMNS]
    for line, row in zip(lines, wanted, strict=True):
        dangerous = row["path"][0] in "=+-@\t\uff1d"
        assert line["path"] == "'" * dangerous + row["path"]
        assert line["label"] == str(row["label"])  # -1 is a number, no formula
        assert line["loss"] == ("" if row["loss"] is None else repr(row["loss"]))
        assert line["top"] == ("" if row["top"] is None else " ".join(map(str, row["top"])))
    assert sum(line["path"].startswith("'") for line in lines) == 7  # six, and the one that begins with ' itself
    assert (tmp_path / "rows.csv").read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize(
    "filter", [Filter(outcome="wrong", order="loss"), Filter(outcome="right", order="entropy"), Filter(query="no such")]
)
def test_a_parquet_selection_is_a_table_of_its_own(small, tmp_path, filter):
    rows, everything = small
    count = export(rows, filter, tmp_path / "out.parquet", "parquet")
    wanted = expected(everything, filter)
    assert count == len(wanted)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column_names == [*ROW_COLUMNS, "embedding"]
    assert table.to_pylist() == [{k: r[k] for k in table.column_names} for r in wanted]
    again = Rows(tmp_path / "out.parquet")
    assert again.count() == count
    again.close()


def test_rows_by_number_are_written_as_they_are_numbered(small, tmp_path):
    rows, everything = small
    assert export(rows, [700, 3, 1_499], tmp_path / "out.parquet", "parquet") == 3
    assert pq.read_table(tmp_path / "out.parquet")["path"].to_pylist() == [
        everything[i]["path"] for i in (700, 3, 1_499)
    ]


def test_only_csv_and_parquet_are_written(small, tmp_path):
    with pytest.raises(ValueError, match="must be"):
        export(small[0], Filter(), tmp_path / "x", "xlsx")


def test_errors_are_sentences_in_csv_and_objects_in_rows(small, tmp_path):
    rows, everything = small
    export(rows, Filter(outcome="unreadable"), tmp_path / "rows.csv", "csv")
    with open(tmp_path / "rows.csv", encoding="utf-8-sig", newline="") as file:
        assert {line["error"] for line in csv.DictReader(file)} == {"The file is damaged."}
    (row,) = rows.page(Filter(outcome="unreadable"), 0, 1)
    assert (row["error"].code, str(row["error"])) == ("image-truncated", "The file is damaged.")


def test_what_is_no_table_is_said(tmp_path):
    for name, content, code in (
        ("none", None, "rows-missing"),
        ("text", b"hello", "rows-format"),
        ("empty", b"", "rows-format"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError) as caught:
            Rows(tmp_path / name)
        assert caught.value.code == code
    table = evaluation(tmp_path / "rows.parquet", 10, 3)
    pq.write_table(table.drop_columns(["margin", "embedding"]), tmp_path / "rows.parquet")
    with pytest.raises(InputError, match="margin, embedding") as caught:
        Rows(tmp_path / "rows.parquet")
    assert caught.value.code == "rows-columns"


def test_a_name_is_the_file_not_a_pattern(tmp_path):
    """Beside a[1], the file a1, which the pattern a[1] would be."""
    evaluation(tmp_path / "a1.parquet", 20, 3)
    evaluation(tmp_path / "a[1].parquet", 10, 3)
    rows = Rows(tmp_path / "a[1].parquet")
    assert rows.count() == 10
    assert len(rows.neighbours(rows.page()[0]["path"], 99, Filter(outcome="right"))) > 0
    rows.close()


def test_nothing_but_the_file_can_be_read(small, tmp_path):
    import duckdb

    (tmp_path / "secret.csv").write_text("a\n1\n", encoding="utf-8")
    hidden = pa.table({"a": [1]})
    for sql in (
        f"SELECT * FROM '{tmp_path / 'secret.csv'}'",
        "SELECT * FROM hidden",
        f"COPY rows TO '{tmp_path / 'x.csv'}'",
    ):
        with pytest.raises(duckdb.Error), small[0]._cursor() as cursor:
            cursor.execute(sql).fetchall()
    assert len(hidden) == 1


@pytest.mark.load
def test_threads_ask_at_the_same_time(small):
    rows, everything = small
    paths = [r["path"] for r in everything[:40] if r["embedding"]] * 3

    def ask(path):
        return (
            rows.position(Filter(order="path"), path),
            rows.neighbours(path, 3)[0]["path"],
            len(rows.page(Filter(query=path), 0, 7)),
        )

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(ask, paths))
    assert together == [ask(path) for path in paths]


def test_embeddings_are_never_all_in_memory_at_once(tmp_path):
    evaluation(tmp_path / "rows.parquet", 40_000, 10, width=128)
    rows = Rows(tmp_path / "rows.parquet")
    before, most = pa.total_allocated_bytes(), 0
    for numbers, block in rows.embeddings():
        assert len(numbers) == len(block) <= 4_096
        most = max(most, pa.total_allocated_bytes() - before)
    assert most < 13e6  # all of them are 20 MB
    rows.close()
