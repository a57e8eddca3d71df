"""Models from a hub on this computer: downloaded once, continued, listed, checked; and loaded without a network."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path

import pytest
from huggingface_hub import constants
from safetensors.torch import save

import vit_core as vc
from tests.checkpoints.support import LABELS, refused, timm_model, transformers_model
from tests.http_files import serving_files
from tests.hub_server import COMMIT, HubServer
from vit_core import downloads
from vit_core.checkpoints import catalogue
from vit_core.checkpoints.catalogue import CURATED, Curated, check_curated, download_model, list_cached, needs_download
from vit_core.checkpoints.catalogue import curated as table
from vit_core.cli import main
from vit_core.downloads import Stopped
from vit_core.errors import InputError

pytestmark = pytest.mark.timeout(120)
TIMM, HF = "timm:test_vit.r160_in1k", "hf:someone/vit"


def weights_of(module) -> bytes:
    return save({name: tensor.contiguous() for name, tensor in module.state_dict().items()})


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of the hub."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(downloads, "RETRY_SECONDS", 0)
    return tmp_path / "hub"


@pytest.fixture
def hub(cache, monkeypatch):
    """A hub with a model of timm and one of transformers."""
    with serving_files(HubServer) as server:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        server.add(
            "timm/test_vit.r160_in1k",
            {
                "model.safetensors": weights_of(timm_model(num_classes=1000, img_size=160)),
                "README.md": b"A card.",
                "pytorch_model.bin": b"x" * 200_000,
            },
        )
        module = transformers_model("ViTForImageClassification", **LABELS)
        server.add(
            "someone/vit",
            {
                "config.json": json.dumps(module.config.to_dict() | {"model_type": "vit"}).encode(),
                "model.safetensors": weights_of(module),
                "preprocessor_config.json": b'{"image_processor_type": "ViTImageProcessor"}',
                "optimizer.bin": b"y" * 200_000,
            },
        )
        yield server


@pytest.mark.parametrize("name", [TIMM, HF])
def test_a_model_is_downloaded_once_and_then_loads_without_a_network(hub, cache, monkeypatch, name):
    assert needs_download(name)
    assert list_cached() == []
    seen = []
    download_model(name, lambda *at: seen.append(at))
    size = len(hub.repos[name.partition(":")[2] if name == HF else "timm/test_vit.r160_in1k"]["model.safetensors"])
    assert seen[-1] == (size, size)
    assert not needs_download(name)
    assert not needs_download(f"{name}?problem_type=multi_label?input=64-whole")
    got = {path.split("/")[-1] for method, path, _ in hub.requests if method == "GET" and "/resolve/" in path}
    assert got <= {"model.safetensors", "config.json", "preprocessor_config.json"}  # nothing that `load` does not read
    before = len(hub.requests)
    download_model(name)
    monkeypatch.setattr(constants, "ENDPOINT", "http://hub.invalid")
    model = vc.load(name, "cpu")
    assert len(hub.requests) == before
    assert model.config.depth == (6 if name == TIMM else 2)
    assert list_cached() == ([] if name == TIMM else [HF])  # test_vit is no published model


def test_an_interrupted_download_of_a_model_is_continued(hub, cache):
    weights, seen = hub.repos["someone/vit"]["model.safetensors"], []
    hub.repos["someone/vit"]["model.safetensors"] = weights = weights + b" " * 300_000
    hub.files[f"/store/{hashlib.sha256(weights).hexdigest()}"] = weights
    with pytest.raises(Stopped):
        download_model(HF, lambda *at: seen.append(at), lambda: seen[-1:] > [(100_000, 0)])
    assert needs_download(HF)
    hub.cut = [200_000 - seen[-1][0]]
    download_model(HF)
    first, second, third = hub.downloads(weights)
    assert (first, second) == (None, f"bytes={seen[-1][0]}-")
    assert third == "bytes=200000-"
    (found,) = cache.glob("*/snapshots/*/model.safetensors")
    assert found.read_bytes() == weights
    assert not list(cache.rglob("*.incomplete"))


def test_the_files_lie_in_the_cache_as_the_hub_lays_them(hub, cache):
    download_model(HF)
    folder = cache / "models--someone--vit"
    assert (folder / "refs" / "main").read_text() == COMMIT
    weights = hub.repos["someone/vit"]["model.safetensors"]
    assert (folder / "blobs" / hashlib.sha256(weights).hexdigest()).read_bytes() == weights
    snapshot = {path.name for path in (folder / "snapshots" / COMMIT).iterdir()}
    assert snapshot == {"config.json", "model.safetensors", "preprocessor_config.json"}
    assert not list((folder / "blobs").glob("*.lock"))


def test_a_repository_that_asks_for_consent_says_so(hub):
    hub.gated.add("someone/vit")
    with pytest.raises(InputError) as caught:
        download_model(HF)
    assert caught.value.code == "hub-gated"
    assert "hf auth login" in refused("hub-gated", HF)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("hf:someone/else", "hub-not-found"),
        ("hf:not a name", "checkpoint-not-found"),
        ("timm:nothing", "timm-unknown"),
    ],
)
def test_a_name_that_does_not_exist_is_an_error(hub, name, code):
    assert needs_download(name)
    with pytest.raises(InputError) as caught:
        download_model(name)
    assert caught.value.code == code


def test_without_a_network_a_download_says_so(cache, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    for name in (HF, TIMM):
        with pytest.raises(InputError) as caught:
            download_model(name)
        assert caught.value.code == "hub-unreachable"


def test_what_is_no_models_name_on_the_hub_needs_no_download(tmp_path, cache):
    for name in ("embedded:photo", "file:a.pth", "nonsense", "timm:", f"hf:{tmp_path}"):
        assert not needs_download(name)
        download_model(name)


def test_only_models_that_can_be_shown_are_listed(cache):
    def put(repo: str, **files: str) -> None:
        snapshot = cache / f"models--{repo.replace('/', '--')}" / "snapshots" / COMMIT
        snapshot.mkdir(parents=True)
        (snapshot.parents[1] / "refs").mkdir()
        (snapshot.parents[1] / "refs" / "main").write_text(COMMIT)
        for name, text in files.items():
            (snapshot / name.replace("_json", ".json").replace("_safetensors", ".safetensors")).write_text(text)

    put("timm/vit_small_patch16_224.dino", model_safetensors="")
    put("timm/vit_small_patch16_rope_224.naver_in1k", model_safetensors="")
    put("timm/resnet50.a1_in1k", model_safetensors="")
    put("facebook/dinov2-small", config_json='{"model_type": "dinov2"}', model_safetensors="")
    put("a/bert", config_json='{"model_type": "bert"}', model_safetensors="")
    put("b/broken", config_json="no JSON", model_safetensors="")
    put("c/no-weights", config_json='{"model_type": "vit"}')
    (cache / "datasets--x--y").mkdir()
    assert list_cached() == ["hf:facebook/dinov2-small", "timm:vit_small_patch16_224.dino"]


def test_timms_repositories_that_are_listed_can_be_shown():
    from vit_core.checkpoints import import_timm
    from vit_core.checkpoints.catalogue.on_disk import _TIMM_VIT
    from vit_core.checkpoints.timm_import import UNSUPPORTED, supported_names

    package = import_timm()
    shown = supported_names(package) - UNSUPPORTED.keys()
    pretrained = package.list_pretrained()
    matched = {name.partition(".")[0] for name in pretrained if _TIMM_VIT.match(name)}
    assert matched <= shown
    assert len(matched) > 100


@pytest.fixture
def curated(hub, monkeypatch):
    """Two curated models, as the hub has them."""
    sizes = {repo: len(files["model.safetensors"]) / 1e6 for repo, files in hub.repos.items()}
    models = (
        Curated(TIMM, "A", sizes["timm/test_vit.r160_in1k"], "apache-2.0", "a"),
        Curated(HF, "B", sizes["someone/vit"] * 1.04, "dinov3-license", "b", gated=True),
    )
    hub.cards |= {
        "timm/test_vit.r160_in1k": {"license": "apache-2.0"},
        "someone/vit": {"license": "other", "license_name": "dinov3-license"},
    }
    hub.gated.add("someone/vit")
    for module in (table, catalogue.check, catalogue.tables):
        monkeypatch.setattr(module, "CURATED", models)
    monkeypatch.setattr(check_curated, "__defaults__", (models,))
    return models


def test_the_table_that_agrees_with_the_hub_passes(curated, capsys):
    assert [one.differences for one in check_curated()] == [[], []]
    assert main(["models", "--check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["name", TIMM, HF]
    assert lines[2].endswith("none")


def test_each_difference_from_the_hub_is_found(curated, hub, capsys):
    wrong = dataclasses.replace(curated[0], megabytes=curated[0].megabytes * 1.06, licence="mit", gated=True)
    missing = Curated("hf:someone/else", "C", 1, "mit", "c")
    size, licence, gated = check_curated((wrong,))[0].differences
    assert size.endswith(f"not {wrong.megabytes:.1f} MB")
    assert (licence, gated) == ("licence apache-2.0, not mit", "not gated")
    assert check_curated((missing,))[0].differences == ["not found"]
    del hub.repos["someone/vit"]["model.safetensors"], hub.repos["someone/vit"]["config.json"]
    assert check_curated()[1].differences == ["no weights", "no config.json"]
    assert main(["models", "--check"]) == 1
    assert "no weights; no config.json" in capsys.readouterr().out


def test_the_check_without_a_network_says_so(cache, monkeypatch, capsys):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert main(["models", "--check"]) == 2
    assert "HF_HUB_OFFLINE" in capsys.readouterr().err


def test_models_lists_the_curated_ones(cache, capsys):
    model = CURATED[0]
    snapshot = cache / f"models--{model.repo.replace('/', '--')}" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text(COMMIT)
    Path(snapshot / "model.safetensors").touch()
    assert main(["models"]) == 0
    lines = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line}
    assert lines[model.name][1:4] == ["88", "Apache-2.0", "yes"]
    assert all(lines[other.name][-1] and "no" in lines[other.name] for other in CURATED[1:])
    assert os.listdir(snapshot) == ["model.safetensors"]
