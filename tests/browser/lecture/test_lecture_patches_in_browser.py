"""The scene of patch embedding in a real browser."""

import pytest


def sliders(stage, name):
    return stage.page.locator(".figure.patches").get_by_role("slider", name=name)


def arithmetic(stage) -> str:
    return " ".join(stage.page.locator(".figure.patches .arithmetic").inner_text().split())


def test_the_example_by_its_numbers(lecture):
    stage = lecture("patches")
    own = arithmetic(stage)
    assert stage.view()["size"] == "own"
    stage.term(0)  # ViT/16
    line = arithmetic(stage)
    for part in ("224 × 224 × 3", "14 × 14", "16 · 16 · 3 = 768", "196 × 768", "196 × 128"):
        assert part in line
    assert "196 patches of 16 × 16 pixels" in stage.prose().replace("\n", " ")
    stage.term(1)  # this model's own sizes
    assert stage.view()["image"] == 32
    for part in ("32 × 32 × 3", "8 × 8", "4 · 4 · 3 = 48", "64 × 48", "64 × 128"):
        assert part in arithmetic(stage)
    assert "the model's own kernels" in stage.page.locator(".figure.patches .map").inner_text()
    assert arithmetic(stage) == own != line


def test_sliders_drive_the_prose_and_give_way_to_one_another(lecture):
    stage = lecture("patches")
    stage.term(0)
    sliders(stage, "Picture size").press("ArrowLeft")
    stage.ready()
    assert (stage.view()["image"], stage.view()["patch"], stage.view()["size"]) == (192, 16, "free")
    assert "144 patches" in stage.prose().replace("\n", " ")
    sliders(stage, "Patch size").press("Home")  # two pixels: only small pictures have few enough of them
    stage.ready()
    numbers = stage.numbers()
    assert (numbers["image"], numbers["patch"], numbers["count"]) == (128, 2, 4096)
    assert sliders(stage, "Picture size").get_attribute("aria-valuetext") == "128 px"
    for _ in range(2):
        sliders(stage, "Patch size").press("ArrowRight")  # seven pixels, which do not divide 128
    stage.ready()
    assert stage.numbers()["over"] == [2, 2]
    assert "2 × 2 px" in stage.page.locator(".figure.patches .map").inner_text()


def test_moves_faster_than_the_answers_are_not_lost(lecture):
    stage = lecture("patches")
    stage.term(0)
    slider = sliders(stage, "Picture size")
    for _ in range(5):
        sent = stage.run("return stage.sent")
        slider.press("ArrowLeft")
        stage.until("stage.sent > argument", sent)  # the move is requested, perhaps not answered
    stage.ready()
    assert stage.view()["image"] == stage.numbers()["image"] == 64


def test_a_picked_patch_is_shown_as_it_came(lecture):
    stage = lecture("patches")
    stage.term(0)
    picture = stage.page.locator(".figure.patches .map .picture")
    box = picture.bounding_box()
    picture.click(position={"x": box["width"] * 2.5 / 14, "y": box["height"] * 4.5 / 14})
    assert "row 5, column 3" in stage.page.locator(".figure.patches .one h3").inner_text()
    n, seen, at = stage.numbers(), stage.array("seen"), 4 * 14 + 2
    values = stage.run("return Array.from(stage.made.values)")
    expected = [
        (seen[((64 + y) * 224 + 32 + x) * 3 + c] / 255 - n["mean"][c]) / n["std"][c]
        for c in range(3)
        for y in range(16)
        for x in range(16)
    ]
    assert values == pytest.approx(expected, abs=1e-6)
    token = stage.array("tokens")[at * 128 : at * 128 + 128]
    assert stage.run("return Array.from(stage.made.shown)") == token
    printed = stage.page.locator(".figure.patches .table .numbers").all_inner_texts()
    products = stage.array("products")[at * 4 : at * 4 + 4]
    for text, value in zip(printed, token[:4] + products, strict=True):
        assert float(text.replace("−", "-")) == pytest.approx(value, abs=5.1e-7)
    assert n["difference"] < 1e-5
    assert "10⁻⁵" in stage.page.locator(".figure.patches .difference").inner_text()


def test_a_patch_whose_token_was_not_sent_is_asked_for(lecture):
    stage = lecture("patches")
    stage.run("stage.set({ size: 'free', image: 512, patch: 8, from: 0.5 })")
    stage.ready()
    assert stage.numbers()["some"] < 4096
    picture = stage.page.locator(".figure.patches .map .picture")
    picture.click(position={"x": 3, "y": 3})
    stage.ready()
    assert stage.numbers()["first"] == 0
    assert stage.run("return Array.from(stage.made.shown)") == stage.array("tokens")[:128]
