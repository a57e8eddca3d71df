"""The scene "cnn" in a browser: two pictures, two panels, one place."""

import numpy as np
import pytest

MAP = """
const cells = stage.made[argument], canvas = cells.canvas;
const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
return { rows: canvas.height, cols: canvas.width, rgba: Array.from(pixels) };"""


def drawn(shown, name: str) -> np.ndarray:
    """A map's pixels, (rows, cols, 4)."""
    found = shown.run(MAP, name)
    return np.array(found["rgba"]).reshape(found["rows"], found["cols"], 4)


def coloured(shown, values: np.ndarray, high: float) -> np.ndarray:
    """What viridis has for these values, (..., 3)."""
    table = np.array(shown.array("viridis")).reshape(256, 4)
    return table[np.round(255 * values / high).astype(int), :3]


def test_it_opens_on_the_contrast_and_its_maps_are_the_arrays(lecture):
    shown = lecture("cnn")
    assert shown.view() | {"at": 0} == {"at": 0, "conv": 0, "layer": 0, "swap": False}
    fields = [np.array(shown.array(f"field{i}")).reshape(8, 32, 32)[0] for i in range(2)]
    window = drawn(shown, "window")
    assert window.shape == (32, 32, 4)
    (top, bottom), (left, right) = shown.numbers()["pictures"][0]["layers"][0]["span"]
    inside = np.zeros((32, 32), bool)
    inside[top:bottom, left:right] = True
    assert inside.sum() == 9
    assert (window[..., 3] > 0).tolist() == inside.tolist()  # nothing is painted outside the field
    expected = coloured(shown, fields[0][inside], max(f.max() for f in fields))
    assert np.abs(window[inside][:, :3] - expected).max() <= 2  # the canvas keeps colours times alpha
    rows = [np.array(shown.array(f"attention{i}")).reshape(6, -1)[0, 2:] for i in range(2)]
    attention = drawn(shown, "picture").reshape(-1, 4)
    assert (attention[:, 3] > 0).all()  # the first layer reaches every patch
    assert np.abs(attention[:, :3] - coloured(shown, rows[0], max(r.max() for r in rows))).max() <= 2
    assert "3 × 3" in shown.prose()
    assert "64 of 64" in shown.prose()


def test_terms_and_sliders_drive_the_view_and_the_numbers(lecture):
    shown = lecture("cnn")
    page = shown.page
    shown.term(0)
    assert shown.view()["conv"] == 7
    assert "41 × 41" in shown.prose()
    assert drawn(shown, "window")[..., 3].all()
    page.get_by_role("slider", name="Layer").focus()
    before = page.locator(".slide .change").nth(1).inner_text()
    page.keyboard.press("ArrowRight")
    assert shown.scene() == "cnn"
    assert shown.view()["layer"] == 1
    assert page.locator(".slide .change").nth(1).inner_text() != before
    shown.term(1)
    assert shown.view()["layer"] == 0
    page.get_by_role("slider", name="Convolution").press("Home")
    assert shown.view()["conv"] == 0
    page.get_by_role("button", name="Play").click()
    shown.until("stage.view.conv >= 2")
    page.get_by_role("button", name="Stop").click()
    assert shown.run("return stage.made.timer") is None  # nothing moves it on


def test_swapping_the_picture_changes_attention_and_not_the_filter(lecture):
    shown = lecture("cnn")
    rows = [np.array(shown.array(f"attention{i}")).reshape(6, -1)[0] for i in range(2)]
    moved = np.abs(rows[0] - rows[1]).sum() / 2
    filters, attention = shown.page.locator(".slide .change").all_inner_texts()
    assert filters.split() == ["change", "0"]
    assert float(attention.split()[1]) == pytest.approx(moved, abs=0.006)
    kernels = shown.run("return stage.made.kernels.cells.map((c) => c.canvas.toDataURL())")
    assert kernels[0] == kernels[1]
    rows = shown.run("return stage.made.rows.cells.map((c) => c.canvas.toDataURL())")
    assert rows[0] != rows[1]
    first = drawn(shown, "picture"), shown.page.locator(".slide .bars").all_inner_texts()
    shown.term(2)
    assert shown.view()["swap"] is True
    assert not np.array_equal(drawn(shown, "picture"), first[0])
    assert shown.run("return stage.made.kernels.cells.map((c) => c.canvas.toDataURL())") == kernels
    bars = shown.page.locator(".slide .bars").all_inner_texts()
    for text, kind in zip(bars, ("answers", "vit"), strict=True):
        assert shown.numbers()["pictures"][1][kind][0]["label"] in text
    assert bars != first[1]
    assert shown.run("const i = stage.made.picture.image; return i.complete && i.naturalWidth > 0")
    shown.page.get_by_role("radio", name="Picture A").click()
    assert np.array_equal(drawn(shown, "picture"), first[0])


def test_a_click_on_either_picture_chooses_that_patch(lecture):
    shown = lecture("cnn")
    for panel, place, at in (
        ("window", (0.95, 0.95), 63),
        ("picture", (0.3, 0.05), 2),
        ("window", (0.05, 0.55), 32),
        ("picture", (0.95, 0.05), 7),
    ):
        box = shown.run(
            "const r = stage.made[argument].root.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]", panel
        )
        shown.page.mouse.click(box[0] + place[0] * box[2], box[1] + place[1] * box[3])
        shown.ready()
        assert shown.view()["at"] == shown.numbers()["at"] == at
    shown.page.get_by_role("slider", name="Convolution").press("End")
    frame = shown.run("""
        const [a, b] = [".mark.theory", ".picture"].map((s) => stage.slide.querySelector(s).getBoundingClientRect());
        return [a.top - b.top, a.right - b.right];""")
    assert np.abs(frame).max() < 1.5  # the corner's field is cut at the picture's edge
