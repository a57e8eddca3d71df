"""Zip archives of class folders: read as a folder is, and refused where their names or contents cannot be known."""

import io
import pickle
import zipfile

from tests.data.test_dataset import png, put, refused, rows
from vit_core.data import open_dataset


def zip_of(path, files: dict[str, bytes], method=zipfile.ZIP_DEFLATED):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_a_zip_of_class_folders(tmp_path):
    path = zip_of(tmp_path / "d.zip", {"d/": b"", "d/dog/": b"", "d/dog/1.png": png(1), "d/고양이/2.png": png(2)})
    source = pickle.loads(pickle.dumps(open_dataset(path)))
    assert rows(source) == {"dog/1.png": "dog", "고양이/2.png": "고양이"}
    assert source.data(0) == png(1)
    assert source.read(1).size == (6, 5)
    assert source.title == "d.zip"
    assert source.digest() is not None
    path.write_bytes(path.read_bytes()[:60])
    refused("dataset-format", pickle.loads(pickle.dumps(source)).data, 0)


def test_names_as_other_systems_write_them(tmp_path):
    data = zip_of(tmp_path / "d.zip", {"cat|1.png": png(1), "dog|2.png": png(2)}).read_bytes()
    put(tmp_path / "windows.zip", data.replace(b"|", b"\\"))
    assert [source := open_dataset(tmp_path / "windows.zip"), rows(source)][1] == {
        "cat/1.png": "cat",
        "dog/2.png": "dog",
    }
    assert source.data(1) == png(2)
    flat = zip_of(tmp_path / "e.zip", {"cafexx/1.png": png(1), "dog/2.png": png(2)}).read_bytes()
    put(tmp_path / "macos.zip", flat.replace(b"cafexx", "café".encode() + b"s"))  # UTF-8 without the flag
    assert open_dataset(tmp_path / "macos.zip").classes == ("cafés", "dog")
    put(tmp_path / "korean.zip", flat.replace(b"cafexx", "고양이".encode("cp949")))
    assert "UTF-8" in refused("dataset-format", open_dataset, tmp_path / "korean.zip").values["reason"]


def test_a_zip_that_is_not_read_says_why(tmp_path, monkeypatch):
    refused("dataset-empty", open_dataset, zip_of(tmp_path / "none.zip", {"readme.txt": b"x"}))
    refused("dataset-empty", open_dataset, zip_of(tmp_path / "empty.zip", {}))
    locked = bytearray(zip_of(tmp_path / "l.zip", {"cat/1.png": png()}).read_bytes())
    for at in (6, locked.index(b"PK\1\2") + 8):
        locked[at] |= 1  # the flag of an encrypted file
    source = open_dataset(put(tmp_path / "locked.zip", bytes(locked)))
    assert "password" in refused("dataset-format", source.data, 0).values["reason"]
    odd = open_dataset(zip_of(tmp_path / "lzma.zip", {"cat/1.png": png()}, zipfile.ZIP_LZMA))
    assert "method 14" in refused("dataset-format", odd.data, 0).values["reason"]
    monkeypatch.setattr("vit_core.data.members.MAX_UNPACKED_BYTES", 2_000)
    bomb = open_dataset(zip_of(tmp_path / "bomb.zip", {"cat/1.png": bytes(1_000), "cat/2.png": bytes(1_001)}))
    assert "more than 2,000" in refused("dataset-format", bomb.data, 0).values["reason"]


def test_a_zip_whose_sizes_lie_is_refused(tmp_path):
    data = zip_of(tmp_path / "d.zip", {"cat/1.png": bytes(100_000)}).read_bytes()
    at = data.index(b"PK\1\2") + 24
    source = open_dataset(put(tmp_path / "lie.zip", data[:at] + (50).to_bytes(4, "little") + data[at + 4 :]))
    refused("dataset-format", source.data, 0)


def test_a_workbook_says_how_to_save_it(tmp_path):
    book = zip_of(tmp_path / "labels.xlsx", {"xl/workbook.xml": b"<x/>", "[Content_Types].xml": b"<x/>"})
    put(tmp_path / "d/cat/1.png")
    for call in ((book,), (tmp_path / "d", book)):
        assert "Excel" in refused("dataset-format", open_dataset, *call).values["reason"]


def test_an_archive_appended_to_a_picture_is_no_archive(tmp_path):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("cat/1.png", png())
    refused("dataset-format", open_dataset, put(tmp_path / "x.png", png() + data.getvalue()))
