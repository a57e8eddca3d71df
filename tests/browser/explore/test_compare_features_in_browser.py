"""Explore's comparison of two pictures by their features: the best match, and the lines between mutual ones."""

import numpy as np
import pytest

import vit_core as vc
from tests.browser.conftest import addressed, idle
from tests.browser.explore.pair_driver import Compared
from tests.browser.explore.test_explore import SAMPLES

DOG, BOTH = "dog.jpg", "dog-and-cat.jpg"
ADDRESS = f"lang=en&sample={DOG}&with={BOTH}&direction=like&layer=11"
LAYER = 10  # the same, from 0


@pytest.fixture(scope="module")
def traces():
    model = vc.load("embedded:photo", "cpu")
    return {file: vc.record(model, str(SAMPLES / file), features=True) for file in (DOG, BOTH)}


def await_best(both: Compared, half: str, cosines) -> None:
    """Wait until that half shows these cosines, a patch each, and marks the best with its score."""
    both.wait(
        """(() => {
            const half = [a, b].find(half => half.root.classList.contains(x.half)), { model, map } = half;
            const shown = map?.cosines?.[0];
            return shown && x.cosines.every((value, k) => Math.abs(shown[model.p + k] - value) < 0.01) })()""",
        {"half": half, "cosines": np.asarray(cosines).tolist()},
    )
    best = int(cosines.argmax())
    mark = both.page.locator(f".pair .{half} .mark.best")
    assert mark.is_visible()
    assert mark.inner_text() == f"{cosines.max():.2f}"
    box, frame = mark.bounding_box(), both.box(half, ".frame")
    rows, cols = both.js("a.model.header.grid")
    place = [
        int((at + size / 2 - start) / whole * count)
        for at, size, start, whole, count in (
            (box["y"], box["height"], frame["y"], frame["height"], rows),
            (box["x"], box["width"], frame["x"], frame["width"], cols),
        )
    ]
    assert place == list(divmod(best, cols))
    assert (
        f"row {best // cols + 1}, column {best % cols + 1}" in both.page.locator(f".pair .{half} .readout").inner_text()
    )


def test_the_best_match_in_the_other_picture_is_the_cores(visit, traces):
    page = visit(ADDRESS)
    both = Compared(page)
    for half, other, asked, asks in (("first", "second", DOG, BOTH), ("second", "first", BOTH, DOG)):
        both.hover(half, 5, 9)
        trace = traces[asked]
        await_best(both, other, vc.features.similarity(trace, LAYER, trace.token_at(5, 9), other=traces[asks]))
        assert not page.locator(f".pair .{half} .mark.best").is_visible()
        both.wait("a.shown()[0] === b.shown()[0]")
    both.click("second", 5, 9)
    addressed(page, "direction=like", "pinned=6-10", f"with={BOTH}", "asks=second")
    idle(page)
    other = Compared(visit(page.url.partition("?")[2]))
    trace = traces[BOTH]
    await_best(other, "first", vc.features.similarity(trace, LAYER, trace.token_at(5, 9), other=traces[DOG]))
    other.click("first", 2, 2)
    addressed(other.page, "with=" + BOTH, lacks=("asks",))


def test_a_picture_is_most_like_itself(visit):
    both = Compared(visit(f"lang=en&sample={DOG}&with={DOG}&direction=like&layer=11"))
    both.hover("first", 4, 3)
    both.wait("b.map?.facts?.[0].top === a.state.query && b.map.facts[0].high > 0.99")
    assert both.page.locator(".pair .second .mark.best").inner_text() == "1.00"


def colours(both: Compared, half: str) -> np.ndarray:
    """What lies over that half's picture, (rows, cols, 3)."""
    data = both.js(
        """(() => { const { canvas, context } = [a, b].find(half => half.root.classList.contains(x)).overlay;
        return [canvas.height, canvas.width, [...context.getImageData(0, 0, canvas.width, canvas.height).data]] })()""",
        half,
    )
    return np.array(data[2]).reshape(data[0], data[1], 4)[..., :3]


