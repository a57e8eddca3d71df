"""The attention atlas in Chromium: right pixels, at once, by every hand. Needs `chromium` on the path."""

import re

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from tests.browser.conftest import TIMEOUT_MS, idle, serving_page
from tests.browser.explore import atlas_models
from tests.browser.explore.atlas_driver import ATLAS_PAGE, Atlas, agrees, rank_correlation
from vit_core.attention.attention_rollout import rollout
from vit_core.images.draw import scale_end

MEAN, ROLLOUT = -1, -2
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The test page on a server of its own."""
    with serving_page(tmp_path_factory.mktemp("atlas"), ATLAS_PAGE) as server:
        yield f"{server.url}/"


@pytest.fixture(scope="module")
def traces():
    kept = {}

    def get(model, picture="coffee"):
        if (model, picture) not in kept:
            kept[model, picture] = atlas_models.trace(model, picture)[0]
        return kept[model, picture]

    return get


@pytest.fixture(scope="module")
def context(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
    yield context
    context.close()


@pytest.fixture
def tab(context, address):
    opened = []

    def open_tab(**query):
        query = {"narrow": 1} | query
        opened.append(Atlas(context, address, **{name: value for name, value in query.items() if value is not None}))
        return opened[-1]

    yield open_tab
    for one in opened:
        one.page.close()
        assert one.errors == []


def test_hovering_shows_where_that_patch_looks_in_every_layer_and_head(tab, traces):
    atlas, trace = tab(view={"layer": 4, "head": 7}), traces("base")
    for row, col in ((2, 3), (11, 13), (0, 0)):
        atlas.hover(row, col)
        truth = trace.on_grid(trace.attention(4, [trace.token_at(row, col)])[7, 0])
        agrees(atlas.overlay(), truth)
        for layer, head in ((0, 0), (4, 7), (11, 11)):
            agrees(atlas.small(layer, head), trace.on_grid(trace.attention(layer, [trace.token_at(row, col)])[head, 0]))
        agrees(atlas.small(6, 12), trace.on_grid(trace.attention(6, [trace.token_at(row, col)]).mean(0)[0]))
    assert atlas.hosts == {atlas.address.split("/")[2]}, "nothing may come from elsewhere"


def test_who_looks_here_is_the_column(tab, traces):
    atlas, trace = tab(view={"layer": 4, "head": 7}), traces("base")
    atlas.page.locator(".direction input[value=column]").click()
    atlas.hover(5, 9)
    # a column's weights come from as many rows, each with a scale of its own; flat ones' order suffers more from bytes
    agrees(atlas.overlay(), trace.on_grid(trace.attention(4)[7, :, trace.token_at(5, 9)]), 0.97)
    agrees(atlas.small(10, 2), trace.on_grid(trace.attention(10)[2, :, trace.token_at(5, 9)]), 0.97)
    truth = trace.attention(4)[7, :, trace.token_at(5, 9)].numpy()
    np.testing.assert_allclose(atlas.map(), truth, atol=0.01 * truth.max())
    atlas.received(direction="column")


@pytest.mark.parametrize("model", ["base", "small", "bare"])
def test_rollout_in_the_browser_is_the_core_s(tab, traces, model, measured):
    atlas, trace = tab(model=model, view={"head": ROLLOUT}), traces(model)
    worst = 0
    for residual in (0.5, 0.1):
        if residual != 0.5:
            atlas.page.locator(".residual input").fill(str(residual))
            atlas.ready()
        for token in (0, trace.num_tokens // 2, trace.num_tokens - 1):
            for depth in range(0, trace.depth, 3):
                atlas.js("a.change({ query: x[0], layer: x[1] })", [token, depth])
                truth = rollout(trace, residual=residual, last=depth, token=token).numpy()
                worst = max(worst, np.abs(atlas.map() - truth).max())
                slow = atlas.js(
                    "(() => { const t = a.model.table; a.model.table = null;"
                    " const r = a.model.rollouts(x[0], 'row'); a.model.table = t;"
                    " return [...r.slice(x[1] * a.model.N, (x[1] + 1) * a.model.N)] })()",
                    [token, depth],
                )
                worst = max(worst, np.abs(slow - truth).max())
    measured(f"rollout of {model}, browser against core: {worst:.1e}")
    assert worst <= 1e-3


def test_moving_over_the_maps_looks_through_them_and_a_click_keeps_one(tab, traces):
    atlas, trace = tab(view={"layer": 4, "head": 7}), traces("base")
    atlas.hover(5, 9)
    token = trace.token_at(5, 9)
    atlas.page.mouse.move(*atlas.cell(8, 3))
    agrees(atlas.overlay(), trace.on_grid(trace.attention(8, [token])[3, 0]))
    assert "layer 9, head 4" in atlas.page.locator(".title").inner_text()
    atlas.page.mouse.move(5, 5)
    assert "layer 5, head 8" in atlas.page.locator(".title").inner_text()
    atlas.page.mouse.click(*atlas.cell(8, 3))
    atlas.page.mouse.move(5, 5)
    assert "layer 9, head 4" in atlas.page.locator(".title").inner_text()
    atlas.received(layer=8, head=3, mode="attention")


def rgb(pixels):
    """32-bit pixels as (3, pixels)."""
    return np.array(pixels, np.uint32) >> np.array([[0], [8], [16]], np.uint32) & np.uint32(255)


def test_a_click_pins_a_second_compares(tab, traces):
    atlas, trace = tab(view={"layer": 4, "head": 7}), traces("base")
    atlas.click(5, 9)
    atlas.hover(2, 2)
    row = trace.attention(4, [trace.token_at(5, 9)])[7, 0]
    agrees(atlas.overlay(), trace.on_grid(row))  # the pinned one's still
    here = trace.token_at(2, 2)
    said = atlas.page.locator(".readout").inner_text() + " " + atlas.page.locator(".more").inner_text()
    rank = int(re.search(r"rank (\d+) of 197", said)[1])  # weights within a byte's step of each other may swap
    assert (row > 1.01 * row[here]).sum() < rank <= (row > 0.99 * row[here]).sum() + 1
    assert "7.6 patches away" in said  # the root of 3^2 + 7^2
    atlas.click(2, 2)
    atlas.received(pinned=[trace.token_at(5, 9), here])
    assert atlas.page.locator(".compare").is_visible()
    atlas.page.locator(".compare input[value=difference]").click()
    atlas.page.mouse.move(5, 5)
    difference = (row - trace.attention(4, [here])[7, 0])[trace.num_prefix_tokens :]
    red, _, blue = rgb(atlas.js("[...a.overlay.pixels]")).astype(int)
    shown = (red - blue) / np.abs(red - blue).max()  # A is orange, B blue
    assert rank_correlation(shown, np.round(127 * difference.numpy() / difference.abs().max().item())) >= 0.99
    atlas.page.get_by_text("Unpin", exact=True).click()
    atlas.received(pinned=[])


@pytest.mark.parametrize("compare", ["both", "difference"])
def test_a_query_has_one_colour_everywhere(tab, compare):
    """In pins, map, small map and scale, the colour of a query is where that query has more attention."""
    atlas = tab(view={"layer": 4, "head": 7, "pinned": [60, 190], "compare": compare})
    first = atlas.js("a.map.at + a.model.p")
    a, b = (np.array(atlas.js(f"[...a.map.{name}]"))[first : first + 196] ** 2 for name in "ab")
    most = (a - b).argmax(), (b - a).argmax()
    over = rgb(atlas.js("[...a.overlay.pixels]"))
    left, top, cell, width = atlas.js(
        "(({ w, h, gap, canvas }) => [a.sheet.left(7), 4 * (h + gap), w / 14, canvas.width])(a.sheet)"
    )
    small = rgb(atlas.js("[...a.sheet.pixels]")).reshape(3, -1, width)
    ramps = atlas.js("""[...a.root.querySelectorAll('.ramp canvas')].map(
        c => [...c.getContext('2d').getImageData(0, 0, 256, 1).data])""")
    upper, lower = np.array(ramps).reshape(2, 256, 4)
    ticks = atlas.page.locator(".ticks span").all_inner_texts()
    if compare == "difference":
        assert [tick[0] for tick in ticks] == ["B", "0", "A"]
    ends = (upper[-1], lower[-1]) if compare == "both" else (upper[-1], upper[0])
    for name, patch, end in zip("ab", most, ends, strict=True):
        pin = re.findall(r"\d+", atlas.js("getComputedStyle(a.parts(x)).backgroundColor", f".mark.pin.{name} b"))
        y, x = (int(start + (i + 0.5) * cell) for start, i in zip((top, left), divmod(patch, 14), strict=True))
        colours = [[int(part) for part in pin], end, over[:, patch], small[:, y, x]]
        orange = [colour[0] > colour[2] + 40 for colour in colours]
        assert orange == [name == "a"] * 4, (name, colours)


def test_scales_are_per_map_per_layer_or_shared_and_said(tab, traces):
    atlas, trace = tab(view={"layer": 4, "head": 7, "query": 60}), traces("base")
    patches = torch.stack([trace.attention(layer, [60])[:, 0, trace.num_prefix_tokens :] for layer in range(12)])
    for scale, top in (("layer", patches[4]), ("shared", patches), ("map", patches[4, 7])):
        atlas.page.locator(f".scale input[value={scale}]").click()
        end = max(scale_end(one) for one in top.reshape(-1, 196).numpy())
        share = patches[4, 7].max().item() / end
        assert abs(atlas.overlay().max() - 255 * min(share, 1)) <= 4
        said = float(re.search(r"[\d.]+", atlas.page.locator(".ticks span").nth(2).inner_text())[0])
        assert said == pytest.approx(100 * end, rel=0.06)
        atlas.received(scale=scale)


def test_the_class_token_is_a_query_and_registers_too(tab, traces):
    atlas, trace = tab(model="small", view={"layer": 1, "head": 0}), traces("small")
    chips = atlas.page.locator(".chip")
    names = [text.split("\n")[0] for text in chips.all_inner_texts()]
    assert names == ["class", "distillation", *(f"register {i}" for i in (1, 2, 3, 4))]
    for token in (0, 1, 4):
        chips.nth(token).hover()
        agrees(atlas.overlay(), trace.on_grid(trace.attention(1, [token])[0, 0]))
    chips.nth(4).click()
    atlas.received(pinned=[4])
    assert chips.nth(4).get_attribute("aria-pressed") == "true"


def test_the_keyboard_alone_can_do_it_all(tab, traces):
    atlas, trace = tab(view={"layer": 4, "head": 7, "query": 1 + 5 * 14 + 9}), traces("base")
    page = atlas.page
    page.mouse.move(5, 5)
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("""() => { let e = document.activeElement;
            while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
            return e?.className || `${e?.name} ${e?.value}` }""")
        )
        if reached[-1] == "maps":
            break
    assert [name for name in reached if name in ("chip", "stage", "play", "maps")] == ["chip", "stage", "play", "maps"]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    atlas.received(layer=5, head=6)
    page.keyboard.press("End")
    atlas.received(head=ROLLOUT, mode="rollout", depth=5)
    page.keyboard.press("ArrowLeft")
    atlas.received(head=MEAN)
    page.keyboard.press("Home")
    page.keyboard.press(" ")  # plays
    atlas.received(layer=11, head=0)
    page.locator(".stage").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    atlas.received(query=trace.token_at(4, 10), pinned=[trace.token_at(4, 10)])
    page.keyboard.press("ArrowDown")
    atlas.received(pinned=[trace.token_at(5, 10)])
    page.keyboard.press("c")
    page.keyboard.press("ArrowRight")
    atlas.received(pinned=[trace.token_at(5, 10), trace.token_at(5, 12)])
    page.keyboard.press("Escape")
    atlas.received(pinned=[])
    page.keyboard.press("PageUp")
    page.keyboard.press("]")
    view = atlas.received(layer=10, head=1)
    truth = trace.attention(10, [view["query"]])[1, 0]
    agrees(atlas.overlay(), trace.on_grid(truth))
    row, col = divmod(view["query"] - trace.num_prefix_tokens, 14)
    expect(page.locator(".spoken")).to_have_text(
        re.compile(f"^layer 11, head 2, patch row {row + 1}, column {col + 1}: "), timeout=TIMEOUT_MS
    )
    spoken = page.locator(".spoken").inner_text()
    y, x = np.mgrid[:14, :14]
    near = trace.on_grid(truth).numpy()[np.hypot(y - row, x - col) <= 2].sum()
    said = float(re.search(r": ([\d.]+)\s% of its attention within 2 patches", spoken)[1])
    assert said == pytest.approx(100 * near, rel=0.06)
    page.locator(".direction input").first.focus()
    page.keyboard.press("ArrowRight")
    atlas.received(direction="column")


def test_the_letter_of_a_second_pin_works_while_a_hangul_ime_is_on(tab, traces):
    at = traces("base").token_at(5, 9)
    atlas = tab(view={"pinned": [at], "query": at})
    press = """key => document.activeElement.shadowRoot.activeElement.dispatchEvent(
        new KeyboardEvent("keydown", { key, code: "KeyC", bubbles: true }))"""
    atlas.page.locator(".stage").focus()
    for key in ("ㅊ", "Process"):  # what C is then called, by system
        atlas.page.evaluate(press, "j")  # another layout: the letter counts
        assert atlas.js("a.state.pinned") == [at]
        atlas.page.evaluate(press, key)
        assert atlas.js("a.state.pinned") == [at, at + 1]
        atlas.js("a.change({ pinned: [x], query: x })", at)


def test_the_url_brings_the_view_back(tab):
    atlas = tab()
    atlas.page.mouse.click(*atlas.cell(8, 3))
    atlas.click(5, 9)
    atlas.page.locator(".scale input[value=layer]").click()
    view = atlas.received(layer=8, head=3, pinned=[80], scale="layer")
    before, url = atlas.overlay(), atlas.page.url
    other = tab()
    other.page.goto(url)
    other.ready()
    assert (other.overlay() == before).all()
    assert other.js("a.view()") == view


def test_two_tabs_leave_each_other_alone(tab, traces):
    first, second = tab(view={"layer": 1, "head": 1}), tab(model="small", view={"layer": 1, "head": 1})
    first.click(5, 9)
    second.click(1, 1)
    first.received(pinned=[80])
    second.received(pinned=[traces("small").token_at(1, 1)])
    agrees(first.overlay(), traces("base").on_grid(traces("base").attention(1, [80])[1, 0]))
    small = traces("small")
    agrees(second.overlay(), small.on_grid(small.attention(1, [small.token_at(1, 1)])[1, 0]))


def test_rapid_changes_never_show_a_stale_map(tab, traces):
    """Pictures and models are changed faster than they come; whatever is drawn belongs to what is wanted."""
    atlas = tab(narrow=None, view={"layer": 1, "head": 0, "query": 3})
    page = atlas.page
    atlas.js("""(() => { globalThis.stale = 0; globalThis.ids = new Set(); const look = () => {
        const drawn = a.overlay.canvas.width && a.model && root.dataset.state === 'ready';
        if (drawn) globalThis.ids.add(a.model.id);
        if (a.model && a.model.id !== a.wanted) globalThis.stale++;
        if (!a.model && [...a.overlay.context.getImageData(0, 0, a.overlay.canvas.width, a.overlay.canvas.height).data]
            .some(Boolean)) globalThis.stale++;
        requestAnimationFrame(look) }; look() })()""")
    for name in ("dog", "bare", "rocket", "base", "coffee", "small", "kitten", "bare", "dog", "small"):
        page.get_by_text(name, exact=True).click()
    trace, last = traces("small", "dog"), page.get_by_text(re.compile("^small, dog: "))
    last.wait_for()
    atlas.wait(f"a.model.id === '{last.inner_text().split()[-1]}' && a.model.table")
    view = atlas.js("a.view()")
    truth = trace.attention(view["layer"], [view["query"]])[view["head"], 0].numpy()
    np.testing.assert_allclose(atlas.map(), truth, atol=2e-3)
    assert page.evaluate("globalThis.stale") == 0
    assert page.evaluate("globalThis.ids.size") >= 2


def test_nothing_is_sent_again_when_a_control_changes(tab):
    atlas = tab(view={"layer": 4, "head": 7})
    assert max(atlas.frames) > 5_000_000
    atlas.click(5, 9)
    atlas.received(pinned=[80])
    idle(atlas.page)
    atlas.frames.clear()
    atlas.click(2, 2)
    atlas.page.locator(".scale input[value=layer]").click()
    atlas.page.locator(".direction input[value=column]").click()
    atlas.page.mouse.click(*atlas.cell(8, 3))
    atlas.received(layer=8, direction="column", scale="layer", pinned=[80, 31])
    idle(atlas.page)
    assert sum(atlas.frames) < 20_000


def test_1370_tokens_come_coarse_and_are_exact_once_the_pointer_rests(tab, traces):
    atlas, trace = tab(model="large", view={"layer": 4, "head": 7}), traces("large")
    assert max(atlas.frames) < 8_000_000
    atlas.hover(20, 9)
    token = trace.token_at(20, 9)
    rough = atlas.small(8, 3)
    middle = trace.on_grid(trace.attention(8, [trace.token_at(19, 10)])[3, 0])  # the block's middle: 18..20, 9..11
    assert rank_correlation(rough[1::3, 1::3][:12, :12], torch.nn.functional.avg_pool2d(middle[None], 3)[0]) > 0.9
    atlas.wait("a.exact && a.map.exact")
    agrees(atlas.overlay(), trace.on_grid(trace.attention(4, [token])[7, 0]))
    np.testing.assert_allclose(atlas.map(), trace.attention(4, [token])[7, 0].numpy(), atol=1e-4)
    agrees(atlas.small(8, 3), trace.on_grid(trace.attention(8, [token])[3, 0]))
    # the head in focus is here whole: the next patch is exact at once
    atlas.hover(30, 30)
    assert atlas.js("a.map.exact")
    agrees(atlas.overlay(), trace.on_grid(trace.attention(4, [trace.token_at(30, 30)])[7, 0]))
    atlas.js("a.change({ head: x, query: 700, layer: 11 })", ROLLOUT)
    atlas.wait("a.model.rolled(700, 'row')")
    assert np.abs(atlas.map() - rollout(trace, token=700).numpy()).max() <= 1e-3


def test_maps_and_picture_share_the_window(tab):
    """The maps are as high as the window allows, and the picture as wide as they leave, at the most as high."""
    atlas = tab(model="base", view={"layer": 4, "head": 2})
    for width, height in ((1440, 900), (1920, 1080), (1280, 720)):
        atlas.page.set_viewport_size({"width": width, "height": height})
        atlas.wait(f"a.width === a.root.parentElement.clientWidth && innerWidth === {width}")
        [frame], [maps], [right] = (edges(atlas, one) for one in (".frame", ".sheet canvas", ".right"))
        space = min(900, max(320, height - 328))
        assert maps[2] <= right[2]
        high, wide = maps[3] - maps[1], frame[2] - frame[0]
        # all of the height, or all of the column's width
        assert high >= space - 14 or maps[2] - maps[0] >= right[2] - right[0] - 60 - 16
        assert wide >= min(0.42 * atlas.js("a.width"), space) - 1
        assert frame[3] - frame[1] <= space + 1


def test_beneath_each_other_the_picture_leaves_room_for_what_is_read_off_it(tab):
    atlas = tab()
    atlas.page.set_viewport_size({"width": 800, "height": 576})  # 1280 x 720 at 125 %, less the sidebar
    atlas.wait("a.root.hasAttribute('data-stacked')")
    stage, readout = atlas.box(".stage"), atlas.box(".readout")
    assert stage["height"] >= 320
    assert readout["y"] + readout["height"] <= 576


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize(("width", "height"), [(668, 576), (340, 800)])
def test_beneath_each_other_the_picture_stays_where_it_is_whatever_is_said_above(tab, lang, width, height):
    atlas = tab(model="base", lang=lang, view={"layer": 4, "head": 2})
    atlas.page.set_viewport_size({"width": width, "height": height})
    atlas.wait("a.root.hasAttribute('data-stacked')")
    tops = []
    for head in (2, MEAN, ROLLOUT):
        for direction in ("row", "column"):
            atlas.js("a.change({ head: x[0], direction: x[1] })", [head, direction])
            tops.append(atlas.box(".stage")["y"])
    assert len(set(tops)) == 1, tops


def test_rollouts_stand_beside_exact_maps_that_came_before_them(tab, traces):
    """Of 1,025 tokens, rollouts are a table that the browser makes in the background; an answer may be first."""
    atlas, trace = tab(model="square", view={"layer": 4, "head": 2}), traces("square")
    atlas.hover(9, 20)
    atlas.wait("a.model.table && a.exact")
    atlas.js("""(() => {
        const { blobs } = globalThis[Symbol.for("vitrine.atlas")], { model } = a;
        model.maps.clear();
        model.prepare(() => a.redraw());
        a.arrived(blobs.get(`${model.id}+`).header);
        return !model.table && a.exact;
    })()""")
    atlas.wait("a.model.table")
    roots = np.array(atlas.js("[...a.model.all(a.state.query, 'row').root]"))
    rolled = roots.reshape(trace.depth, trace.heads + 2, trace.num_tokens)[:, -1] ** 2
    np.testing.assert_allclose(rolled.sum(-1), 1, atol=0.02)
    assert trace.on_grid(torch.from_numpy(rolled))[0].argmax() == 8 * 32 + 20  # most of half stays in its 2 x 2


def test_a_finger_looks_first_and_pins_second(chromium, address):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    try:
        atlas = Atlas(context, address, view={"layer": 4, "head": 7})
        atlas.page.touchscreen.tap(*atlas.place(5, 9))
        assert atlas.js("[a.state.query, a.state.pinned]") == [80, []]
        atlas.page.touchscreen.tap(*atlas.place(5, 9))
        atlas.received(pinned=[80])
        width = atlas.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1], "the page must not scroll sideways on a phone"
        right = atlas.js("[...root.querySelectorAll('canvas, .bar, .note')].map(e => e.getBoundingClientRect().right)")
        assert max(right) <= 390
        assert atlas.errors == []
    finally:
        context.close()


def beside_the_sidebar(atlas):
    """Gives the atlas the room that it has in the app at 1280 x 720, beside the sidebar."""
    beside = atlas.page.viewport_size["width"] - atlas.js("root.parentElement.clientWidth")
    atlas.page.set_viewport_size({"width": 924 + beside, "height": 720})
    atlas.wait("a.width === 924")  # laid out anew


def edges(atlas, selector):
    """[left, top, right, bottom] of each that is seen, in pixels of the window."""
    return np.array(
        atlas.js(
            """[...root.querySelectorAll(x)]
        .filter(e => e.checkVisibility({ visibilityProperty: true })).map(e => e.getBoundingClientRect())
        .map(b => [b.left, b.top, b.right, b.bottom])""",
            selector,
        )
    )


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("model", ["tiny", "many"])
def test_every_chip_is_seen_however_many_registers(tab, model, lang):
    atlas = tab(model=model, lang=lang, view={"layer": 1, "head": 0})
    beside_the_sidebar(atlas)
    chips_fit(atlas, model, lang)
    atlas.page.set_viewport_size({"width": 390, "height": 844})
    atlas.wait("a.root.hasAttribute('data-stacked')")
    chips_fit(atlas, model, lang)


def chips_fit(atlas, model, lang):
    """The prefix tokens' chips lie above the picture and within its column, whatever share they show."""
    atlas.page.mouse.move(0, 0)
    [left, _, right, _], [_, top, _, _] = edges(atlas, ".left")[0], edges(atlas, ".stage")[0]
    chips = edges(atlas, ".chip")
    assert len(chips) == {"tiny": 5, "many": 11}[model]
    assert chips[:, 0].min() >= left - 1
    assert chips[:, 2].max() <= right + 1
    assert chips[:, 3].max() <= top
    for token in range(len(chips)):
        atlas.page.mouse.move(*(chips[token, :2] + chips[token, 2:]) / 2)
        assert atlas.js("a.state.query") == token
    last = atlas.page.locator(".chip").last
    name = f"{'register' if lang == 'en' else '레지스터'} {len(chips) - (1 if model == 'tiny' else 2)}"
    assert name in (last.get_attribute("title"), last.inner_text().split("\n")[0])
    for share in ("0.0010", "100"):  # the longest and the shortest
        atlas.js("a.chips.forEach(chip => chip.lastChild.textContent = x)", f"{share}\u00a0%")
        assert (edges(atlas, ".chip") == chips).all()
        assert edges(atlas, ".stage")[0][1] == top, "the picture may not jump"


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("model", ["base", "tiny"])
def test_no_control_sticks_out_of_its_column(tab, model, lang):
    atlas = tab(model=model, lang=lang, view={"layer": 4, "head": 2})
    beside_the_sidebar(atlas)
    for head, pinned in ((2, []), (2, [60]), (2, [60, 90]), (ROLLOUT, [60]), (ROLLOUT, [60, 90])):
        atlas.js("a.change({ head: x[0], pinned: x[1] })", [head, pinned])
        assert len(edges(atlas, ".compare, .unpin, .residual")) == len(pinned) + (head == ROLLOUT)
        assert edges(atlas, ".bar > *, .residual > *")[:, 2].max() <= edges(atlas, ".right")[0][2] + 0.5
        assert atlas.js("root.querySelector('.note').scrollHeight") <= 36, "two lines hold all that the note says"


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_heads_of_the_last_columns_are_written_out_where_there_is_room(tab, lang):
    atlas = tab(model="tiny", lang=lang, view={"layer": 4, "head": ROLLOUT})
    beside_the_sidebar(atlas)
    written = ["mean", "rollout"] if lang == "en" else ["평균", "롤아웃"]
    heads = atlas.page.locator(".columns span")
    assert heads.all_inner_texts() == ["1", "2", "3", *written]
    for head in (2, MEAN, ROLLOUT):  # the chosen one is bold, and wider
        atlas.js("a.change({ head: x })", head)
        places = edges(atlas, ".columns span")
        assert (places[1:, 0] - places[:-1, 2]).min() >= 3
        assert places[-1, 2] <= edges(atlas, ".right")[0][2]
    [canvas], [chosen] = edges(atlas, ".sheet canvas"), edges(atlas, ".chosen")
    assert chosen[2] == pytest.approx(canvas[2], abs=1), "the frame stands where the column went"
    atlas.go(narrow=1, model="base", lang=lang)
    assert heads.all_inner_texts()[-2:] == written
    atlas.page.set_viewport_size({"width": 390, "height": 844})
    atlas.wait("a.root.hasAttribute('data-stacked')")
    # on a phone the English ones would cost the maps too much
    assert heads.all_inner_texts()[-2:] == (["μ", "∏"] if lang == "en" else written)
    places = edges(atlas, ".columns span")
    assert (places[1:, 0] - places[:-1, 2]).min() >= 3


def test_korean_says_it_too(tab):
    atlas = tab(lang="ko", view={"layer": 6, "head": 2})
    assert "7번 레이어 3번 헤드" in atlas.page.locator(".title").inner_text()
    assert atlas.page.locator(".atlas").get_attribute("aria-label") == "어텐션 아틀라스"
