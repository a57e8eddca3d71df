"""The MLP's scene in Chromium."""

import numpy as np
import pytest


def test_a_click_on_the_picture_changes_the_numbers_and_every_vector(lecture):
    shown = lecture("mlp")
    before, read = shown.prose(), shown.array("hidden")
    box = shown.page.locator(".slide .figure .picture").bounding_box()
    shown.page.locator(".slide .figure .picture").click(position={"x": 4, "y": 4})
    shown.ready()
    numbers, hidden = shown.numbers(), shown.array("hidden")
    assert box["width"] > 150
    assert numbers["at"] == shown.view()["at"] == shown.run("return stage.data.prefix.length")
    assert hidden != read
    assert shown.prose() != before
    assert f"{sum(v > 0 for v in hidden)} of {numbers['hidden']}" in shown.prose()
    assert "row 1, column 1" in shown.prose()
    dots = shown.page.locator(".slide .chart .dot.a")
    assert dots.count() == len(hidden)


def test_the_terms_drive_the_view(lecture):
    shown = lecture("mlp")
    assert shown.run("return stage.made.picture.canvas.hidden")
    shown.term(0)
    assert shown.view()["map"] is True
    drawn = shown.run("""const { canvas } = stage.made.picture;
        const image = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return [canvas.width, canvas.height, Array.from(image.data)]""")
    cols, rows, pixels = drawn
    assert [rows, cols] == shown.run("return stage.data.grid")
    fires = np.array(shown.array("fires"))[shown.run("return stage.data.prefix.length") :]
    table = np.array(shown.array("diverging")).reshape(256, 4)
    step = np.round(255 * (fires / np.abs(fires).max() + 1) / 2).astype(int)
    assert np.abs(np.array(pixels).reshape(-1, 4)[:, :3] - table[step][:, :3]).max() <= 3  # 80 % opaque, so rounded
    shown.term(1)
    assert shown.run("return stage.made.picture.canvas.hidden")
    shown.term(3)
    assert shown.view()["layer"] == shown.numbers()["layer"] == shown.numbers()["layers"] - 1


def test_a_bar_and_a_cell_choose_their_unit(lecture):
    shown = lecture("mlp")
    second = shown.numbers()["most"][1]
    shown.page.locator(".slide .bar-row").nth(1).click()
    shown.ready()
    assert shown.numbers()["unit"] == shown.view()["unit"] == second
    assert shown.page.locator(".slide .choice [aria-checked=true]").inner_text() == f"Unit {second + 1}"
    assert "Where is it active" in shown.page.locator(".slide .below h3").first.inner_text()
    strip = shown.page.locator(".slide .way .cells").nth(1)
    box, hidden = strip.bounding_box(), shown.numbers()["hidden"]
    strip.click(position={"x": box["width"] * (100.5 / hidden), "y": box["height"] / 2})
    shown.ready()
    assert abs(shown.numbers()["unit"] - 100) <= 1  # a cell is about a pixel wide
    widths = [strip.bounding_box()["width"] for strip in shown.page.locator(".slide .way .cells").all()]
    dim = shown.numbers()["dim"]
    assert widths[1] == widths[2]
    assert widths[0] / widths[1] == pytest.approx(dim / hidden, rel=0.03)
