"""The scene of inductive bias in a real browser."""

import re

import pytest
import torch
from playwright.sync_api import expect

from vit_core import VisionTransformer, ViTConfig
from vit_core.checkpoints import embedded
from vit_core.images import Preprocess

CELLS = """const cells = argument === 'matrix' ? stage.made.matrix : stage.made.picture;
const { width, height } = cells.canvas;
return Array.from(new Uint32Array(cells.canvas.getContext('2d').getImageData(0, 0, width, height).data.buffer));"""


def painted(stage, what):
    """The pixels of the matrix, or of what lies over the picture, one number a cell."""
    return stage.run(CELLS, what)


def test_the_matrix_is_the_connectivity_that_came(lecture):
    stage = lecture("bias")
    for kind in ("convolution", "recurrent"):
        stage.page.get_by_role("radio", name={"convolution": "Convolution", "recurrent": "Recurrent"}[kind]).click()
        came, drawn = stage.array(kind), painted(stage, "matrix")
        assert len(came) == len(drawn) == 64 * 64
        assert len(set(zip(came, drawn, strict=True))) == len(set(came)) == len(set(drawn))  # number <-> colour
        assert {pixel for number, pixel in zip(came, drawn, strict=True) if number == 0} == {0}  # nothing drawn
    stage.page.get_by_role("radio", name="Fully connected").click()
    assert len(set(painted(stage, "matrix"))) > 1500  # no weight is shared


def test_terms_and_clicks_choose_what_reaches(lecture):
    stage = lecture("bias")
    assert "9 of 64 patches" in stage.prose()
    stage.term(1)
    assert stage.view()["kind"] == "attention"
    assert "64 of 64 patches" in stage.prose()
    stage.term(0)
    picture = stage.page.locator(".figure.bias .beside .picture")
    box = picture.bounding_box()
    picture.click(position={"x": box["width"] / 16, "y": box["height"] / 16})  # the corner's patch
    assert stage.view()["at"] == 0
    assert "4 of 64 patches reach row 1, column 1" in stage.prose().replace("\n", " ")
    dark = [i for i, pixel in enumerate(painted(stage, "picture")) if pixel >> 24 == 0xB8]
    assert sorted(set(range(64)) - set(dark)) == [0, 1, 8, 9]
    matrix = stage.page.locator(".figure.bias .beside .panel:nth-child(2) .cells")
    matrix.click(position={"x": 9, "y": matrix.bounding_box()["height"] - 2})  # the last output's row
    assert stage.view()["at"] == 63
    assert "row 8, column 8" in stage.prose()


def test_the_measurement_follows_seed_and_shift(lecture):
    stage = lecture("bias")
    stage.term(2)
    first = stage.numbers()["measure"]
    cells = stage.page.locator(".figure.bias .models .cell")
    assert cells.count() == 9
    labels = [answer["label"] for model in first["models"] for answer in model["answers"]]
    assert [text.split("\n")[0].strip() for text in cells.all_inner_texts()] == labels
    before = stage.array("shuffled"), stage.array("shifted"), stage.prose()
    stage.page.get_by_role("button", name="Shuffle again").click()
    stage.ready()
    assert stage.view()["seed"] == stage.numbers()["seed"] == 1
    assert stage.array("shuffled") != before[0]
    assert stage.prose() != before[2]  # the logits' change with positions
    stage.page.get_by_role("slider", name="Shift").focus()
    stage.page.keyboard.press("ArrowRight")
    stage.ready()
    assert stage.scene() == "bias"
    assert stage.numbers()["shift"] == 3
    assert stage.array("shifted") != before[1]
    drawn = stage.run("""const { canvas: c } = stage.made.pictures[2].cells;
        const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
        return Array.from(data).filter((_, i) => i % 4 < 3);""")
    assert drawn == stage.array("shifted")
    bare = next(model for model in stage.numbers()["measure"]["models"] if model["name"] == "bare")
    assert bare["answers"][1]["drift"] < 1e-4


@pytest.mark.parametrize(
    ("lang", "sentence"),
    [
        ("en", r"moves the logits by up to (\S+) with position embedding, by (\S+) without\."),
        ("ko", r"위치 임베딩이 있으면 최대 (\S+), 없으면 (\S+)입니다\."),
    ],
)
def test_the_sentence_names_the_move_with_positions_first(lecture, lang, sentence):
    stage = lecture("bias", lang)
    found = re.search(sentence, " ".join(stage.prose().split())).groups()
    models = {one["name"]: one["answers"] for one in stage.numbers()["measure"]["models"]}
    assert found[0] == f"{models['vit'][1]['drift']:.2f}"
    assert found[1] == "0" or "·10⁻" in found[1]  # a power of ten: rounding only
    assert models["bare"][1]["drift"] < 1e-4


def test_a_larger_model_is_measured_at_rest_or_the_prose_says_that_a_click_does(lecture, tmp_path, shoot):
    torch.manual_seed(0)
    config = ViTConfig(depth=12, dim=192, heads=3, classes=3)
    model = VisionTransformer(config, ["a cat", "a dog", "a bird"], Preprocess((224, 224), (0.5,) * 3, (0.5,) * 3))
    embedded.save(model, tmp_path / "own.safetensors")
    for lang, click in (("en", "click to compute"), ("ko", "누르면 계산")):
        stage = lecture("bias", lang, address=f"model=file:{tmp_path}/own.safetensors")
        assert stage.run("return stage.data.numbers.patches") == 196
        expect(stage.page.locator(".slide .prose")).not_to_contain_text("…", timeout=60_000)
        stage.rest()
        assert stage.view()["show"] == "structure"
        assert stage.numbers()["measure"]
        assert stage.misfits() == []
        shoot(stage.page, f"bias_own_{lang}")
        stage.run("Object.assign(stage.data.numbers, { measure: null, soon: false }); stage.draw()")
        assert click in stage.prose()
        assert "…" not in stage.prose()
        assert stage.misfits() == []
        shoot(stage.page, f"bias_own_click_{lang}")
