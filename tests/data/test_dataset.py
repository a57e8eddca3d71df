"""Labelled sources: what is in them, what is left out, and that nothing outside the folder is ever opened."""

import io
import os
import pickle
import sys
import unicodedata

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from PIL import Image

from app import text
from vit_core import InputError
from vit_core.data import open_dataset
from vit_core.data.kinds import SPLITS
from vit_core.data.paths import open_inside
from vit_core.images import MAX_FILE_BYTES


def png(shade: int = 128, size=(6, 5)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (shade, 255 - shade, 7)).save(file, "PNG")
    return file.getvalue()


def put(path, data: bytes = png()):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def rows(source) -> dict[str, str]:
    return {name: source.classes[truth] for name, truth in zip(source.names, source.labels, strict=True)}


def refused(code: str, call, *args, **kwargs) -> InputError:
    """The error that `call` raises: of this code, and with a Korean sentence."""
    with pytest.raises(InputError) as caught:
        call(*args, **kwargs)
    assert caught.value.code == code, str(caught.value)
    korean = text.Text("ko").error(InputError(code, "the English sentence", **caught.value.values))
    assert korean != "the English sentence"
    assert "['" not in korean
    assert "['" not in str(caught.value)
    return caught.value


# --- class folders


def test_class_folders_at_any_depth(tmp_path):
    for name in (
        "dog/b.JPG",
        "dog/deep/er/a.png",
        "cat/x.WebP",
        "cat/.hidden.png",
        ".git/y.png",
        "cat/notes.txt",
        "cat/._x.png",
        "cat/.thumbs/z.png",
    ):
        put(tmp_path / name)
    (tmp_path / "empty").mkdir()
    source = open_dataset(tmp_path)
    assert source.classes == ("cat", "dog")
    assert rows(source) == {"cat/x.WebP": "cat", "dog/b.JPG": "dog", "dog/deep/er/a.png": "dog"}
    assert list(source.names) == sorted(source.names)
    assert source.kind == "folder"
    assert source.title == tmp_path.name
    assert source.labels.dtype == np.int32
    assert source.read(0).size == (6, 5)
    assert source.data(1) == png()
    status = (tmp_path / "dog/b.JPG").stat()
    assert source.stat(1) == (status.st_size, status.st_mtime_ns)
    assert source.left_out == {}


def test_a_picture_comes_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "c").mkdir()
    Image.new("RGB", (8, 4)).save(tmp_path / "c/turned.jpg", exif=exif)
    assert open_dataset(tmp_path).read(0).size == (4, 8)


def test_a_broken_picture_stays_in_the_list_and_says_why(tmp_path):
    put(tmp_path / "c/cut.png", png()[:40])
    put(tmp_path / "c/empty.jpg", b"")
    put(tmp_path / "c/good.png")
    put(tmp_path / "c/text.gif", b"hello, hello")
    put(tmp_path / "c/heavy.bmp", b"BM" + bytes(MAX_FILE_BYTES))
    os.mkfifo(tmp_path / "c/pipe.png")
    (tmp_path / "c/gone.png").symlink_to("nowhere.png")
    (tmp_path / "c/self.png").symlink_to("self.png")
    source = open_dataset(tmp_path)
    codes = {}
    for i, name in enumerate(source.names):
        try:
            source.read(i)
        except InputError as error:
            codes[name[2:]] = error.code
    assert codes == {
        "cut.png": "image-truncated",
        "empty.jpg": "image-empty",
        "text.gif": "image-not-a-picture",
        "heavy.bmp": "image-too-heavy",
        "pipe.png": "image-missing",
        "gone.png": "image-missing",
        "self.png": "image-missing",
    }
    assert len(source) == 8
    refused("image-too-heavy", source.data, list(source.names).index("c/heavy.bmp"))  # half of it has no hash
    before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    refused("image-missing", source.stat, list(source.names).index("c/pipe.png"))
    assert before == (len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0)


NAMES = [
    "new\nline",
    "\u05d0\u05d1 \u202eright to left",
    "\U0001f408",
    "caf\u00e9",
    "한글",
    "a'b\"c;d",
    "-rf",
    "x..",
    "sp ace ",
    "back\\slash",
    "percent%20",
]


