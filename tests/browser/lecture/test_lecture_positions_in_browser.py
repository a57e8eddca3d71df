"""The scene of position embedding in a real browser."""

import pytest

PIXELS = """const canvas = stage.made[argument[0]][argument[1]].canvas;
const { width, height } = canvas;
const image = canvas.getContext('2d').getImageData(0, 0, width, height);
return [height, width, ...new Uint32Array(image.data.buffer)];"""


def tab(stage, name):
    stage.page.locator(".figure.positions").get_by_role("radio", name=name, exact=True).click()
    stage.ready()


def shade(value, reach):
    return min(255, max(0, int(255 * (value + reach) / (2 * reach) + 0.5)))


def test_the_three_matrices_are_what_came(lecture):
    stage = lecture("positions")
    n = stage.numbers()
    table = stage.run("return Array.from(stage.palette('diverging'))")
    for name in ("tokens", "positions", "sums"):
        rows, cols, *drawn = stage.run(PIXELS, ["parts", name])
        assert [rows, cols] == n["shape"] == [66, 128]
        came = stage.array(name)
        steps = [[min(255, max(0, shade(value, n["reach"]) + d)) for d in (-1, 0, 1)] for value in came]
        wrong = [
            pixel
            for pixel, near in zip(drawn, steps, strict=True)
            if pixel & 0xFFFFFF not in {table[step] & 0xFFFFFF for step in near}
        ]
        assert not wrong
    assert stage.page.locator(".figure.positions .shape").all_inner_texts() == ["66 × 128"] * 3


def test_a_token_is_chosen_by_row_picture_and_slider(lecture):
    stage = lecture("positions")
    cells = stage.page.locator(".figure.positions .matrices .cells").first
    cells.click(position={"x": 20, "y": 1})
    stage.ready()
    title = stage.page.locator(".figure.positions .one h3")
    assert stage.view()["at"] == 0
    assert "class token" in title.inner_text()
    picture = stage.page.locator(".figure.positions .one .picture")
    box = picture.bounding_box()
    picture.click(position={"x": box["width"] / 16, "y": box["height"] * 3 / 16})
    stage.ready()
    assert stage.view()["at"] == 2 + 8
    assert "row 2, column 1" in title.inner_text()
    row, sums = stage.array("row"), stage.array("sums")
    assert row[2 * 128 :] == sums[10 * 128 : 11 * 128]
    said = stage.page.locator(".figure.positions .strip .first").all_inner_texts()
    for i, text in enumerate(said):
        numbers = [float(word) for word in text.replace("−", "-").replace("…", "").split()]
        assert numbers == pytest.approx(row[i * 128 : i * 128 + 3], abs=0.0051)
    stage.page.locator(".figure.positions").get_by_role("slider", name="Token").press("End")
    stage.ready()
    assert "row 8, column 8" in title.inner_text()


def test_the_worked_example_shows_the_formulas_values_alone(lecture):
    stage = lecture("positions")
    stage.term(1)
    figure = stage.page.locator(".figure.positions")
    cells = figure.locator(".table .chosen").all_inner_texts()
    assert cells[1:] == ["0.84", "0.54", "0.01", "1.00"]
    assert "학생" in cells[0]
    assert figure.locator(".table .total").all_inner_texts()[1:] == ["1.14", "3.64", "3.11", "4.10"]
    assert "0.25" not in figure.inner_text()
    assert figure.locator(".formulas math").count() == 2


def test_shuffling_changes_bars_picture_and_prose(lecture):
    stage = lecture("positions")
    tab(stage, "Compare")
    puzzle = "return stage.made.puzzle.toDataURL()"
    before = stage.prose(), stage.array("order"), stage.run(puzzle)
    stage.page.get_by_role("button", name="Shuffle again").click()
    stage.ready()
    assert stage.view()["seed"] == 1
    after = stage.prose(), stage.array("order"), stage.run(puzzle)
    assert all(a != b for a, b in zip(before, after, strict=True))
    answers = stage.numbers()["answers"]
    assert answers[0]["label"] in stage.prose()
    bars = stage.page.locator(".figure.positions .answers .fill")
    shown = bars.evaluate_all("nodes => nodes.map((node) => parseFloat(node.style.width) / 100)")
    assert shown == pytest.approx([p for one in answers for p in one["p"]], abs=1e-5)


def test_maps_are_seen_from_the_patch(lecture):
    stage = lecture("positions")
    tab(stage, "Compare")
    learned = stage.array("learned")
    assert learned.index(max(learned)) == stage.numbers()["patch"] == 36
    cells = stage.page.locator(".figure.positions .maps .cells").first
    cells.click(position={"x": 4, "y": 4})
    stage.ready()
    for name in ("learned", "one", "two"):
        values = stage.array(name)
        assert values.index(max(values)) == 0
    assert "row 1, column 1" in stage.page.locator(".figure.positions .compare .legend").inner_text()