def test_two_pictures_have_their_features_colours_in_one_basis(visit, traces):
    page = visit(f"lang=en&sample={DOG}&with={BOTH}&layer=11")
    both = Compared(page)
    page.locator(".pair .first .view input[value=features]").click()
    both.wait("[a, b].every(half => half.state.view === 'features' && half.features())")
    addressed(page, "view=features", f"with={BOTH}")
    pictures = [traces[DOG], traces[BOTH]]
    basis = vc.features.pca(pictures, LAYER)
    wanted = vc.features.as_rgb([basis.project(trace) for trace in pictures])
    for half, rgb in zip(("first", "second"), wanted, strict=True):
        assert np.abs(colours(both, half) - np.asarray(rgb, int)).max() <= 1
    page.locator(".pca").nth(1).locator(".strip label").nth(4).click()  # of the second: the first follows
    both.wait("a.state.layer === 4 && b.state.layer === 4")
    addressed(page, "layer=5")
    page.keyboard.press("1")
    both.wait("[a, b].every(half => half.state.view === 'heads')")
    page.locator(".pca").first.wait_for(state="detached")


def test_a_picture_beside_itself_has_one_set_of_colours(visit, traces):
    both = Compared(visit(f"lang=en&sample={DOG}&with={DOG}&view=features&layer=11"))
    both.wait("[a, b].every(half => half.state.view === 'features' && half.features())")
    wanted = vc.features.as_rgb([vc.features.pca(traces[DOG], LAYER).project(traces[DOG])])[0]
    for half in ("first", "second"):
        assert np.abs(colours(both, half) - np.asarray(wanted, int)).max() <= 1
    assert both.page.locator(".pca").count() == 1


def test_two_models_each_have_features_colours_of_their_own(visit, traces):
    both = Compared(visit(f"lang=en&sample={DOG}&with_model=embedded:tiny&view=features&layer=11"))
    both.wait("[a, b].every(half => half.state.view === 'features' && half.features()) && b.state.layer === 5")
    basis = vc.features.pca(traces[DOG], LAYER)
    rgb = vc.features.as_rgb([basis.project(traces[DOG])])[0]
    assert np.abs(colours(both, "first") - np.asarray(rgb, int)).max() <= 1
    assert colours(both, "second").shape == (8, 8, 3)


def test_two_models_each_show_their_own_similarity(visit, traces):
    both = Compared(visit(f"lang=en&sample={DOG}&with_model=embedded:tiny&direction=like&layer=11"))
    both.hover("first", 5, 9)
    both.wait("a.map?.cosines && b.map?.cosines?.[0][b.state.query] === 1")
    trace = traces[DOG]
    mine = vc.features.similarity(trace, LAYER, trace.token_at(5, 9))
    shown = both.js("[...a.map.cosines[0]]")[trace.num_prefix_tokens :]
    assert np.abs(np.asarray(shown) - np.asarray(mine)).max() < 0.01
    assert both.page.locator(".pair .mark.best:visible").count() == 0
    assert not both.page.locator(".pair .draw-matches").is_visible()


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_the_lines_are_the_best_mutual_matches(visit, shoot, traces, width, height):
    page = visit(ADDRESS, width, height)
    both = Compared(page)
    lines = page.locator(".pair .matches g")
    assert lines.count() == 0
    page.locator(".pair .draw-matches").click()
    addressed(page, "matches=on")
    both.wait("a.pair.lines.current && a.pair.lines.svg.children.length")
    found = vc.features.matches(traces[DOG], traces[BOTH], LAYER)
    mutual = sorted(found.mutual.nonzero()[:, 0].tolist(), key=lambda patch: -float(found.scores[patch]))[:30]
    rows, cols = traces[DOG].grid
    ends = lines.evaluate_all("""all => all.map(g => { const line = g.querySelector('line').getBoundingClientRect();
        const [one, other] = [...g.querySelectorAll('circle')].map(c => c.getBoundingClientRect());
        return [one, other].map(r => [r.left + r.width / 2, r.top + r.height / 2]) })""")
    drawn = set()
    for pair in ends:
        patches = []
        for half, (x, y) in zip(("first", "second"), pair, strict=True):
            frame = both.box(half, ".frame")
            row = int((y - frame["y"]) / frame["height"] * rows)
            patches.append(row * cols + int((x - frame["x"]) / frame["width"] * cols))
        drawn.add(tuple(patches))
    assert drawn == {(patch, int(found.best[patch])) for patch in mutual}
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shoot(page, f"matches-{width}")
    idle(page)
    other = Compared(visit(page.url.partition("?")[2], width, height))
    other.wait("a.pair.lines.svg.children.length === x", len(drawn))
    page.locator(".pair .draw-matches").click()
    addressed(page, "direction=like", lacks=("matches",))
    both.wait("!a.pair.lines.svg.children.length")
