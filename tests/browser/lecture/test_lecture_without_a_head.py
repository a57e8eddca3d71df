"""The lecture with a model without a head: the class token's change takes the place of the answer."""

import pytest
import torch

from tests.conftest import shake
from vit_core import VisionTransformer, ViTConfig
from vit_core.checkpoints import embedded
from vit_core.images import Preprocess


@pytest.mark.parametrize(
    ("lang", "token", "kind"),
    [("en", "class token", {}), ("ko", "클래스 토큰", {"position": "rope", "patch_bias": False})],
)
def test_the_class_tokens_change_is_measured_in_place_of_an_answer(lecture, tmp_path, shoot, lang, token, kind):
    torch.manual_seed(0)
    size = dict(image_size=64, patch_size=8, dim=96, depth=4, heads=4, head_dim=24, mlp_dim=192)
    config = ViTConfig(**size, classes=0, **kind)
    model = shake(VisionTransformer(config, None, Preprocess((64, 64), (0.5,) * 3, (0.5,) * 3)))
    embedded.save(model, tmp_path / "own.safetensors")
    stage = lecture("bias", lang, address=f"model=file:{tmp_path}/own.safetensors")
    for scene in ("bias", "positions", "encoder", "head", "summary"):
        stage.open(scene)
        prose = stage.prose()
        assert "–" not in prose, scene
        assert "—" not in prose, scene
        assert (token in prose) == (scene in ("bias", "positions", "encoder")), scene
        assert stage.misfits() == [], scene
        shoot(stage.page, f"headless_{scene}_{lang}")
    stage.open("patches")
    assert stage.page.locator(".prose .formula").inner_text().count("+") == config.patch_bias
    stage.open("bias")
    stage.set({"show": "measure"})
    change = stage.numbers()["measure"]["models"][0]["changes"][1]
    said = stage.page.locator(".figure.bias .models .cell").nth(1).inner_text()
    assert f"{change['cosine']:.2f}" in said.replace("−", "-")
    assert stage.misfits() == []
    stage.open("positions")
    stage.set({"tab": "compare"})
    bars = stage.page.locator(".figure.positions .answers .value").all_inner_texts()
    assert [one.replace("−", "-") for one in bars[:3]] == [f"{one['cosine']:.2f}" for one in stage.numbers()["changes"]]
    assert stage.misfits() == []
    stage.open("encoder")
    ends = stage.numbers()["ends"]
    cell = stage.page.locator(".figure.encoder [data-run=own_off]").inner_text()
    assert f"{ends['own_off']['change']['cosine']:.2f}" in cell.replace("−", "-")
    stage.open("head")
    stage.page.locator(".figure.head .alike input[type=range]").press("Home")
    assert stage.view()["layer"] == 0
    values = stage.array("alike")[:64]
    ends = stage.page.locator(".figure.head .alike .legend").inner_text().replace("−", "-").split()
    stage.page.locator(".figure.head .near button").click()
    stage.until("stage.data.numbers.near")
    near = stage.numbers()["near"]
    shown = stage.page.locator(".figure.head .near .one").all_inner_texts()
    assert [one.replace("−", "-").split("\n")[:2] for one in shown] == [
        [f"{one['cosine']:.2f}", one["title"]] for one in near
    ]
    assert stage.page.locator(".figure.head .near button").is_hidden()
    assert stage.misfits() == []
    shoot(stage.page, f"headless_near_{lang}")
    assert [float(one) for one in ends[:2]] == pytest.approx([min(values), max(values)], abs=0.0051)
