"""Which files of a folder are pictures, which are counted as left out, and which folders are no classes."""

import io

import pytest
from PIL import Image

from tests.data.test_archives import tar_of
from tests.data.test_dataset import png, put, refused, rows
from tests.data.test_zip import zip_of
from vit_core.data import open_dataset
from vit_core.data.kinds import class_depth, picture_kind, split_rank

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (6, 5), "red").save(file, "JPEG")
    return file.getvalue()


def make(kind: str, tmp_path, files: dict[str, bytes]):
    """The files as a folder, a tar or a zip archive."""
    tmp_path.mkdir(exist_ok=True)
    if kind == "tar":
        return tar_of(tmp_path / "d.tar", files)
    if kind == "zip":
        return zip_of(tmp_path / "d.zip", files)
    for name, data in files.items():
        put(tmp_path / "d" / name, data)
    return tmp_path / "d"


@pytest.fixture(params=["folder", "tar", "zip"])
def dataset(request, tmp_path):
    return lambda files: open_dataset(make(request.param, tmp_path, files))


def test_every_suffix_of_a_format_that_is_read(dataset):
    readable = ["jpg", "jpeg", "jpe", "jfif", "JFIF", "mpo", "apng", "webp", "bmp", "dib", "gif", "tif", "TIFF", "avif"]
    source = dataset({f"cat/{i}.{suffix}": jpeg() for i, suffix in enumerate(readable)})
    assert len(source) == len(readable)
    assert source.left_out == {}
    assert source.read(3).size == (6, 5)


def test_pictures_of_other_formats_are_counted_and_named(dataset):
    source = dataset(
        {
            "cat/1.jpg": jpeg(),
            "cat/2.heic": HEIC,
            "cat/3.HEIC": HEIC,
            "cat/4.jp2": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(20),
            "dog/5.cr2": b"II*\0\x10\0\0\0CR\2\0",
            "dog/6.psd": b"8BPS\0\1" + bytes(20),
            "dog/7": HEIC,  # no suffix; its content names it
            "dog/notes.txt": b"hello",
            "dog/labels.json": b"{}",
            "dog/data.unknown": b"who knows",
            "Thumbs.db": b"\xd0\xcf\x11\xe0",
            "cat/desktop.ini": b"[.ShellClassInfo]",
        }
    )
    assert rows(source) == {"cat/1.jpg": "cat"}
    assert source.left_out == {"format": 6}
    assert source.formats == {".heic": 2, "": 1, ".cr2": 1, ".jp2": 1, ".psd": 1}
    assert list(source.formats)[0] == ".heic"
    assert source.classes == ("cat", "dog")  # dog has pictures, though none that is read


def test_the_content_decides_where_the_suffix_does_not_tell(dataset):
    source = dataset(
        {
            "cat/0001": png(),
            "cat/a.heic": jpeg(),  # a JPEG under another name is read
            "cat/b.jpg?size=large": jpeg(),
            "cat/c.2024": png(),
            "cat/BMW": b"BMW is a car maker",
            "cat/d.txt": png(),  # a text by its name is not looked at
        }
    )
    assert list(source.names) == ["cat/0001", "cat/a.heic", "cat/b.jpg?size=large", "cat/c.2024"]
    assert source.left_out == {}


def test_only_other_formats_are_an_error_that_names_them(tmp_path):
    for kind in ("folder", "tar", "zip"):
        where = make(kind, tmp_path / kind, {"cat/1.heic": HEIC, "dog/2.heic": HEIC, "dog/3.jp2": b"x"})
        error = refused("dataset-formats", open_dataset, where)
        assert error.values["count"] == 3
        assert error.values["formats"] == ".heic 2, .jp2 1"


def test_a_file_that_cannot_be_opened_is_no_picture_without_a_suffix(tmp_path):
    put(tmp_path / "cat/1.png")
    (tmp_path / "cat/gone").symlink_to("nowhere")
    (tmp_path / "cat/gone.heic").symlink_to("nowhere")
    source = open_dataset(tmp_path)
    assert source.left_out == {"format": 1}
    assert source.formats == {".heic": 1}


LEFTOVERS = {
    "__MACOSX/cat/._1.png": b"\0\5\x16\7",
    "__MACOSX/other/1.png": png(),
    ".DS_Store": b"\0\0\0\1Bud1",
    "cat/._1.png": b"\0\5\x16\7",
    "cat/.ipynb_checkpoints/1-checkpoint.png": png(),
    "cat/@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg": jpeg(),
    "@eaDir/1.png": png(),
    "$RECYCLE.BIN/S-1-5/x.png": png(),
    "System Volume Information/x.png": png(),
    "lost+found/x.png": png(),
    "__pycache__/x.png": png(),
    "Thumbs.db": b"x",
    "desktop.ini": b"x",
    "docs/readme.md": b"x",
    "annotations/1.xml": b"<a/>",
    "logs/run/events.out": b"x",
}