def test_names_of_any_kind(tmp_path):
    for i, name in enumerate(NAMES):
        put(tmp_path / name / f"{name}.png", png(i))
    bad = os.fsdecode(b"\xff\xfebytes")
    if sys.platform == "linux":  # macOS refuses such a name itself
        put(tmp_path / bad / f"{bad}.png", png(99))
    source = pickle.loads(pickle.dumps(open_dataset(tmp_path)))
    wanted = sorted([*NAMES, bad] if sys.platform == "linux" else NAMES)
    assert sorted(source.classes) == wanted
    assert rows(source) == {f"{n}/{n}.png": n for n in wanted}
    for i, name in enumerate(source.names):
        assert source.read(i).size == (6, 5)
        assert source.data(i) == (tmp_path / name).read_bytes()


def test_the_same_text_is_one_class_kept_as_it_is_on_disk(tmp_path):
    composed, taken_apart = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    put(tmp_path / taken_apart / "a.png")
    put(tmp_path / "dog" / "b.png")
    assert open_dataset(tmp_path).classes == (taken_apart, "dog")
    if sys.platform == "linux":  # macOS holds one of the two only
        put(tmp_path / composed / "c.png")
        source = open_dataset(tmp_path)
        assert source.classes == (taken_apart, "dog")
        assert rows(source) == {
            f"{taken_apart}/a.png": taken_apart,
            f"{composed}/c.png": taken_apart,
            "dog/b.png": "dog",
        }


def test_links_that_leave_the_folder_are_counted_and_never_opened(tmp_path):
    secret = put(tmp_path / "outside/secret-name.png", png(201))
    put(tmp_path / "rooted/c/x.png", png(3))  # a sibling whose name begins as the root's does
    root = tmp_path / "root"
    put(root / "a/own.png", png(1))
    (root / "a/out.png").symlink_to(secret)
    (root / "a/folder").symlink_to(tmp_path / "outside")
    (root / "stolen").symlink_to(tmp_path / "outside")
    (root / "a/up.png").symlink_to("../../outside/secret-name.png")
    (root / "a/etc").symlink_to("/")
    (root / "a/sibling").symlink_to(tmp_path / "rooted")
    (root / "a/chain").symlink_to("step")
    (root / "a/step").symlink_to(tmp_path / "outside")
    source = open_dataset(root)
    assert rows(source) == {"a/own.png": "a"}
    assert source.classes == ("a",)
    assert source.left_out == {"outside": 8}
    assert b"secret-name" not in pickle.dumps(source)


def test_a_link_put_in_after_the_listing_is_not_followed(tmp_path):
    secret = put(tmp_path / "outside/own.png", png(201))
    root = tmp_path / "root"
    put(root / "a/own.png", png(1))
    put(root / "b/own.png", png(1))
    source = open_dataset(root)
    (root / "a/own.png").unlink()
    (root / "a/own.png").symlink_to(secret)
    (root / "b/own.png").unlink()
    (root / "b").rmdir()
    (root / "b").symlink_to(secret.parent)
    for i in range(2):
        for call in (source.read, source.data, source.stat):
            refused("dataset-outside", call, i)


def test_a_link_put_in_after_the_check_is_not_followed(tmp_path, monkeypatch):
    put(tmp_path / "outside/own.png", png(201))
    root = tmp_path / "root"
    put(root / "a/own.png", png(1))
    (root / "a/link.png").symlink_to(tmp_path / "outside/own.png")
    (root / "b").symlink_to(tmp_path / "outside")
    monkeypatch.setattr("vit_core.data.paths.resolve", lambda top, name: os.path.join(os.path.realpath(top), name))
    os.close(open_inside(root, "a/own.png"))
    for name in ("a/link.png", "b/own.png"):
        with pytest.raises(OSError):
            open_inside(root, name)


def test_links_inside_are_followed_once(tmp_path):
    put(tmp_path / "a/1.png", png(1))
    put(tmp_path / ".store/cats/2.png", png(2))
    (tmp_path / "cat").symlink_to(".store/cats")
    (tmp_path / "a/loop").symlink_to("..")
    (tmp_path / "a/here").symlink_to(".")
    (tmp_path / ".store/cats/back").symlink_to("../../cat")
    (tmp_path / "0-copy").symlink_to("a")  # sorted before the folder it leads to, which is met first all the same
    (tmp_path / "a/file.png").symlink_to("../.store/cats/2.png")
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    source = open_dataset(tmp_path / "link")
    assert rows(source) == {"a/1.png": "a", "a/file.png": "a", "cat/2.png": "cat"}
    assert source.classes == ("a", "cat")
    assert source.left_out == {"again": 5}
    assert [source.data(i) for i in range(3)] == [png(1), png(2), png(2)]


