"""Pictures inside one file: IDX and CIFAR, in folders and archives, whole, broken and hostile."""

import gzip
import io
import pickle
import tarfile

import numpy as np
import pytest

from tests.data.test_dataset import png, put, refused, rows
from vit_core.assets import ASSETS
from vit_core.data import open_dataset
from vit_core.data.arrays import CIFAR_LABELS, FASHION_LABELS
from vit_core.images import read_image

BUNDLED = ASSETS / "fashion-mnist"


def idx(array: np.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def mnist(folder, pictures, truth, suffix=""):
    pack = gzip.compress if suffix else bytes
    put(folder / f"t10k-images-idx3-ubyte{suffix}", pack(idx(pictures)))
    put(folder / f"t10k-labels-idx1-ubyte{suffix}", pack(idx(truth)))
    return folder


def test_the_bundled_test_set():
    source = open_dataset("bundled:fashion")
    assert len(source) == 10_000
    assert source.classes == tuple(FASHION_LABELS)
    assert source.names[123] == "t10k/00123"
    assert source.classes[source.labels[0]] == "Ankle boot"
    assert np.bincount(source.labels).tolist() == [1000] * 10
    assert source.stat(0) == (len(source.data(0)), 0)
    with gzip.open(BUNDLED / "t10k-images-idx3-ubyte.gz") as file:
        first = np.frombuffer(file.read(16 + 784), np.uint8)[16:].reshape(28, 28)
    assert (np.asarray(source.read(0))[..., 1] == first).all()
    assert (np.asarray(read_image(source.data(0))) == np.asarray(source.read(0))).all()
    packed = pickle.dumps(source)
    assert len(packed) < 400_000  # the pixels, 7.8 MB, were loaded and stay behind
    assert pickle.loads(packed).data(9_999) == source.data(9_999)
    assert pickle.loads(packed).data(-1) == source.data(9_999)
    with pytest.raises(IndexError):
        source.read(10_000)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_files_in_a_folder(tmp_path, suffix):
    pictures = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
    source = open_dataset(mnist(tmp_path / "MNIST/raw", pictures, np.array([7, 2, 1], np.uint8), suffix).parents[1])
    assert source.classes == tuple("0123456789")
    assert list(source.labels) == [7, 2, 1]
    assert (np.asarray(source.read(1))[..., 0] == pictures[1]).all()
    first = np.array([9, 2, 1, 1, 6], np.uint8)  # as the bundled set begins
    begins = mnist(tmp_path / "x", np.zeros((5, 4, 5), np.uint8), first, suffix)
    assert open_dataset(begins).classes == tuple(FASHION_LABELS)
    named = mnist(tmp_path / "fashion", pictures, np.array([7, 2, 1], np.uint8), suffix)
    assert open_dataset(named).classes == tuple(FASHION_LABELS)


def test_bad_idx_files_are_said(tmp_path):
    pictures, truth = np.zeros((3, 4, 5), np.uint8), np.zeros(3, np.uint8)
    refused("dataset-format", open_dataset, mnist(tmp_path / "a", pictures, truth[:2]))
    refused("dataset-format", open_dataset, mnist(tmp_path / "b", truth, truth))
    refused("dataset-empty", open_dataset, mnist(tmp_path / "c", pictures[:0], truth[:0]))
    for number, broken in enumerate(
        [b"", b"\0\0\x08", idx(pictures)[:-1], idx(pictures) + b"x", b"\0\0\x08\3" + b"\xff" * 12, b"not an idx file"]
    ):
        folder = mnist(tmp_path / f"d{number}", pictures, truth)
        put(folder / "t10k-images-idx3-ubyte", broken)
        refused("dataset-format", open_dataset, folder)
    folder = mnist(tmp_path / "e", pictures, truth, ".gz")
    put(folder / "t10k-images-idx3-ubyte.gz", gzip.compress(idx(pictures))[:-9])
    refused("dataset-format", open_dataset, folder)
    secret = mnist(tmp_path / "secret", pictures, truth)
    source = open_dataset(mnist(tmp_path / "g", pictures, truth))
    (tmp_path / "g/t10k-images-idx3-ubyte").unlink()
    (tmp_path / "g/t10k-images-idx3-ubyte").symlink_to(secret / "t10k-images-idx3-ubyte")
    refused("dataset-outside", source.read, 0)
    source = open_dataset(mnist(tmp_path / "h", pictures, truth))
    put(tmp_path / "h/t10k-images-idx3-ubyte", idx(pictures[:2]))
    refused("dataset-format", source.read, 0)
    (tmp_path / "f").mkdir()
    for file in secret.iterdir():
        (tmp_path / "f" / file.name).symlink_to(file)
    refused("dataset-outside", open_dataset, tmp_path / "f")


def test_a_small_gzip_that_unpacks_into_very_much_is_refused(tmp_path):
    pictures, truth = np.zeros((3, 4, 5), np.uint8), np.zeros(3, np.uint8)
    folder = mnist(tmp_path, pictures, truth, ".gz")
    put(folder / "t10k-images-idx3-ubyte.gz", gzip.compress(idx(pictures) + bytes(50_000_000)))
    assert "more" in refused("dataset-format", open_dataset, folder).values["reason"]


def tar_of(path, files: dict[str, bytes], mode="w"):
    with tarfile.open(path, mode) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("where", ["folder", "inner", "tar", "tar.gz"])
@pytest.mark.parametrize("hundred", [False, True])
def test_cifar(tmp_path, where, hundred):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32), np.uint8)
    before = [[11, 57], [4, 99]] if hundred else [[3], [9]]
    data = b"".join(bytes(b) + p.tobytes() for b, p in zip(before, pixels, strict=True))
    names = [f"fine {i}" for i in range(100)] if hundred else CIFAR_LABELS
    inner, test, meta = (
        ("cifar-100-binary", "test.bin", "fine_label_names.txt")
        if hundred
        else ("cifar-10-batches-bin", "test_batch.bin", "batches.meta.txt")
    )
    files = {
        f"{inner}/{test}": data,
        f"{inner}/{meta}": ("\n".join(names) + "\n\n").encode(),
        f"{inner}/data_batch_1.bin": data,
    }
    if where.startswith("tar"):
        path = tar_of(tmp_path / f"c.{where}", files, "w:gz" if where.endswith("gz") else "w")
    else:
        for name, content in files.items():
            put(tmp_path / name, content)
        path = tmp_path if where == "inner" else tmp_path / inner
    source = pickle.loads(pickle.dumps(open_dataset(path)))
    assert source.kind == "cifar"
    assert rows(source) == {"test/00000": names[before[0][-1]], "test/00001": names[before[1][-1]]}
    assert source.classes == tuple(names)
    assert (np.asarray(source.read(1)) == pixels[1].transpose(1, 2, 0)).all()


