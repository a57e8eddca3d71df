"""The summary in a browser: every box opens its scene and says what the model counts."""

import pytest

from app.lecture import SCENES

BOX = ".figure.summary .box"


def test_the_boxes_counts_sum_to_the_model(lecture):
    stage = lecture("summary")
    boxes = stage.page.locator(".figure.summary .parameters")
    counts = boxes.evaluate_all("all => all.map(e => Number(e.dataset.count))")
    total = stage.numbers()["total"]
    assert sum(counts) == total
    assert f"{total:,}" in stage.prose()


def test_a_box_opens_its_scene(lecture):
    stage = lecture("summary")
    for scene in SCENES[:-1]:
        stage.page.locator(f"{BOX}[data-scene={scene}]").first.click()
        stage.ready(scene)
        assert stage.scene() == scene
        stage.open("summary")


def test_a_term_marks_its_step_and_says_its_share(lecture):
    stage = lecture("summary")
    parts, total = stage.numbers()["parts"], stage.numbers()["total"]
    steps = [("projection",), ("tokens", "positions"), ("norm1", "attention", "norm2", "mlp"), ("norm", "pool", "head")]
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