def test_nothing_there(tmp_path):
    refused("dataset-missing", open_dataset, tmp_path / "none")
    refused("dataset-missing", open_dataset, "nul\0")
    refused("dataset-missing", open_dataset, "bundled:nothing")
    assert refused("dataset-empty", open_dataset, tmp_path).values["classes"] == 0
    put(tmp_path / "loose.png")
    refused("dataset-empty", open_dataset, tmp_path)
    (tmp_path / "a").mkdir()
    assert refused("dataset-empty", open_dataset, tmp_path).values["classes"] == 1
    put(tmp_path / "a/x.png")
    assert open_dataset(tmp_path).left_out == {"unlabelled": 1}


def test_1200_classes(tmp_path):
    for i in range(1200):
        put(tmp_path / f"class {i:04}/x.png")
    source = open_dataset(tmp_path)
    assert source.classes == tuple(f"class {i:04}" for i in range(1200))
    assert (source.labels == np.arange(1200)).all()


def test_of_a_data_sets_parts_the_test_part_is_read(tmp_path):
    put(tmp_path / "Train/cat/a.png")
    put(tmp_path / "val/cat/b.png")
    assert rows(open_dataset(tmp_path)) == {"val/cat/b.png": "cat"}
    put(tmp_path / "Test/dog/c.png")
    source = open_dataset(tmp_path)
    assert rows(source) == {"Test/dog/c.png": "dog"}
    assert source.title == f"{tmp_path.name}/Test"
    assert SPLITS[0] == "test"


def test_a_train_beside_a_ship_is_a_vehicle(tmp_path):
    put(tmp_path / "train/old/a.png")
    put(tmp_path / "ship/d.png")
    assert open_dataset(tmp_path).classes == ("ship", "train")
    put(tmp_path / "test/b.png")
    assert open_dataset(tmp_path).classes == ("ship", "test", "train")
    put(tmp_path / "test/old/c.png")  # two splits with class folders
    source = open_dataset(tmp_path)
    assert rows(source) == {"test/old/c.png": "old"}
    assert source.left_out == {"unlabelled": 2}  # test/b.png, ship/d.png


def test_a_part_without_labels_is_passed_over(tmp_path):
    put(tmp_path / "train/cat/a.png")
    put(tmp_path / "test/1.png")  # as competitions have it: which class it is, they do not tell
    source = open_dataset(tmp_path)
    assert rows(source) == {"train/cat/a.png": "cat"}
    assert source.title == f"{tmp_path.name}/train"
    (tmp_path / "val/cat").mkdir(parents=True)
    assert rows(open_dataset(tmp_path)) == {"train/cat/a.png": "cat"}
    put(tmp_path / "val/cat/b.png")
    assert rows(open_dataset(tmp_path)) == {"val/cat/b.png": "cat"}
    csv_at(tmp_path / "imagenet/LOC_val_solution.csv", SOLUTION)
    put(tmp_path / "imagenet/val/ILSVRC2012_val_00000001.JPEG")
    put(tmp_path / "imagenet/test/ILSVRC2012_test_00000001.JPEG")
    assert rows(open_dataset(tmp_path / "imagenet")) == {"val/ILSVRC2012_val_00000001.JPEG": "n01440764"}


def test_where_no_part_has_labels_it_says_where_it_looked(tmp_path):
    put(tmp_path / "Test/1.png")
    assert refused("dataset-empty", open_dataset, tmp_path).values["name"] == f"{tmp_path}/Test"
    (tmp_path / "train/cat").mkdir(parents=True)
    error = refused("dataset-empty", open_dataset, tmp_path)
    assert error.values == {"name": f"{tmp_path}/Test, {tmp_path}/train", "classes": 1}


def test_what_a_worker_gets_is_small(tmp_path):
    count = 5_000
    for i in range(50):
        (tmp_path / f"class {i:02}").mkdir()
    for i in range(count):
        (tmp_path / f"class {i % 50:02}" / f"picture {i:06}.jpg").touch()
    source = open_dataset(tmp_path)
    pickled = pickle.dumps(source)
    copy = pickle.loads(pickled)
    assert len(copy) == count
    assert copy.names[count - 1] == source.names[-1] == "class 49/picture 004999.jpg"
    assert len(pickled) < 60 * count


