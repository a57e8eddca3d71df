"""timm's weights, from the hub's cache and from folders that timm wrote; and timm's import."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import vit_core as vc
from tests.checkpoints.support import pictures, randomise, refused, timm
from vit_core.checkpoints import timm_import
from vit_core.errors import InputError
from vit_core.images import Preprocess


def cached(folder: Path, repo: str, file: Path) -> None:
    """Puts `file` into the cache of huggingface_hub."""
    home = folder / ("models--" + repo.replace("/", "--"))
    (home / "snapshots" / "0").mkdir(parents=True, exist_ok=True)
    (home / "refs").mkdir(exist_ok=True)
    (home / "refs" / "main").write_text("0")
    (home / "snapshots" / "0" / file.name).write_bytes(file.read_bytes())


def test_timm_weights_come_from_the_hubs_cache(tmp_path, monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    theirs = randomise(timm.create_model("test_vit", dynamic_img_size=True))
    save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    cached(tmp_path / "cache", "timm/test_vit.r160_in1k", tmp_path / "model.safetensors")
    ours = vc.load("timm:test_vit.r160_in1k", "cpu")
    with torch.inference_mode():
        torch.testing.assert_close(ours(pictures(160, 96)), theirs(pictures(160, 96)), rtol=1e-4, atol=1e-4)
    cfg = theirs.pretrained_cfg
    assert ours.transform == Preprocess((160, 160), cfg["mean"], cfg["std"], "bicubic", cfg["crop_pct"], "center")
    assert len(ours.labels) == 1000
    assert "goldfish" in ours.labels[1]


def test_a_folder_with_timms_config_is_read(tmp_path):
    theirs = randomise(timm.create_model("test_vit2", num_classes=3, global_pool="avg", img_size=32))
    save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(
        json.dumps(
            {
                "architecture": "test_vit2",
                "num_classes": 3,
                "label_names": ["a", "b", "c"],
                "model_args": {"img_size": 32, "global_pool": "avg"},
                "pretrained_cfg": {"mean": [0.1] * 3, "std": [0.2] * 3},
            }
        )
    )
    for name in (f"hf:{tmp_path}", f"file:{tmp_path / 'model.safetensors'}"):
        ours = vc.load(name, "cpu")
        with torch.inference_mode():
            torch.testing.assert_close(ours(pictures(32, 32)), theirs(pictures(32, 32)), rtol=1e-4, atol=1e-4)
        assert ours.labels == ["a", "b", "c"]
        assert ours.transform.mean == (0.1,) * 3


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, (160, 160)),
        ({"num_classes": 0}, (160, 160)),
        ({"num_classes": 7}, (160, 160)),
        ({"num_classes": 7, "img_size": (96, 64)}, (96, 64)),
        ({"in_chans": 1}, (160, 160)),
        ({"num_classes": 7, "global_pool": "avg", "class_token": False}, (160, 160)),
    ],
    ids=str,
)
@pytest.mark.parametrize("source", ["hf:{}", "file:{}/model.safetensors"])
def test_files_that_timm_writes_for_the_hub_are_read_back(source, options, size, tmp_path):
    """timm repeats the number of classes, channels, size and pooling among the model's arguments."""
    theirs = randomise(timm.create_model("test_vit", **options))
    timm.models.save_for_hf(theirs, tmp_path, safe_serialization=True)
    stated = json.loads((tmp_path / "config.json").read_text())["model_args"]
    assert {"num_classes", "in_chans", "global_pool", "img_size"} <= stated.keys()
    ours = vc.load(source.format(tmp_path), "cpu")
    channels = options.get("in_chans", 3)
    images = pictures(*size)[:, :channels]
    with torch.inference_mode():
        if options.get("num_classes") == 0:
            assert ours(images) is None
        else:
            torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-4)
    cfg = theirs.pretrained_cfg
    mean, std = tuple(cfg["mean"])[:channels], tuple(cfg["std"])[:channels]
    assert ours.transform == Preprocess(size, mean, std, "bicubic", cfg["crop_pct"], "center")
    assert (ours.labels is None) == ("num_classes" in options)


@pytest.mark.parametrize("classes", [None, -1, 3.0, "3", 10**9, [3]])
def test_an_invalid_number_of_classes_is_refused(classes, tmp_path):
    timm.models.save_for_hf(timm.create_model("test_vit"), tmp_path, safe_serialization=True)
    config = json.loads((tmp_path / "config.json").read_text())
    config["model_args"]["num_classes"] = classes
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert "num_classes = " in refused("checkpoint-config", f"hf:{tmp_path}")


@pytest.fixture
def fresh_timm():
    timm_import.import_timm.cache_clear()
    yield
    timm_import.import_timm.cache_clear()


@pytest.mark.usefixtures("fresh_timm")
def test_a_missing_or_broken_timm_is_an_input_error(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError("No module named 'timm'", name="timm")

    def broken(name):
        raise ImportError("cannot import name 'x'")

    for importer, code in ((absent, "timm-missing"), (broken, "timm-broken")):
        monkeypatch.setattr(timm_import.importlib, "import_module", importer)
        with pytest.raises(InputError) as caught:
            timm_import.import_timm()
        assert caught.value.code == code


@pytest.mark.usefixtures("fresh_timm")
def test_a_matched_torchvision_gets_no_shim(monkeypatch):
    monkeypatch.setattr(timm_import, "_define_missing_operators", lambda: pytest.fail("not needed"))
    assert timm_import.import_timm().__name__ == "timm"
