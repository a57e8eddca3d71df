"""The models that ship do what their cards say."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import vit_core as vc
from tests.checkpoints.support import pictures, randomise, refused
from vit_core.checkpoints import embedded
from vit_core.data.arrays import read_idx
from vit_core.errors import InputError
from vit_core.images import Preprocess
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer

ASSETS = embedded.ASSETS
SAMPLES = json.loads((ASSETS / "samples/samples.json").read_text("utf-8"))


def test_preprocessing_leaves_a_28_x_28_picture_unchanged():
    model = vc.load("embedded:fashion", "cpu")
    pixels = read_idx(ASSETS / "fashion-mnist/t10k-images-idx3-ubyte.gz")[5]
    tensor, _ = model.transform(Image.fromarray(pixels).convert("RGB"))
    expected = (pixels / 255 - model.transform.mean[0]) / model.transform.std[0]
    np.testing.assert_allclose(tensor[0, 0], expected, atol=1e-5)


@pytest.mark.parametrize("name", ["tiny", "fashion"])
def test_the_card_in_the_file_is_the_card_beside_it(name):
    card = embedded.metadata(ASSETS / f"{name}.safetensors")["card"]
    said = (ASSETS / f"{name}.md").read_text("utf-8")
    assert f"**{100 * card['test accuracy']:.2f}%**" in said
    assert card["test pictures"] == 10_000
    assert f"{card['pictures trained on']:,} training pictures" in said
    assert f"{card['hours']} hours" in said
    assert card["test accuracy"] >= {"tiny": 0.78, "fashion": 0.925}[name]


def test_the_photo_models_card_says_the_results_in_its_file():
    card = embedded.metadata(ASSETS / "photo.safetensors")["card"]
    said = (ASSETS / "photo.md").read_text("utf-8")
    for size, found in card["results"]["tiny"].items():
        row = [found["pictures"], *(100 * found[name] for name in ("top-1", "top-5", "peak in box"))]
        assert "| Tiny ImageNet, validation | {} | {:,} | {:.1f}% | {:.1f}% | {:.1f}% |".format(size, *row) in said
    for name, title in (("caltech", "Caltech-101, held out"), ("cifar", "CIFAR-10, test")):
        for size, found in card["results"][name].items():
            row = [found["pictures"], 100 * found["top-1"], 100 * found["top-5"]]
            assert "| {} | {} | {:,} | {:.1f}% | {:.1f}% | |".format(title, size, *row) in said
    assert f"{card['pictures trained on']:,} training pictures" in said


def test_the_photo_model_has_a_korean_name_for_every_class():
    model = vc.load("embedded:photo", "cpu")
    korean = embedded.label_translations("embedded:photo")["ko"]
    assert list(korean) == model.labels
    assert korean["goldfish"] == "금붕어"
    assert embedded.label_translations("embedded:none") == embedded.label_translations("timm:vit") == {}


def test_the_first_sample_is_predicted_correctly():
    first = SAMPLES[0]
    (label, _), *_ = vc.predict(vc.load(f"embedded:{first['model']}", "cpu"), ASSETS / "samples" / first["file"])
    assert label == first["class"]


def test_samples_are_predicted_as_the_cards_say():
    models = {name: vc.load(f"embedded:{name}", "cpu") for name in ("photo", "fashion")}
    wrong = {
        s["file"]
        for s in SAMPLES
        if s["class"] and vc.predict(models[s["model"]], ASSETS / "samples" / s["file"])[0][0] != s["class"]
    }
    assert wrong == {"crab.jpg", "duck.jpg"}


def test_the_weights_are_small():
    sizes = {path.stem: path.stat().st_size for path in ASSETS.glob("*.safetensors")}
    assert sizes["photo"] < 48e6
    assert sum(sizes.values()) < 48e6 + 16e6


def test_embedded_models_are_those_with_a_config(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "ASSETS", tmp_path)
    assert [a.source for a in vc.available()] == ["timm", "hf", "file"]
    config = ViTConfig(image_size=8, patch_size=4, classes=2, dim=6, depth=1, heads=2, head_dim=3, mlp_dim=5)
    model = randomise(VisionTransformer(config, ["a", "b"], Preprocess((8, 8))))
    embedded.save(model, tmp_path / "small.safetensors", {"title": "Small"})
    save_file({"a": torch.ones(1)}, tmp_path / "cnn.safetensors", {"vitrine": json.dumps({"card": {}, "labels": []})})
    save_file({"a": torch.ones(1)}, tmp_path / "other.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    first, *others = vc.available()
    assert first == ("embedded:small", "embedded", "Small", "1 layers x 2 heads, 2 x 2 patches, 2 classes")
    assert [a.source for a in others] == ["timm", "hf", "file"]
    for name in ("embedded:small", f"file:{tmp_path / 'small.safetensors'}"):
        again = vc.load(name, "cpu")
        assert (again.config, again.labels, again.transform) == (model.config, model.labels, model.transform)
        assert torch.equal(again(pictures(8, 8)), model(pictures(8, 8)))
        assert not again.training
        assert not any(p.requires_grad for p in again.parameters())
    for config in ({"dim": 0}, {"wings": 2}, {**model.config.to_dict(), "depth": 10**9}):
        header = {"config": config, "labels": ["a", "b"], "preprocess": {}}
        save_file(model.state_dict(), tmp_path / "bad.safetensors", {"vitrine": json.dumps(header)})
        refused("checkpoint-config", f"file:{tmp_path / 'bad.safetensors'}")
        with pytest.raises(InputError):
            vc.load("embedded:bad", "cpu")
        assert vc.load("embedded:small", "cpu")
    refused("model-unknown", "embedded:cnn")
    refused("model-unknown", "embedded:../small")