def test_cifar_without_its_names(tmp_path):
    put(tmp_path / "test_batch.bin", bytes([5]) + bytes(3072))
    assert rows(open_dataset(tmp_path)) == {"test/00000": "dog"}
    put(tmp_path / "test_batch.bin", bytes([5]) + bytes(3071))
    refused("dataset-format", open_dataset, tmp_path)
    put(tmp_path / "test_batch.bin", bytes([10]) + bytes(3072))
    refused("dataset-format", open_dataset, tmp_path)
    put(tmp_path / "test_batch.bin", b"")
    refused("dataset-empty", open_dataset, tmp_path)


def test_an_archive_of_pictures(tmp_path):
    path = tar_of(
        tmp_path / "c.tar.gz",
        {
            "./train/cat/0.jpg": png(0),
            "./test/dog/1.png": png(1),
            "./test/cat/2.png": b"broken",
            "./test/readme.txt": b"x",
        },
        "w:gz",
    )
    source = open_dataset(path)
    assert rows(source) == {"test/cat/2.png": "cat", "test/dog/1.png": "dog"}
    assert source.data(1) == png(1)
    refused("image-not-a-picture", source.read, 0)
    assert source.stat(1) == (len(png(1)), 0)
    refused("dataset-empty", open_dataset, tar_of(tmp_path / "none.tar", {"readme": b"x"}))
    path.write_bytes(path.read_bytes()[:90])
    refused("dataset-format", pickle.loads(pickle.dumps(source)).data, 1)


