"""Data sets of the catalogue: downloaded once from a server on this computer, checked, continued, and read."""

import hashlib
import io
import tarfile

import pytest
from huggingface_hub import constants
from PIL import Image

from tests.http_files import serving_files
from vit_core import InputError, downloads
from vit_core.checkpoints import imagenet_info
from vit_core.cli import main
from vit_core.data import match_classes, open_dataset
from vit_core.data.named import CATALOGUE, catalogue, catalogue_path, class_title, fetch, known_classes
from vit_core.downloads import Stopped, incomplete_path

NAME = "imagenette2-160"


def archive() -> bytes:
    """A small archive laid out as Imagenette's: training and validation pictures in folders of synset ids."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as made:
        for split, count in (("train", 1), ("val", 2)):
            for number, synset in enumerate(CATALOGUE[NAME].classes):
                for i in range(count):
                    picture = io.BytesIO()
                    Image.effect_noise((160, 160), 90 + number).save(picture, "JPEG")
                    info = tarfile.TarInfo(f"{NAME}/{split}/{synset}/{i}.JPEG")
                    info.size = len(picture.getvalue())
                    made.addfile(info, io.BytesIO(picture.getvalue()))
        info = tarfile.TarInfo(f"{NAME}/noisy_imagenette.csv")
        info.size = 0
        made.addfile(info)
    return file.getvalue()


DATA = archive()


@pytest.fixture(autouse=True)
def server(tmp_path, monkeypatch):
    """A server that has the small archive, in the catalogue in place of Imagenette."""
    monkeypatch.setenv("VITRINE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(downloads, "RETRY_SECONDS", 0)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with serving_files() as started:
        started.files["/a.tgz"] = DATA
        digest = "md5:" + hashlib.md5(DATA).hexdigest()
        small = CATALOGUE[NAME]._replace(url=f"{started.url}/a.tgz", size=len(DATA), digest=digest)
        monkeypatch.setitem(catalogue.CATALOGUE, NAME, small)
        yield started


def code_of(function, *args) -> str:
    with pytest.raises(InputError) as caught:
        function(*args)
    return caught.value.code


def test_a_set_is_downloaded_once_and_its_validation_pictures_are_read(server):
    assert code_of(open_dataset, f"catalogue:{NAME}") == "dataset-not-downloaded"
    assert server.requests == []  # opening downloads nothing
    seen = []
    path = fetch(NAME, lambda *at: seen.append(at))
    assert path == catalogue_path(NAME)
    assert path.read_bytes() == DATA
    assert seen[-1] == (len(DATA), len(DATA))
    fetch(f"catalogue:{NAME}")
    assert server.sent("/a.tgz") == [None]
    source = open_dataset(f"catalogue:{NAME}")
    assert (source.title, len(source), list(source.classes)) == ("Imagenette", 20, sorted(CATALOGUE[NAME].classes))
    assert source.read(3).size == (160, 160)


def test_a_cut_download_continues_where_it_ended(server):
    server.cut = [len(DATA) // 2]
    assert fetch(NAME).read_bytes() == DATA
    assert server.sent("/a.tgz") == [None, f"bytes={len(DATA) // 2}-"]


def test_a_stopped_download_continues_later(server):
    seen = []
    with pytest.raises(Stopped):
        fetch(NAME, lambda *at: seen.append(at), lambda: len(seen) > 2)
    kept = incomplete_path(catalogue_path(NAME)).stat().st_size
    assert 0 < kept < len(DATA)
    assert code_of(open_dataset, f"catalogue:{NAME}") == "dataset-not-downloaded"
    assert fetch(NAME).read_bytes() == DATA
    assert server.sent("/a.tgz")[-1] == f"bytes={kept}-"


def test_another_archive_than_the_published_one_is_deleted(server):
    server.files["/a.tgz"] = DATA[:-1] + bytes([DATA[-1] ^ 1])
    assert code_of(fetch, NAME) == "download-damaged"
    assert not catalogue_path(NAME).exists()
    assert not incomplete_path(catalogue_path(NAME)).exists()


def test_without_a_network_it_is_said(monkeypatch):
    nowhere = CATALOGUE[NAME]._replace(url="http://127.0.0.1:9/a.tgz")
    monkeypatch.setitem(catalogue.CATALOGUE, NAME, nowhere)
    assert code_of(fetch, NAME) == "download-unreachable"


@pytest.mark.parametrize("name", ["catalogue:", "catalogue:imagenet", "catalogue:../../etc/passwd"])
def test_no_other_name_is_looked_for(name):
    assert code_of(open_dataset, name) == code_of(fetch, name) == "dataset-unknown"


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_the_names_of_the_classes_are_imagenets(name):
    info = imagenet_info("imagenet-1k")
    for synset, names in CATALOGUE[name].classes.items():
        assert set(names.split(", ")) <= set(info.label_name_to_description(synset).split(", "))
    assert len(CATALOGUE[name].classes) == 10


def test_the_classes_that_a_model_knows_are_counted_as_they_will_be_matched():
    entry, info = CATALOGUE["imagewoof2-160"], imagenet_info("imagenet-1k")
    imagenet = [info.label_name_to_description(synset) for synset in info.label_names()]
    for labels in (imagenet, ["cat", "golden retriever", "Samoyed", "dog"], ["cat", "dog"]):
        matched = match_classes(list(entry.classes), labels)
        assert known_classes(entry, labels) == 10 - len(matched.unknown)
    assert known_classes(entry, None) is None
    assert known_classes(entry, [f"LABEL_{i}" for i in range(1000)]) is None  # their order may tell, once they are read


def test_class_folders_have_readable_names():
    assert class_title("n02979186") == "cassette player"
    assert class_title("n02105641") == "Old English sheepdog"
    assert class_title("n00000000") == "n00000000"


def test_the_command_line_downloads_only_when_told(server, tmp_path, build, capsys):
    from vit_core.checkpoints import save

    model = build(classes=3)
    model.labels = ["tench", "golf ball", "dog"]
    save(model, tmp_path / "m.safetensors")
    command = ["evaluate", f"catalogue:{NAME}", "--model", f"file:{tmp_path / 'm.safetensors'}", "--workers", "0"]
    assert main([*command, "--out", str(tmp_path / "a")]) == 2
    assert "--download" in capsys.readouterr().err
    assert server.requests == []
    assert main([*command, "--out", str(tmp_path / "b"), "--download"]) == 0
    said = capsys.readouterr().out
    assert "licence Apache-2.0" in said
    assert "the model knows 2 of them, by synset" in said
