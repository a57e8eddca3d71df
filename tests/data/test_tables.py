"""Tables written on other systems: paths, encodings, delimiters and quotes; values checked by hand."""

import pytest

from tests.data.test_dataset import SOLUTION, csv_at, png, put, refused, rows
from vit_core.data import open_dataset, read_boxes, read_class_table

EXPECTED = {"cat/a.jpg": "cat", "dog/b.jpg": "개"}


@pytest.fixture
def pictures(tmp_path):
    put(tmp_path / "cat/a.jpg", png(1))
    put(tmp_path / "dog/b.jpg", png(2))
    return tmp_path


def table(root, content, encoding="utf-8", name="t.csv"):
    source = open_dataset(csv_at(root / name, content, encoding))
    assert [source.data(i) for i in range(len(source))] == [(root / n).read_bytes() for n in source.names]
    return source


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("cat\\a.jpg", "dog\\b.jpg"),
        (".\\cat\\a.jpg", "./dog\\b.jpg"),
        (" cat/a.jpg ", "\tdog/b.jpg"),
        ("'cat/a.jpg'", '"""dog/b.jpg"""'),
        ("cat//a.jpg", "cat/../dog/b.jpg"),
    ],
)
def test_paths_as_other_systems_write_them(pictures, first, second):
    source = table(pictures, f"path,label\n{first},cat\n{second},개\n")
    assert rows(source) == EXPECTED
    assert source.respelled == {}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("C:\\data\\cat\\a.jpg", "C:\\data\\dog\\b.jpg"),
        ("/home/x/data/cat/a.jpg", "/home/x/data/dog/b.jpg"),
        ("\\\\server\\share\\cat\\a.jpg", "..\\data\\dog\\b.jpg"),
        ("data/cat/a.jpg", "file:///data/dog/b.jpg"),
        ("C:\\data\\Cat\\A.JPG", "D:/DOG/B.jpg"),
    ],
)
def test_the_end_of_a_path_is_enough(pictures, first, second):
    source = table(pictures, f"path,label\n{first},cat\n{second},개\n")
    assert rows(source) == EXPECTED
    assert source.respelled == {"end": 2}


def test_the_longest_end_that_exists_is_taken(tmp_path):
    put(tmp_path / "a.jpg", png(1))
    put(tmp_path / "cat/a.jpg", png(2))
    assert list(table(tmp_path, "path,label\n/x/cat/a.jpg,cat\n").names) == ["cat/a.jpg"]


def test_two_paths_with_one_end_are_not_guessed(pictures):
    csv_at(pictures / "t.csv", "path,label\n/v1/cat/a.jpg,cat\n/v2/cat/a.jpg,cat\n/v1/dog/b.jpg,dog\n")
    source = open_dataset(pictures / "t.csv")
    assert list(source.names) == ["/v1/cat/a.jpg", "/v2/cat/a.jpg", "dog/b.jpg"]
    refused("dataset-outside", source.read, 0)
    assert source.respelled == {"end": 1}


def test_case_is_ignored_where_one_file_fits(pictures):
    source = table(pictures, "path,label\nCat/A.JPG,cat\nDOG\\b.jpg,개\n")
    assert rows(source) == EXPECTED
    assert source.respelled == {"case": 2}
    put(pictures / "cat/A.jpg", png(3))  # now two files fit Cat/A.JPG; cat/A.jpg is one of them as it is written
    csv_at(pictures / "t.csv", "path,label\nCat/A.JPG,cat\ncat/A.jpg,cat\n")
    source = open_dataset(pictures / "t.csv")
    assert list(source.names) == ["Cat/A.JPG", "cat/A.jpg"]
    refused("image-missing", source.read, 0)
    assert source.data(1) == png(3)


def test_a_name_that_exists_as_it_is_written_is_that_file(tmp_path):
    put(tmp_path / "cat\\a.jpg", png(1))
    put(tmp_path / "cat/a.jpg", png(2))
    put(tmp_path / "'b.jpg'", png(3))
    put(tmp_path / "b.jpg", png(4))
    source = open_dataset(csv_at(tmp_path / "t.csv", "path,label\ncat\\a.jpg,cat\n'b.jpg',dog\n"))
    assert [source.data(i) for i in range(2)] == [png(3), png(1)]


