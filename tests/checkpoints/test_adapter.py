"""Folders that PEFT wrote: the adapter is merged into its base model, with PEFT's own numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import vit_core as vc
from tests.checkpoints.support import LABELS, pictures, refused, transformers_model

import peft  # isort: skip  (it imports transformers, which `support` makes importable)

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # of PEFT, about transformers
QUERIES = ["q_proj", "v_proj"]
CASES = {
    "queries and values": {"target_modules": QUERIES},
    "rank-stabilised, other ranks": {
        "target_modules": [*QUERIES, "fc1"],
        "use_rslora": True,
        "rank_pattern": {"fc1": 2},
        "alpha_pattern": {"layers.1.attention.q_proj": 32},
    },
    "every linear layer, with biases": {"target_modules": "all-linear", "bias": "all"},
    "DoRA": {"target_modules": [*QUERIES, "fc2"], "use_dora": True},
    "the patch embedding": {"target_modules": ["projection", "o_proj"]},
    "a head of its own": {"target_modules": QUERIES, "modules_to_save": ["classifier"]},
}


def adapted(base: torch.nn.Module, folder: Path, home: str, **options) -> torch.nn.Module:
    """`base` with an adapter of random weights, which is saved to `folder` as trained on the model in `home`."""
    theirs = peft.get_peft_model(base, peft.LoraConfig(r=4, lora_alpha=8, **options))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in theirs.parameters():
            if parameter.requires_grad:
                parameter.uniform_(0.05, 0.3, generator=generator)
    theirs.save_pretrained(folder)
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base_model_name_or_path": home}))
    return theirs.eval()


@pytest.mark.parametrize("original", [True, False], ids=["hub names", "module names"])
@pytest.mark.parametrize("case", CASES)
def test_the_merged_model_has_pefts_logits(case, original, tmp_path):
    base = transformers_model("ViTForImageClassification", **LABELS)
    base.save_pretrained(tmp_path / "base", save_original_format=original)
    theirs = adapted(base, tmp_path / "adapter", str(tmp_path / "base"), **CASES[case])
    model = vc.load(f"hf:{tmp_path / 'adapter'}", "cpu")
    images = pictures(40, 40)
    with torch.inference_mode():
        torch.testing.assert_close(model(images), theirs(images).logits, rtol=1e-5, atol=1e-5)
    has_own_head = case in ("a head of its own", "every linear layer, with biases")
    assert model.labels == (None if has_own_head else ["cat", "dog", "newt"])
    assert model.report.origins["weights"] == f"{tmp_path / 'base'} + adapter_model.safetensors"


def test_a_head_that_the_base_lacks_and_labels_beside_the_adapter(tmp_path):
    """The base was pretrained without classes; the adapter brings the head, and a file its classes."""
    base = transformers_model("ViTForImageClassification", **LABELS)
    base.vit.save_pretrained(tmp_path / "base")
    theirs = adapted(
        base, tmp_path / "adapter", str(tmp_path / "base"), target_modules=QUERIES, modules_to_save=["classifier"]
    )
    (tmp_path / "adapter" / "labels.txt").write_text("ant\nbee\ncow\n")
    model = vc.load(f"hf:{tmp_path / 'adapter'}", "cpu")
    with torch.inference_mode():
        torch.testing.assert_close(model(pictures(40, 40)), theirs(pictures(40, 40)).logits, rtol=1e-5, atol=1e-5)
    assert model.labels == ["ant", "bee", "cow"]


def test_adapters_that_cannot_be_merged_are_refused_with_the_next_step(tmp_path):
    base = transformers_model("ViTForImageClassification", **LABELS)
    base.save_pretrained(tmp_path / "base")
    folder = tmp_path / "adapter"
    adapted(base, folder, str(tmp_path / "base"), target_modules=QUERIES)
    config = json.loads((folder / "adapter_config.json").read_text())
    for change, says in (
        ({"base_model_name_or_path": None}, "does not name"),
        ({"base_model_name_or_path": "nobody/nothing"}, "not at hand"),
        ({"base_model_name_or_path": str(tmp_path / "gone")}, "not at hand"),
        ({"peft_type": "IA3"}, "IA3"),
        ({"lora_alpha": "eight"}, "q_proj"),
    ):
        (folder / "adapter_config.json").write_text(json.dumps(config | change))
        sentence = refused("checkpoint-adapter", f"hf:{folder}")
        assert says in sentence
        assert "merge_and_unload" in sentence
    (folder / "adapter_config.json").write_text(json.dumps(config))
    other = transformers_model("Dinov2ForImageClassification", hidden_size=33)
    other.save_pretrained(tmp_path / "base")
    assert "q_proj" in refused("checkpoint-adapter", f"hf:{folder}")
