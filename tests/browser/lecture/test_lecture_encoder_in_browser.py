"""The encoder's scene in Chromium."""

import numpy as np
import pytest


def test_on_a_phone_each_part_is_hit_by_a_finger(lecture):
    shown = lecture("encoder", "en", 390, 844)
    hit = """return [...stage.slide.querySelectorAll('.part')].map((part) => {
        part.scrollIntoView({ block: 'center' });
        const { top, left, height, width } = part.getBoundingClientRect();
        const under = (y) => part.getRootNode().elementFromPoint(left + width / 2, top + height / 2 + y);
        return width >= 24 && [-11.9, 11.9].every((y) => under(y)?.closest('.part') === part);
    })"""  # WCAG 2.5.8: 24 px
    assert shown.run(hit) == [True] * 14


def test_in_a_small_window_the_diagrams_words_are_no_larger_than_the_prose(lecture):
    shown = lecture("encoder", "ko", 1024, 576)
    drawn, prose = shown.run("""
        const block = stage.slide.querySelector('.block'), size = (e) => parseFloat(getComputedStyle(e).fontSize);
        const scale = block.getBoundingClientRect().width / block.viewBox.baseVal.width;
        return [scale * size(block), size(stage.slide.querySelector('.prose p'))];""")
    assert drawn <= prose


def edges(shown, side: str) -> list[str]:
    return shown.page.locator(f".slide .kind.{side} .number").all_text_contents()


def test_the_residual_changes_diagram_norms_and_prediction_at_once(lecture):
    shown = lecture("encoder")
    ends = shown.numbers()["ends"]
    before = edges(shown, "own"), edges(shown, "standard")
    assert shown.page.locator(".slide .residual").count() == 4
    assert shown.page.locator(".slide .residual.cut").count() == 0
    shown.page.locator(".slide .toggle input").uncheck()
    assert not shown.run("return stage.pending")  # no request to Python
    assert shown.page.locator(".slide .residual.cut").count() == 4
    after = edges(shown, "own"), edges(shown, "standard")
    assert before[0] != after[0]
    assert before[1] != after[1]
    chosen = shown.page.locator(".slide .ends .chosen").evaluate_all("cells => cells.map(cell => cell.dataset.run)")
    assert chosen == ["own_off", "standard_off"]
    assert ends["own_off"]["answers"][0]["label"] in shown.page.locator(".slide .ends .chosen").first.inner_text()
    shown.term(3)  # reconnect
    assert (edges(shown, "own"), edges(shown, "standard")) == before


def test_each_edge_carries_the_tokens_norm(lecture):
    shown = lecture("encoder")
    shown.run("stage.set({ at: 3, layer: 1 })")
    shown.ready()
    numbers = shown.numbers()
    assert (numbers["at"], numbers["layer"]) == (3, 1)
    for side in ("own", "standard"):
        vectors = np.array(shown.array(f"vectors_{side}_on")).reshape(-1, numbers["dim"])
        said = shown.page.locator(f".slide .kind.{side} .part").evaluate_all(
            "parts => parts.map(part => [part.dataset.part, part.getAttribute('aria-label')])"
        )
        assert len(said) == 7
        for part, label in said:
            norm = np.linalg.norm(vectors[numbers["parts"][side].index(part)])
            assert float(label.rsplit(" ", 1)[1]) == pytest.approx(norm, rel=0.06)


def test_a_click_on_a_part_shows_its_vector(lecture):
    shown = lecture("encoder")
    shown.page.locator(".slide .kind.own .part[data-part=mlp]").click()
    assert shown.view()["place"] == "mlp"
    assert shown.page.locator(".slide .part[aria-pressed=true]").count() == 2
    numbers = shown.numbers()
    canvas = """const { canvas } = stage.made.strips[argument].cells;
        return Array.from(canvas.getContext('2d').getImageData(0, 0, canvas.width, 1).data)"""
    table = np.array(shown.array("diverging")).reshape(256, 4)
    cut = {
        side: np.array(shown.array(f"vectors_{side}_on")).reshape(-1, numbers["dim"])[
            numbers["parts"][side].index("mlp")
        ]
        for side in ("standard", "own")
    }
    top = max(np.abs(values).max() for values in cut.values())
    for i, side in enumerate(("standard", "own")):
        pixels = np.array(shown.run(canvas, i)).reshape(-1, 4)
        step = np.round(255 * (cut[side] / top + 1) / 2).astype(int)
        assert np.abs(pixels[:, :3] - table[step][:, :3]).max() <= 3
    shown.term(1)  # the sum
    assert shown.view()["place"] == "sum1"
