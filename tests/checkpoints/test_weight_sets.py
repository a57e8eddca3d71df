"""Which weights are read from a file that holds several sets, wrappers' names and tensors of other modules."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper

import vit_core as vc
from tests.checkpoints.support import VIT, pictures, randomise, refused, timm, timm_model, transformers

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script_method")  # torch.compile imports it
WIDE = VIT | {"hidden_size": 128, "num_attention_heads": 2}


def vit(seed: int = 0) -> torch.nn.Module:
    module = timm_model("vit_tiny_patch16_224", depth=2)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * seed * torch.randn(parameter.shape, generator=draw))
    return module


def loaded(path, name: str = "") -> vc.VisionTransformer:
    return vc.load(f"file:{path}{name}", "cpu")


def same(model: vc.VisionTransformer, theirs: torch.nn.Module, side: int = 32) -> bool:
    images = pictures(side, side)
    with torch.inference_mode():
        out = theirs(images)
        return torch.allclose(model(images), getattr(out, "logits", out), rtol=1e-3, atol=1e-3)


PLAIN, AVERAGED = vit(0), vit(1)


def test_the_two_models_differ():
    with torch.inference_mode():
        assert (PLAIN(pictures(32, 32)) - AVERAGED(pictures(32, 32))).abs().max() > 0.1


PAIRS = {
    "timm's training script": ({"state_dict": PLAIN, "state_dict_ema": AVERAGED}, "state_dict_ema", "state_dict"),
    "DeiT's and MAE's": ({"model": PLAIN, "model_ema": AVERAGED}, "model_ema", "model"),
    "Lightning's": ({"state_dict": AVERAGED, "current_model_state": PLAIN}, "state_dict", "current_model_state"),
    "DINO's": ({"student": PLAIN, "teacher": AVERAGED}, "teacher", "student"),
}


@pytest.mark.parametrize("case", PAIRS)
def test_the_averaged_set_is_read_and_the_other_can_be_named(case, tmp_path):
    content, taken, other = PAIRS[case]
    path = tmp_path / "last.pth.tar"
    torch.save({n: m.state_dict() for n, m in content.items()} | {"epoch": 3, "optimizer": {"state": {}}}, path)
    model = loaded(path)
    assert same(model, AVERAGED)
    assert model.report.origins["weights"] == f"last.pth.tar: {taken}"
    assert model.report.others == [other]
    assert same(loaded(path, f"#{other}"), PLAIN)
    assert other in refused("checkpoint-set", f"file:{path}#nothing")


def test_timm_reads_the_same_set(tmp_path):
    for keys in (
        ["state_dict", "state_dict_ema"],
        ["model_ema", "model"],
        ["model_ema", "state_dict_ema"],
        ["model_ema"],
    ):
        content = {key: vit(seed).state_dict() for seed, key in enumerate(keys)}
        torch.save(content, tmp_path / "a.pth")
        theirs = vit()
        timm.models.load_checkpoint(theirs, tmp_path / "a.pth", weights_only=True)
        assert same(loaded(tmp_path / "a.pth"), theirs), keys


@pytest.mark.parametrize(
    ("plain", "averaged"),
    [("model.", "model_ema.module."), ("online_model.", "ema_model."), ("student.backbone.", "teacher.backbone.")],
)
def test_an_averaged_model_beside_a_plain_one_in_one_dict(plain, averaged, tmp_path):
    state = {plain + n: t for n, t in PLAIN.state_dict().items()}
    state |= {averaged + n: t for n, t in AVERAGED.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "a.ckpt")
    model = loaded(tmp_path / "a.ckpt")
    assert same(model, AVERAGED)
    assert not model.report.ignored
    assert same(loaded(tmp_path / "a.ckpt", f"#{plain.removesuffix('.')}"), PLAIN)


def test_two_models_of_equal_rank_are_not_guessed(tmp_path):
    both = {"left": PLAIN, "right": AVERAGED}
    state = {f"{side}.{n}": t for side, module in both.items() for n, t in module.state_dict().items()}
    torch.save(state, tmp_path / "a.pth")
    refused("checkpoint-several", f"file:{tmp_path / 'a.pth'}", available=["left", "right"])
    assert same(loaded(tmp_path / "a.pth", "#right"), AVERAGED)


def test_a_file_whose_name_holds_a_number_sign_is_a_file(tmp_path):
    torch.save(PLAIN.state_dict(), tmp_path / "run#3.pth")
    assert same(loaded(tmp_path / "run#3.pth"), PLAIN)


class Lightning(torch.nn.Module):
    """What people build: a model without a head, a linear head of their own, a loss and a metric."""

    def __init__(self, backbone: torch.nn.Module, head: torch.nn.Module, attribute: str, head_name: str):
        super().__init__()
        self.add_module(attribute, backbone)
        self.add_module(head_name, head)
        self.criterion = torch.nn.CrossEntropyLoss(weight=torch.ones(5))
        self.register_buffer("val_steps", torch.tensor(3))


@pytest.mark.parametrize("attribute", ["backbone", "encoder", "net", "feature_extractor"])
@pytest.mark.parametrize("head_name", ["head", "fc", "classifier", "linear"])
def test_a_head_beside_the_backbone_is_the_models_head(attribute, head_name, tmp_path):
    whole = timm_model("vit_tiny_patch16_224", depth=1)
    backbone = copy.deepcopy(whole)
    backbone.reset_classifier(0)
    module = Lightning(backbone, whole.head, attribute, head_name)
    torch.save({"state_dict": module.state_dict()}, tmp_path / "last.ckpt")
    model = loaded(tmp_path / "last.ckpt")
    assert same(model, whole)
    assert model.report.ignored == ["criterion.weight", "val_steps"]
    assert model.report.unwrapped == [f"{attribute}."]


def test_a_sequential_head_beside_the_backbone(tmp_path):
    whole = timm_model("vit_tiny_patch16_224", depth=1)
    backbone = copy.deepcopy(whole)
    backbone.reset_classifier(0)
    head = torch.nn.Sequential(torch.nn.Dropout(), whole.head)
    torch.save(Lightning(backbone, head, "vit", "classifier").state_dict(), tmp_path / "a.pth")
    assert same(loaded(tmp_path / "a.pth"), whole)
    deep = torch.nn.Sequential(torch.nn.Linear(192, 192), torch.nn.ReLU(), whole.head)
    torch.save(Lightning(backbone, deep, "vit", "classifier").state_dict(), tmp_path / "a.pth")
    assert "several layers" in refused("checkpoint-architecture", f"file:{tmp_path / 'a.pth'}")


def test_a_head_behind_dropout_is_read_and_one_of_two_layers_is_refused(tmp_path):
    whole = timm_model("vit_tiny_patch16_224", depth=1)
    linear = whole.head
    whole.head = torch.nn.Sequential(torch.nn.Dropout(), linear).eval()
    torch.save(whole.state_dict(), tmp_path / "a.pth")
    model = loaded(tmp_path / "a.pth")
    assert same(model, whole)
    assert model.report.unwrapped == ["head.1."]
    whole.head = torch.nn.Sequential(torch.nn.Linear(192, 192), torch.nn.ReLU(), linear)
    torch.save(whole.state_dict(), tmp_path / "a.pth")
    assert "several layers" in refused("checkpoint-architecture", f"file:{tmp_path / 'a.pth'}")


def _compiled_blocks(module: torch.nn.Module) -> dict:
    for i, block in enumerate(module.blocks):
        module.blocks[i] = torch.compile(block)
    return module.state_dict()


def _checkpointed_blocks(module: torch.nn.Module) -> dict:
    """Activation checkpoints take their part out of names again; FSDP does not."""
    state = checkpoint_wrapper(module).state_dict()
    return {
        f"_fsdp_wrapped_module.{n.replace('attn.', 'attn._checkpoint_wrapped_module.')}": t for n, t in state.items()
    }


WRAPPED = {
    "DataParallel": lambda m: torch.nn.DataParallel(m).state_dict(),
    "torch.compile": lambda m: torch.compile(m).state_dict(),
    "compiled blocks": _compiled_blocks,
    "both": lambda m: torch.nn.DataParallel(torch.compile(m)).state_dict(),
    "FSDP and activation checkpoints": _checkpointed_blocks,
    "AveragedModel": lambda m: torch.optim.swa_utils.AveragedModel(m).state_dict(),
    "an attribute, wrapped": lambda m: {f"model.net.module.{n}": t for n, t in m.state_dict().items()},
}


@pytest.mark.parametrize("case", WRAPPED)
@pytest.mark.parametrize("library", ["timm", "transformers"])
def test_names_of_wrappers_are_removed_wherever_they_stand(case, library, tmp_path):
    if library == "timm" or case == "compiled blocks":
        theirs, side = timm_model("vit_tiny_patch16_224", depth=2), 32
    else:
        theirs, side = randomise(transformers.ViTForImageClassification(transformers.ViTConfig(**WIDE))), 40
    torch.save({"state_dict": WRAPPED[case](copy.deepcopy(theirs))}, tmp_path / "a.pth")
    model = loaded(tmp_path / "a.pth")
    assert same(model, theirs, side)
    assert model.report.unwrapped
    assert "vit." not in model.report.unwrapped  # transformers' own prefix, no wrapper's


EXTRA = {
    "mask_token": torch.zeros(1, 1, 192),
    "decoder_embed.weight": torch.ones(9, 192),
    "decoder_blocks.0.norm1.weight": torch.ones(9),
    "projector.0.weight": torch.ones(9, 192),
    "criterion.pos_weight": torch.tensor(3.2),
    "loss_fn.weight": torch.ones(5),
    "val_acc.tp": torch.zeros(5, dtype=torch.long),
    "n_averaged": torch.tensor(7),
    "logit_scale": torch.tensor(2.0),
    "temperature": torch.tensor(2.0),
    "total_params": torch.zeros(1, dtype=torch.float64),
}


def test_tensors_of_other_modules_are_passed_over_and_named(tmp_path):
    for prefix in ("", "model."):
        state = {prefix + n: t for n, t in PLAIN.state_dict().items()}
        torch.save(state | EXTRA, tmp_path / "a.pth")
        model = loaded(tmp_path / "a.pth")
        assert same(model, PLAIN)
        assert sorted(model.report.ignored) == sorted(EXTRA)


@pytest.mark.parametrize(
    "name", ["rel_pos_bias.weight", "pos_embed_win", "norm_post.weight", "blocks.0.gate", "prompt_tokens", "head.scale"]
)
def test_what_may_be_part_of_the_model_is_never_passed_over(name, tmp_path):
    for prefix in ("", "backbone."):
        state = {prefix + n: t for n, t in (PLAIN.state_dict() | {name: torch.ones(3)}).items()}
        torch.save(state, tmp_path / "a.pth")
        with pytest.raises(vc.InputError) as caught:
            loaded(tmp_path / "a.pth")
        assert name in str(caught.value)


def test_numpy_numbers_beside_the_weights_are_read(tmp_path):
    numbers = {"acc": np.float64(71.5), "epoch": np.int64(3), "lr": np.float32(1e-3), "done": np.bool_(True)}
    for old in (False, True):
        torch.save({"model": PLAIN.state_dict()} | numbers, tmp_path / "a.pth", _use_new_zipfile_serialization=not old)
        assert same(loaded(tmp_path / "a.pth"), PLAIN)
    torch.save({"model": PLAIN.state_dict(), "x": np.array([{}], object)[0:1]}, tmp_path / "a.pth")
    refused("checkpoint-pickle", f"file:{tmp_path / 'a.pth'}")


@pytest.mark.parametrize(
    "wrap",
    [torch.nn.DataParallel, torch.compile, torch.optim.swa_utils.AveragedModel, timm.utils.ModelEmaV3],
)
def test_a_wrapped_module_of_timm_is_unwrapped(wrap):
    ours = vc.from_timm(torch.nn.DataParallel(wrap(PLAIN)))
    assert same(ours, PLAIN)
    assert ours.report.unwrapped[0] == "DataParallel"