# --- tables


def csv_at(path, content: str | bytes, encoding="utf-8"):
    return put(path, content if isinstance(content, bytes) else content.encode(encoding))


def test_a_csv_with_paths_from_its_own_folder(tmp_path):
    for name in ("p/a.png", "p/b c.png", "p/new\nline.png", "é.png"):
        put(tmp_path / name)
    csv_at(
        tmp_path / "t.csv",
        '\ufeffid,Image,Label\n1,p/a.png,cat\n2,"p/b c.png", dog \n3,"p/new\nline.png",NA\n4,./é.png,cat\n',
    )
    source = open_dataset(tmp_path / "t.csv")
    assert rows(source) == {"p/a.png": "cat", "p/b c.png": "dog", "p/new\nline.png": "NA", "é.png": "cat"}
    assert source.classes == ("NA", "cat", "dog")
    assert (source.kind, source.title, source.root) == ("table", "t.csv", tmp_path)
    assert all(source.read(i).size == (6, 5) for i in range(4))


@pytest.mark.parametrize("above", ["\n", "\r\n\r\n", "\ufeff\n", "  \t\n", ";\n;;\n", "\ufeff,,\r\n"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_empty_lines_above_a_table_are_passed_over(tmp_path, above, mark):
    put(tmp_path / "a.png")
    csv_at(tmp_path / "t.csv", f"{above}path{mark}label\na.png{mark}cat\n\nb.png{mark}dog\n")
    assert rows(open_dataset(tmp_path / "t.csv")) == {"a.png": "cat", "b.png": "dog"}


def test_a_table_beside_the_pictures_folder(tmp_path):
    put(tmp_path / "pictures/a.png")
    table = csv_at(tmp_path / "lists/t.csv", f"file;y\na.png;7\n{tmp_path}/pictures/a.png;7\n")
    source = open_dataset(tmp_path / "pictures", table)
    assert rows(source) == {"a.png": "7"}
    assert source.left_out == {"repeated": 1}
    refused("dataset-missing", open_dataset, tmp_path / "pictures", tmp_path / "none.csv")


def test_rows_that_leave_the_folder_stay_and_cannot_be_read(tmp_path):
    secret = put(tmp_path / "secret.png", png(201))
    put(tmp_path / "root/in.png")
    put(tmp_path / "root/sub/in.png")
    (tmp_path / "root/link.png").symlink_to(secret)
    csv_at(
        tmp_path / "root/t.csv",
        f"path,label\n../secret.png,a\n{secret},a\nlink.png,a\nsub/../../secret.png,a\n"
        "sub/../in.png,b\nsub,b\nnone.png,b\nsub/..,b\n",
    )
    source = open_dataset(tmp_path / "root/t.csv")
    codes = {}
    for i, name in enumerate(source.names):
        try:
            source.read(i)
            codes[name] = None
        except InputError as error:
            codes[name] = error.code
    assert codes == {
        "../secret.png": "dataset-outside",
        str(secret): "dataset-outside",
        "link.png": "dataset-outside",
        "in.png": None,
        "sub": "image-missing",
        "none.png": "image-missing",
        ".": "image-missing",
    }


def test_two_labels_for_one_picture_are_said_and_not_chosen_between(tmp_path):
    put(tmp_path / "a.png")
    put(tmp_path / "b.png")
    csv_at(tmp_path / "t.csv", "path,label\nb.png,cat\na.png,cat\na.png,dog\n./a.png,cat\n,cat\nb.png,\nb.png,cat\n")
    source = pickle.loads(pickle.dumps(open_dataset(tmp_path / "t.csv")))
    assert list(source.names) == ["a.png", "b.png"]
    assert source.classes == ("cat", "dog")
    assert refused("dataset-conflict", source.read, 0).values["labels"] == ["cat", "dog"]
    assert source.read(1).size == (6, 5)
    assert source.left_out == {"repeated": 2, "unlabelled": 2}


@pytest.mark.parametrize(
    "labels", [[3, 10, 3], [3.0, None, 10.0], ["c", "d", None], pa.array(["c", "d", "c"]).dictionary_encode()]
)
def test_parquet(tmp_path, labels):
    table = pa.table({"n": [1, 2, 3], "filename": ["a.png", "b.png", "c.png"], "target": labels})
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    put(tmp_path / "a.png")
    source = open_dataset(tmp_path / "t.parquet")
    assert source.names[0] == "a.png"
    assert source.classes[source.labels[0]] in ("3", "c")
    assert len(source) + source.left_out.get("unlabelled", 0) == 3
    assert source.read(0).size == (6, 5)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "dataset-format"),
        (b"\n\n", "dataset-format"),
        (b"path,kind\na,b\n", "dataset-column"),
        (b"who,label\na,b\n", "dataset-column"),
        ("path,label\na.png,고양이\n".encode("cp949"), "dataset-encoding"),
        ("path,label\na.png,b\n".encode("utf-16-le"), "dataset-encoding"),
        ("path,label\na.png,b\n".encode("utf-32"), "dataset-encoding"),
        (b"path,label\na.png\n", "dataset-format"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "dataset-format"),
        (b"Rar!\x1a\7\1\0", "dataset-format"),
        (b"path,label\na.png,b,c\n", "dataset-format"),
        (b"path,label\n", "dataset-empty"),
        (b"path,label\n,\n", "dataset-empty"),
        (b"PAR1nonsense", "dataset-format"),
        (b"PK\3\4zip", "dataset-format"),
        (b"\0\1\2", "dataset-encoding"),
        (b"\x1f\x8b\x08broken", "dataset-format"),
    ],
)
def test_a_bad_table_is_said(tmp_path, content, code):
    refused(code, open_dataset, csv_at(tmp_path / "t.csv", content))