def test_accents_composed_or_not_are_one_name(tmp_path):
    put(tmp_path / "cafe\u0301/a.jpg")
    assert list(table(tmp_path, "path,label\ncaf\u00e9/a.jpg,x\n").names) == ["cafe\u0301/a.jpg"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_delimiters_and_line_ends(pictures, encoding, mark, end):
    lines = [f"PATH{mark}Label", f"cat/a.jpg{mark} cat ", f"dog/b.jpg{mark}개", ""]
    start = "\ufeff" if encoding[-2:] in ("le", "be") else ""
    assert rows(table(pictures, start + end.join(lines), encoding, "t.txt")) == EXPECTED


@pytest.mark.parametrize("above", ["sep=;\n", "\ufeffsep=;\r\n", '"sep=;"\n', "SEP=;\n;;\n"])
def test_the_line_of_excel_that_names_the_delimiter(pictures, above):
    assert rows(table(pictures, f'{above}path;label;"a,b,c"\ncat/a.jpg;cat;1\ndog/b.jpg;개;2\n')) == EXPECTED


@pytest.mark.parametrize("header", ['"Path" , "Label"', " 'path', 'LABEL' ", "File Name,Class", "file-path,target,"])
def test_columns_with_spaces_and_quotes(pictures, header):
    assert rows(table(pictures, f"{header}\ncat/a.jpg, 'cat'\ndog/b.jpg,\"개\"\n".replace("\n", ",\n"))) == EXPECTED


def test_quoted_cells_hold_delimiters_and_lines(pictures):
    put(pictures / "c,d\ne.jpg", png(3))
    source = table(pictures, 'path,label\n"c,d\ne.jpg","tench, Tinca tinca"\ncat/a.jpg,"a ""b"" c"\n')
    assert rows(source) == {"c,d\ne.jpg": "tench, Tinca tinca", "cat/a.jpg": 'a "b" c'}


def test_a_solution_file_of_another_system(tmp_path):
    put(tmp_path / "val/ILSVRC2012_val_00000001.JPEG")
    content = SOLUTION.replace(",", " ; ").replace("\n", "\r\n").replace("ImageId", '"ImageId"')
    csv_at(tmp_path / "LOC_val_solution.csv", "sep=;\r\n" + content, "utf-16")
    assert rows(open_dataset(tmp_path)) == {"val/ILSVRC2012_val_00000001.JPEG": "n01440764"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("form", ["{} ; {}\r\n", '"{}"\t "{}" \r', "sep=,\n{},'{}'\n"])
def test_class_tables_of_other_systems(tmp_path, encoding, form):
    start, form = ("sep=,\n", form.removeprefix("sep=,\n")) if form.startswith("sep") else ("", form)
    content = start + form.format("Source", "MODEL") + form.format("고양이", "cat") + form.format("개", "dog")
    assert read_class_table(csv_at(tmp_path / "t.csv", content, encoding)) == {"고양이": "cat", "개": "dog"}


def test_a_class_table_in_a_code_page_is_refused(tmp_path):
    refused("evaluate-table", read_class_table, csv_at(tmp_path / "t.csv", "고양이,cat\n", "cp949"))


def test_boxes_end_with_their_last_pixel(tmp_path):
    text = "path;left;top;right;bottom;note\ncat\\a.jpg;0;2;4;4;x\n dog/b.jpg ;1.5;0;1.5;9;\n./cat/a.jpg;7;7;7;7;y\n"
    for encoding in ("utf-8", "utf-16"):
        assert read_boxes(csv_at(tmp_path / "b.csv", text, encoding)) == {
            "cat/a.jpg": [(0, 2, 5, 5), (7, 7, 8, 8)],
            "dog/b.jpg": [(1.5, 0, 2.5, 10)],
        }


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("a.jpg,0,0,x,1", "could not convert"),
        ("a.jpg,0,0,,1", "could not convert"),
        ("a.jpg,3,0,2,1", "'a.jpg' has a box from (3, 0) to (2, 1)"),
        ("a.jpg,0,3,1,2", "from (0, 3) to (1, 2)"),
        ("a.jpg,-1,0,2,1", "from (-1, 0)"),
        ("a.jpg,0,0,inf,1", "to (inf, 1)"),
        ("a.jpg,nan,0,2,1", "from (nan, 0)"),
        ("a.jpg,0,0,2,1,9", "has 6 columns"),
    ],
)
def test_a_table_of_boxes_that_cannot_be_read(tmp_path, rows, said):
    table = csv_at(tmp_path / "b.csv", f"path,left,top,right,bottom\n{rows}\n")
    error = refused("boxes-table", read_boxes, table)
    assert said in str(error)
    assert "labelled pictures" not in str(error)
    refused("dataset-missing", read_boxes, tmp_path / "none.csv")
    assert "no column right" in str(refused("dataset-column", read_boxes, csv_at(table, "path,left,top,x,y\n")))