def test_leftovers_are_no_classes(dataset):
    source = dataset({"cat/1.png": png(1), "dog/2.png": png(2)} | LEFTOVERS)
    assert rows(source) == {"cat/1.png": "cat", "dog/2.png": "dog"}
    assert source.classes == ("cat", "dog")
    assert source.left_out == {}


@pytest.mark.parametrize("around", ["", "data/", "data/data/"])
@pytest.mark.parametrize(
    ("split", "train"),
    [("test", "train"), ("Test", "Training"), ("TESTING", "training_set"), ("test_set", "TRAIN"), ("valid", "train")]
    + [
        ("Validation", "train"),
        ("eval", "train"),
        ("dev", "train"),
        ("test set", "train set"),
        ("testset", "trainset"),
    ],
)
def test_leftovers_are_not_in_the_way_of_splits(dataset, split, train, around):
    files = {f"{around}{split}/cat/1.png": png(1), f"{around}{train}/cat/2.png": png(2)}
    files |= {f"{around}{train}/dog/3.png": png(3)}
    source = dataset(files | {around + name: data for name, data in LEFTOVERS.items() if not name.startswith("cat")})
    assert [name.rsplit("/", 2)[-2:] for name in source.names] == [["cat", "1.png"]]
    assert source.classes == ("cat",)
    assert source.left_out == {}


def test_the_order_of_splits(dataset):
    source = dataset({f"{name}/cat/1.png": png() for name in ("train", "dev", "val", "testing")})
    assert rows(source) == {"testing/cat/1.png": "cat"}
    assert [split_rank(n) for n in ("test", "Val-Set", "training", "cat", "set", "tests")] == [
        0,
        2,
        9,
        None,
        None,
        None,
    ]


def test_folders_around_the_classes(dataset):
    inner = {"cat/1.png": png(1), "dog/2.png": png(2), "dog/deep/3.png": png(3)}
    source = dataset({f"set/set/{name}": data for name, data in inner.items()} | {"set/readme.md": b"x"})
    assert [source.classes[i] for i in source.labels] == ["cat", "dog", "dog"]
    assert source.left_out == {}


def test_class_depth():
    def depth(*names):
        return class_depth([name.split("/") for name in names])

    assert depth("cat/1", "dog/2") == 0
    assert depth("cat/1", "cat/2") == 0
    assert depth("set/cat/1", "set/dog/2") == 1
    assert depth("set/set/cat/1", "set/set/dog/2") == 2
    assert depth("set/cat/1", "set/dog/2", "set/logo") == 1  # two folders: a logo is no objection
    assert depth("cat/1", "cat/more/2") == 0  # one class, a folder inside it
    assert depth("1", "cat/2") == 0
    assert depth() == 0


def test_empty_folders_are_classes_only_among_numbers(tmp_path):
    for i in (0, 1, 3):
        put(tmp_path / f"{i}/x.png")
    (tmp_path / "2").mkdir()
    (tmp_path / "empty").mkdir()
    assert open_dataset(tmp_path).classes == ("0", "1", "2", "3")
    put(tmp_path / "cat/x.png")
    assert open_dataset(tmp_path).classes == ("0", "1", "3", "cat")


def test_splits_without_classes_in_an_enclosing_folder_have_no_labels(tmp_path):
    put(tmp_path / "set/test/1.png")
    put(tmp_path / "set/train/2.png")
    error = refused("dataset-empty", open_dataset, tmp_path)
    assert error.values["name"] == f"{tmp_path}/set/test, {tmp_path}/set/train"


def test_one_class_with_parts_is_a_class(tmp_path):
    put(tmp_path / "cat/test/1.png")
    put(tmp_path / "cat/train/2.png")
    put(tmp_path / "dog/3.png")
    assert rows(open_dataset(tmp_path)) == {"cat/test/1.png": "cat", "cat/train/2.png": "cat", "dog/3.png": "dog"}


def test_the_kind_of_a_file_with_a_known_suffix_is_told_without_opening_it():
    def never() -> bytes:
        raise AssertionError

    for name, kind in {"a.PNG": "picture", "a.jfif": "picture", "a.txt": "", "labels.csv": "", "a.xml": ""}.items():
        assert picture_kind(name, never) == kind