def test_a_table_without_its_columns_says_what_is_there(tmp_path):
    error = refused("dataset-column", open_dataset, csv_at(tmp_path / "t.csv", "path,kind\na,b\n"))
    assert error.values["found"] == ["path", "kind"]
    assert "label" in error.values["wanted"]
    pa.parquet.write_table(pa.table({"image": [{"bytes": b"x"}], "label": [1]}), tmp_path / "t.parquet")
    refused("dataset-format", open_dataset, tmp_path / "t.parquet")


# --- ImageNet

SOLUTION = (
    "ImageId,PredictionString\nILSVRC2012_val_00000001,n01440764 85 1 499 272 \n"
    "ILSVRC2012_val_00000002,n01443537 1 2 3 4 n01443537 5 6 7 8 \n"
)


def test_synset_folders_are_imagenet(tmp_path):
    for name in ("val/n01440764/ILSVRC2012_val_00000293.JPEG", "val/n01443537/x.JPEG"):
        put(tmp_path / name)
    assert open_dataset(tmp_path).kind == open_dataset(tmp_path / "val").kind == "imagenet"
    assert open_dataset(tmp_path / "val").classes == ("n01440764", "n01443537")
    put(tmp_path / "val/other/x.png")
    assert open_dataset(tmp_path / "val").kind == "folder"


def test_the_flat_validation_folder_with_its_solution(tmp_path):
    for i in (1, 2, 3):
        put(tmp_path / f"val/ILSVRC2012_val_{i:08}.JPEG")
    refused("dataset-labels", open_dataset, tmp_path)
    refused("dataset-labels", open_dataset, tmp_path / "val")
    table = csv_at(tmp_path / "elsewhere.csv", SOLUTION)
    named = open_dataset(tmp_path / "val", table)
    csv_at(tmp_path / "LOC_val_solution.csv", SOLUTION)
    found = open_dataset(tmp_path)
    assert rows(found) == {
        "val/ILSVRC2012_val_00000001.JPEG": "n01440764",
        "val/ILSVRC2012_val_00000002.JPEG": "n01443537",
    }
    assert found.left_out == {"unlabelled": 1}
    assert found.kind == named.kind == "imagenet"
    assert list(named.labels) == [0, 1]
    assert found.read(0).size == (6, 5)


def test_a_solution_file_that_leads_out_is_not_opened(tmp_path):
    outside = csv_at(tmp_path / "outside.csv", SOLUTION)
    put(tmp_path / "root/val/ILSVRC2012_val_00000001.JPEG")
    (tmp_path / "root/LOC_val_solution.csv").symlink_to(outside)
    refused("dataset-outside", open_dataset, tmp_path / "root")
