"""The summary in a browser: every box opens its scene and says what the model counts."""

import pytest

from app.lecture import SCENES
from vit_core import VisionTransformer, ViTConfig
from vit_core.checkpoints import embedded
from vit_core.images import Preprocess

BOX = ".figure.summary .box"


def test_the_boxes_counts_sum_to_the_model(lecture):
    stage = lecture("summary")
    boxes = stage.page.locator(".figure.summary .parameters")
    counts = boxes.evaluate_all("all => all.map(e => Number(e.dataset.count))")
    total = stage.numbers()["total"]
    assert sum(counts) == total
    assert f"{total:,}" in stage.prose()


FAMILIES = {
    "scaled": dict(layer_scale=True, registers=2, patch_norm=True, embed_norm=True),
    "pooled": dict(pool="avg", pool_norm=True, final_norm=False, class_token=False, block="parallel", layer_scale=True),
    "mapped": dict(pool="map", class_token=False, position="rope", block="res_post", classes=0),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_boxes_of_every_family_sum_to_the_model(lecture, tmp_path, family, shoot):
    fields = FAMILIES[family]
    config = ViTConfig(**dict(image_size=48, patch_size=8, dim=64, depth=2, heads=4, head_dim=16, classes=3) | fields)
    transform = Preprocess((48, 48), (0.5,) * 3, (0.5,) * 3)
    embedded.save(VisionTransformer(config, ["a", "b", "c"][: config.classes], transform), tmp_path / "own.safetensors")
    stage = lecture("summary", address=f"model=file:{tmp_path}/own.safetensors")
    boxes = stage.page.locator(".figure.summary .parameters")
    counts = boxes.evaluate_all("all => all.map(e => Number(e.dataset.count))")
    assert sum(counts) == stage.numbers()["total"]
    scales = stage.page.locator(".figure.summary .box", has_text="LayerScale")
    assert scales.count() == (2 if config.layer_scale else 0)
    assert stage.misfits() == []
    shoot(stage.page, f"summary_{family}")


def test_a_box_opens_its_scene(lecture):
    stage = lecture("summary")
    for scene in SCENES[: SCENES.index("summary")]:
        stage.page.locator(f"{BOX}[data-scene={scene}]").first.click()
        stage.ready(scene)
        assert stage.scene() == scene
        stage.open("summary")


def test_a_term_marks_its_step_and_says_its_share(lecture):
    stage = lecture("summary")
    parts, total = stage.numbers()["parts"], stage.numbers()["total"]
    steps = [
        ("projection", "patch_norm"),
        ("tokens", "positions", "embed_norm"),
        ("norm1", "attention", "scale1", "norm2", "mlp", "scale2"),
        ("norm", "pool", "pool_norm", "head"),
    ]
    for i, names in enumerate(steps):
        stage.term(i)
        assert stage.view()["step"] == i + 1
        assert "chosen" in stage.page.locator(f".figure.summary .step{i + 1}").get_attribute("class")
        assert stage.page.locator(".figure.summary .chosen").count() == 1
        share = 100 * sum(parts[name] for name in names) / total
        said = stage.page.locator(".slide .prose .live").last.inner_text()
        assert float(said.removesuffix(" of all parameters").split()[-2]) == pytest.approx(share, rel=0.06)


def test_the_pictures_are_the_models(lecture):
    stage = lecture("summary")
    for place, name in ((".step2 canvas", "similarity"), (".half canvas", "attention")):
        found = stage.page.locator(f".figure.summary {place}").first.evaluate(
            """canvas => { const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            return Array.from({ length: data.length / 4 }, (_, i) =>
                data[4 * i] + data[4 * i + 1] + data[4 * i + 2]); }"""
        )
        values = stage.array(name)
        assert len(found) == len(values)
        assert found.index(max(found)) == values.index(max(values))  # viridis grows brighter throughout
    best = stage.page.locator(".figure.summary .answer .best").inner_text()
    answer = stage.numbers()["answers"][0]
    assert answer["label"] in best
    assert answer["label"] in stage.prose()
