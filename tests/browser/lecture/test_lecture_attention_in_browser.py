"""The scene "attention" in a browser: the page's own softmax is the model's, and picture, prose and terms agree."""

import math
import re

import numpy as np
import pytest

import vit_core as vc

NOW = """const n = stage.made.now;
return { weights: Array.from(n.softmax), sum: Array.from(n.sum), key: n.key, top: n.top };"""


@pytest.fixture(scope="module")
def trace():
    return vc.record(vc.load("embedded:tiny"), "assets/samples/chelsea.jpg")


def entropy(shown) -> float:
    return float(re.search(r"entropy ([\d.]+) bits", shown.prose())[1])


def test_the_pages_softmax_is_the_models(lecture, trace):
    shown = lecture("attention", address="source=sample&sample=chelsea.jpg&model=embedded:tiny")
    for layer, head, at in ((3, 0, 40), (0, 2, 0), (5, 3, 65)):
        shown.run("stage.set(argument)", {"layer": layer, "head": head, "at": at})
        shown.ready()
        now, expected = shown.run(NOW), trace.attention(layer)[head, at].numpy()
        assert np.allclose(now["weights"], expected, atol=1e-5)
        value = np.reshape(shown.array("value"), (4, 66, 32))[head]
        assert np.allclose(now["sum"], expected @ value, atol=1e-4)
        assert now["key"] == expected.argmax()
        bits = -(expected * np.log2(expected)).sum()
        assert entropy(shown) == pytest.approx(bits, abs=0.006)


def test_without_the_scale_softmax_saturates(lecture):
    shown = lecture("attention")
    numbers, before = shown.numbers(), (entropy(shown), shown.run(NOW)["top"])
    shown.page.get_by_role("button", name="Without the scale").click()
    shown.ready()
    now = shown.run(NOW)
    assert entropy(shown) < before[0]
    assert now["top"] > before[1]
    d = numbers["head_dim"]
    q, k = (np.reshape(shown.array(name), (numbers["heads"], -1, d))[shown.view()["head"]] for name in ("query", "key"))
    scores = k @ q[shown.view()["at"]]
    plain = np.exp(scores - scores.max())
    assert np.allclose(now["weights"], plain / plain.sum(), atol=1e-6)
    assert f"√{d} = 1.00" in shown.page.locator(".slide .equation").first.inner_text()
    shown.page.get_by_role("button", name="t = 1").click()
    assert entropy(shown) == before[0]


def test_what_is_drawn_is_what_came(lecture):
    shown = lecture("attention")
    cells = """const c = stage.made.picture.canvas;
        const p = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        return Array.from({ length: p.length / 4 }, (_, i) => p.slice(4 * i, 4 * i + 3).reduce((a, b) => a + b));"""
    weights = shown.run(NOW)["weights"][len(shown.run("return stage.data.prefix")) :]
    drawn = shown.run(cells)
    assert np.argmax(drawn) == np.argmax(weights)  # viridis grows lighter
    box = shown.page.locator(".slide .one .picture").bounding_box()
    place = {"x": box["width"] / 16, "y": box["height"] / 16}  # the first of 8 x 8 patches
    shown.page.locator(".slide .one .picture").click(position=place)
    shown.ready()
    assert shown.view()["at"] == shown.view()["key"] == 2
    assert "row 1, column 1" in shown.prose()
    assert shown.run(cells) != drawn
    shown.page.mouse.move(box["x"] + box["width"] * 15 / 16, box["y"] + box["height"] / 16)
    assert shown.view()["key"] == 9
    assert "the key of row 1, column 8" in shown.prose()


def test_all_heads_side_by_side(lecture):
    shown = lecture("attention")
    shown.page.get_by_role("button", name="All 4 heads").click()
    shapes = shown.page.locator(".slide .shapes").all_inner_texts()
    assert shapes == [
        "66 × 128  →  3 × 4 × 66 × 32",
        "4 × 66 × 32  →  4 × 66 × 66  →  4 × 66 × 32",
        "4 × 66 × 32  →  66 × 128",
        "66 × 128  →  66 × 128",
    ]
    shown.page.locator(".slide .map").nth(2).click()
    assert shown.view()["head"] == 2
    projected = np.reshape(shown.array("projected"), (66, 128))[shown.view()["at"]]
    legend = shown.page.locator(".slide .project .legend span").all_inner_texts()
    assert float(legend[1]) == pytest.approx(abs(projected).max(), rel=0.06)
    assert math.isclose(-float(legend[0].replace("−", "-")), float(legend[1]))
