"""Each curated model's architecture is built and read through `load`, with random weights in the hub's own layout.

The models have their published config but two layers only, to be quick. Their full size is that of the whole module,
built without memory.
"""

from __future__ import annotations

import functools
import json

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

import vit_core as vc
from tests.checkpoints.support import randomise
from tests.hub_server import COMMIT
from vit_core.checkpoints import import_timm
from vit_core.checkpoints.catalogue import CURATED, LICENCES, needs_download
from vit_core.checkpoints.timm_import import pretrained_files

timm = import_timm()
import transformers  # noqa: E402  (it imports torchvision, which `import_timm` makes possible)

OF_TIMM = [model for model in CURATED if model.name.startswith("timm:")]
OF_HF = [model for model in CURATED if model.name.startswith("hf:")]
#: What config.json of hf: models states, beyond the defaults of transformers.
CONFIGS = {"hf:openai/clip-vit-base-patch16": transformers.CLIPConfig(vision_config={"patch_size": 16})}
DEPTH = 2


@pytest.fixture
def snapshot(tmp_path, monkeypatch):
    """snapshot(repo) -> the folder of that repository's files in the hub's cache."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))

    def make(repo: str):
        folder = tmp_path / f"models--{repo.replace('/', '--')}"
        (folder / "refs").mkdir(parents=True)
        (folder / "refs" / "main").write_text(COMMIT)
        (folder / "snapshots" / COMMIT).mkdir(parents=True)
        return folder / "snapshots" / COMMIT

    return make


def megabytes(module: torch.nn.Module) -> float:
    return sum(tensor.numel() * 4 for tensor in module.state_dict().values()) / 1e6


def test_the_table_names_each_model_once_with_a_known_licence():
    assert len({model.name for model in CURATED}) == len({model.title for model in CURATED}) == len(CURATED)
    assert {model.licence for model in CURATED} <= LICENCES.keys()


@pytest.mark.parametrize("model", OF_TIMM, ids=lambda model: model.title)
def test_a_model_of_timm_is_the_registrys_and_loads(model, snapshot, monkeypatch):
    name = model.name.removeprefix("timm:")
    facts = timm.get_pretrained_cfg(name)
    assert facts.license == model.licence
    assert pretrained_files(name)[0] == model.repo
    with torch.device("meta"):
        assert megabytes(timm.create_model(name)) == pytest.approx(model.megabytes, rel=0.01)
    monkeypatch.setattr(timm, "create_model", functools.partial(timm.create_model, depth=DEPTH))
    module = randomise(timm.create_model(name))
    save_file(module.state_dict(), snapshot(model.repo) / "model.safetensors")
    assert not needs_download(model.name)
    loaded = vc.load(model.name, "cpu")
    assert loaded.config.depth == DEPTH
    picture = torch.randn(1, 3, *loaded.config.image_size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        tokens, expected = loaded.encode(loaded.embed(picture)), module.forward_features(picture)
    torch.testing.assert_close(tokens, expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("model", OF_HF, ids=lambda model: model.title)
def test_a_model_of_transformers_loads(model, snapshot):
    config = CONFIGS[model.name]
    with torch.device("meta"):
        assert megabytes(transformers.AutoModel.from_config(config)) == pytest.approx(model.megabytes, rel=0.01)
    config.vision_config.num_hidden_layers = config.text_config.num_hidden_layers = DEPTH
    module = randomise(transformers.AutoModel.from_config(config))
    folder = snapshot(model.repo)
    save_file({name: tensor.contiguous() for name, tensor in module.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    assert not needs_download(model.name)
    loaded = vc.load(model.name, "cpu")
    assert (loaded.config.depth, loaded.config.patch_size) == (DEPTH, (16, 16))
    picture = torch.randn(1, 3, *loaded.config.image_size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = module.vision_model.post_layernorm(module.vision_model(picture).last_hidden_state)
        tokens = loaded.encode(loaded.embed(picture))
    torch.testing.assert_close(tokens, expected, rtol=2e-3, atol=2e-3)
