"""The head scene in a browser: terms and clicks against the arrays that came."""

import re

import pytest

ROW = ".figure.head"


def number(text: str) -> float:
    return float(re.sub(r"[^\d.−-]", "", text).replace("−", "-"))


def shown(stage, place: str) -> list[str]:
    return stage.page.locator(f"{ROW} {place}").all_inner_texts()


def contributions(stage, of: int, other: int | None = None) -> list[float]:
    z, weight = stage.array("vector"), stage.array("weight")
    row = weight[of * len(z) : (of + 1) * len(z)]
    if other is not None:
        row = [a - b for a, b in zip(row, weight[other * len(z) : (other + 1) * len(z)], strict=True)]
    return [a * b for a, b in zip(row, z, strict=True)]


def adds_up(stage, terms: list[float], total: float) -> None:
    """The line of the sum and the largest terms are those of `terms`; what is shown adds up to the last digit."""
    assert [number(v) for v in shown(stage, ".for .value")] == pytest.approx(sorted(terms)[:-6:-1], abs=0.0051)
    assert [number(v) for v in shown(stage, ".against .value")] == pytest.approx(sorted(terms)[:5], abs=0.0051)
    up, down, bias, logit = map(number, shown(stage, ".sum b"))
    assert logit == pytest.approx(total, abs=0.0051)
    assert up == pytest.approx(sum(t for t in terms if t > 0), abs=0.016)
    assert down == pytest.approx(sum(t for t in terms if t < 0), abs=0.0051)
    assert up + down + bias == pytest.approx(logit, abs=1e-6)


def test_the_winners_logit_and_another_class_by_a_click(lecture):
    stage = lecture("head")
    logits = stage.array("logits")
    terms = contributions(stage, 0)
    assert sum(terms) + stage.array("bias")[0] == pytest.approx(logits[0], abs=1e-4)
    adds_up(stage, terms, logits[0])
    assert f"{logits[0]:.2f}" in stage.prose()
    stage.page.locator(f"{ROW} .predictions .bar-row").nth(2).click()
    stage.ready()
    assert stage.view()["of"] == 2
    adds_up(stage, contributions(stage, 2), logits[2])
    assert stage.numbers()["shown"][2]["label"] in shown(stage, ".parts h3")[0]


def test_winner_minus_runner_up_from_the_prose_and_from_the_figure(lecture):
    stage = lecture("head")
    logits, bias = stage.array("logits"), stage.array("bias")
    stage.term(1)
    assert stage.view()["compare"] is True
    terms = contributions(stage, 0, 1)
    assert sum(terms) + bias[0] - bias[1] == pytest.approx(logits[0] - logits[1], abs=1e-4)
    adds_up(stage, terms, logits[0] - logits[1])
    stage.page.locator(f"{ROW} .predictions h3 button").click()
    assert stage.view()["compare"] is False
    adds_up(stage, contributions(stage, 0), logits[0])


def test_the_lens_from_prose_slider_and_names(lecture):
    stage = lecture("head")
    numbers, lens = stage.numbers(), stage.array("lens")
    K, layers = len(numbers["shown"]), numbers["layers"]

    def says(layer: int) -> None:
        lead = numbers["leaders"][layer]
        p = lens[layer * K + lead]
        assert p == max(lens[layer * K : (layer + 1) * K])
        places = stage.page.locator(".slide .prose .live").all_inner_texts()
        assert numbers["shown"][lead]["label"] in places
        assert any(place.endswith("%") and number(place) == pytest.approx(100 * p, rel=0.06) for place in places)
        pressed = stage.page.locator(f"{ROW} .run[aria-pressed=true]").get_attribute("title")
        assert pressed == numbers["shown"][lead]["label"]

    says(layers)
    stage.term(2)
    assert stage.view()["layer"] == 0
    says(0)
    slider = stage.page.locator(f"{ROW} input[type=range]")
    for layer in range(1, layers + 1):
        slider.focus()
        stage.page.keyboard.press("ArrowRight")
        assert stage.view()["layer"] == layer
        says(layer)
    assert stage.scene() == "head"
    stage.page.locator(f"{ROW} .run").first.click()
    says(0)
    stage.term(3)
    assert stage.view()["layer"] == layers
    drawn = stage.page.locator(f"{ROW} .lens .chart path.a").get_attribute("d")
    heights = [float(point.split()[1]) for point in re.findall(r"[ML]([\d.]+ [\d.]+)", drawn)]
    winner = [lens[layer * K] for layer in range(layers + 1)]
    span = (heights[0] - heights[-1]) / (winner[-1] - winner[0])
    assert [(heights[0] - h) / span + winner[0] for h in heights] == pytest.approx(winner, abs=0.001)


def test_a_channel_by_the_strip(lecture):
    stage = lecture("head")
    strip = stage.page.locator(f"{ROW} .line .cells").nth(2)
    box = strip.bounding_box()
    strip.click(position={"x": box["width"] * 0.75, "y": box["height"] / 2})
    channel = stage.view()["channel"]
    assert channel == pytest.approx(0.75 * len(stage.array("vector")), abs=1)
    line = shown(stage, ".channel")[0]
    assert number(line.split("=")[1]) == pytest.approx(contributions(stage, 0)[channel], abs=0.00051)
    assert stage.page.locator(f"{ROW} .line .mark").count() == 3