def test_pictures_of_the_same_name_in_an_archive_are_two(tmp_path):
    files = {
        f"{home}/test/{c}/1.png": png(n)
        for n, (home, c) in enumerate((home, c) for home in ("orig", "small") for c in ("cat", "dog"))
    }
    source = open_dataset(tar_of(tmp_path / "c.tar", files))
    assert rows(source) == {name: name.split("/")[2] for name in files}
    assert {source.names[i]: source.data(i) for i in range(4)} == files
    with tarfile.open(tmp_path / "c.tar", "a") as tar:  # once more, as `tar --append` does: the later one counts
        info = tarfile.TarInfo("orig/test/cat/1.png")
        info.size = len(png(9))
        tar.addfile(info, io.BytesIO(png(9)))
    source = open_dataset(tmp_path / "c.tar")
    assert (len(source), source.data(0)) == (4, png(9))


def test_an_archive_is_read_as_a_folder_is(tmp_path):
    def read(*names):
        source = open_dataset(tar_of(tmp_path / "c.tar", {name: png(i) for i, name in enumerate(names)}))
        assert [source.data(i) for i in range(len(source))] == [png(names.index(n)) for n in kept(source, names)]
        return source

    def kept(source, names):
        return [next(n for n in names if n.removeprefix("./").endswith(name)) for name in source.names]

    source = read(
        "cat/1.png",
        "dog/2.png",
        "dog/deep/er/3.png",
        "loose.png",
        "._loose.png",
        "cat/._1.png",
        "__MACOSX/cat/1.png",
        "fox/.thumbs/1.png",
    )
    assert rows(source) == {"cat/1.png": "cat", "dog/2.png": "dog", "dog/deep/er/3.png": "dog"}
    assert source.left_out == {"unlabelled": 1}
    assert source.title == "c.tar"
    around = read("./pics/cat/1.png", "./pics/dog/2.png", "./pics/logo.png")
    assert rows(around) == {"cat/1.png": "cat", "dog/2.png": "dog"}
    assert around.left_out == {"unlabelled": 1}
    assert rows(read("cat/1.png", "cat/2.png")) == {"cat/1.png": "cat", "cat/2.png": "cat"}
    parts = read("d/test/cat/1.png", "d/test/cat/._1.png", "d/test/dog/sub/1.png", "d/train/cat/9.png", "d/logo.png")
    assert rows(parts) == {"test/cat/1.png": "cat", "test/dog/sub/1.png": "dog"}
    assert parts.left_out == {"unlabelled": 1}
    assert parts.title == "c.tar (test)"
    none = tar_of(tmp_path / "none.tar", {"loose.png": png(), "readme": b"x"})
    assert refused("dataset-empty", open_dataset, none).values["name"] == str(none)


def test_pickles_are_refused_unread(tmp_path):
    for name in ("test_batch", "batches.meta"):
        put(tmp_path / "cifar-10-batches-py" / name, b"\x80\x04cposix\nsystem\n.")
    refused("dataset-pickle", open_dataset, tmp_path / "cifar-10-batches-py")
    refused(
        "dataset-pickle", open_dataset, tar_of(tmp_path / "c.tar", {"cifar-10-batches-py/test_batch": b"\x80\x04."})
    )


def test_a_file_of_another_kind_is_said(tmp_path):
    refused("dataset-format", open_dataset, BUNDLED / "t10k-images-idx3-ubyte.gz")
    refused("dataset-format", open_dataset, put(tmp_path / "picture.png"))
