"""The explore page, by mouse and keyboard: what is drawn are the core's numbers, and nothing runs twice."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vit_core as vc
from app import text
from app.explore import views
from app.text import WORDS, equations
from tests.browser.conftest import ROOT, addressed, as_shown, idle, settled, still
from tests.browser.explore.atlas_driver import Atlas, agrees
from tests.hostile.pictures.make import cases
from vit_core.attention import statistics
from vit_core.images import Preprocess
from vit_core.models import embeddings

SAMPLES = ROOT / "assets" / "samples"
GRID = (16, 16)  # of embedded:photo
POSITION_TARGETS = 0  # which trace of the grid of grids takes the clicks
FIRST = json.loads((SAMPLES / "samples.json").read_text(encoding="utf-8"))[0]  # what the page opens on
ENGLISH, KOREAN = text.Text("en"), text.Text("ko")


@pytest.fixture(scope="module")
def model():
    return vc.load("embedded:photo", "cpu")


def upload(page, name: str, data: bytes, folder: Path | None = None) -> None:
    """Give the page a file, through the button for it; a large one from a folder, as Playwright sends bytes slowly."""
    if not page.locator(".st-key-upload").count():
        page.get_by_test_id("stSidebar").get_by_text(ENGLISH("side.source.file"), exact=True).click()
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    if folder:
        file = folder / name
        file.write_bytes(data)
    page.locator(".st-key-upload input[type=file]").set_input_files(file)


def await_values(page, chart: str, trace: int, field: str, wanted) -> None:
    """Wait until a figure's trace holds these numbers."""
    page.wait_for_function(
        """([chart, trace, field, wanted]) => {
        const plot = document.querySelector(`.st-key-${chart} .js-plotly-plot`);
        const data = plot && plot._fullData && plot._fullData[trace] && plot._fullData[trace][field];
        if (!data) return false;
        const flat = Array.from(data).flatMap(v => typeof v === 'number' ? [v] : Array.from(v));
        const near = (v, i) => Math.abs(v - wanted[i]) < 2e-4 * (1 + Math.abs(v));
        return flat.length === wanted.length && flat.every(near);
    }""",
        arg=[chart, trace, field, np.asarray(wanted, float).ravel().tolist()],
    )


def patch_centres(page, chart: str, trace: int = 0):
    """The window's (x, y) of the points or cells of a figure's trace, row by row."""
    return page.evaluate(
        """([chart, trace]) => {
        const plot = document.querySelector(`.st-key-${chart} .js-plotly-plot`);
        const {xaxis, yaxis} = plot._fullLayout, frame = plot.getBoundingClientRect(), data = plot._fullData[trace];
        const at = (x, y) => [frame.left + xaxis._offset + xaxis.d2p(x), frame.top + yaxis._offset + yaxis.d2p(y)];
        if (data.type !== 'heatmap') return Array.from(data.x).map((x, i) => at(x, data.y[i]));
        return Array.from(data.y).flatMap(y => Array.from(data.x).map(x => at(x, y)));
    }""",
        [chart, trace],
    )


class Looking(Atlas):
    """The atlas on the explore page."""

    def __init__(self, page):
        self.page = page
        self.ready()

    def shows(self, wanted) -> None:
        """Wait until the map over the picture holds these weights, a token each, to what bytes can tell."""
        wanted = [float(w) for w in wanted]
        self.page.wait_for_function(
            """wanted => [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]
            .some(e => { const a = e.shadowRoot?.querySelector('.atlas')?.atlas;
                if (!a?.map || a.model?.N !== wanted.length) return false;
                const shown = wanted.map((_, k) => a.map.a[a.map.at + k] ** 2), top = Math.max(...wanted);
                return shown.every((s, k) => Math.abs(s - wanted[k]) < 0.012 * top) })""",
            arg=wanted,
        )


def show(page, view: str, figure: str | None = None, say=ENGLISH) -> None:
    """Choose a view by mouse, and a figure of the view "inside"."""
    page.locator(f".atlas .view input[value={view}]").click()
    page.locator(f".st-key-view_{view}").wait_for(state="attached")
    if figure:
        page.locator(".st-key-inside").get_by_text(say(f"inside.{figure}"), exact=True).click()
        page.get_by_role("heading", name=say(f"{figure}.title")).wait_for()
    settled(page)


class Rolled:
    """The rollout on the explore page: its maps, and what is done to them."""

    def __init__(self, page):
        self.page, self.root = page, page.locator(".rollout")

    def shows(self, wanted, layer: int) -> None:
        """Wait until the chosen map is of this layer, and holds these shares of 1, (rows, cols)."""
        self.page.wait_for_function(
            """([wanted, layer]) => [...document.querySelectorAll(
            '[data-testid=stBidiComponentIsolated]')].some(e => {
                const r = e.shadowRoot?.querySelector('.rollout')?.rollout, map = r?.maps?.[r.index];
                return map?.length === wanted.length && r.header.first + r.index === layer
                    && r.root.dataset.state === 'ready' && wanted.every((w, i) => Math.abs(map[i] - w) < 1e-5) })""",
            arg=[np.asarray(wanted, float).ravel().tolist(), layer],
        )

    def colours(self, canvas: str) -> np.ndarray:
        """What a canvas shows, a pixel a patch, (rows, cols, 3)."""
        shape, pixels = self.root.locator(canvas).evaluate("""c => [[c.height, c.width, 4],
            [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]]""")
        return np.array(pixels, np.uint8).reshape(shape)[..., :3]

    def small(self, layer: int):
        return self.root.locator(".strip label").nth(layer - 1)


def agree(shown: np.ndarray, wanted: np.ndarray) -> None:
    """The same colours, to a step of the scale."""
    assert np.abs(shown.astype(int) - wanted.astype(int)).max() <= 5


def test_an_uploaded_picture_is_shown_as_the_core_sees_it(visit, model, server):
    page = visit("lang=en&view=inside&inside=norms")
    data = (SAMPLES / "coffee.jpg").read_bytes()
    trace = vc.record(model, data)
    upload(page, "내 사진.png", data)  # the name says neither what it is nor anything that may be trusted
    await_values(page, "norms_chart", 1, "y", np.median(trace.token_norms[:, trace.num_prefix_tokens :].numpy(), 1))
    best = vc.top_k(model, trace, 5)
    show(page, "answer")
    await_values(page, "predictions_chart", 0, "x", [p for _, p in best])
    assert page.get_by_text(as_shown(f"The model gives {best[0][0]}")).count() == 1
    page.wait_for_function(
        """names => {
        const labels = [...document.querySelectorAll('.st-key-predictions_chart .ytick text')];
        return JSON.stringify(labels.map(label => label.textContent.trim())) === JSON.stringify(names);
    }""",
        arg=[name for name, _ in best],
    )
    Looking(page).shows(trace.attention(trace.depth - 1, [0])[:, 0].mean(0))
    show(page, "flow")
    Rolled(page).shows(trace.on_grid(vc.rollout(trace)), trace.depth)
    show(page, "inside", "distances")
    distances = np.stack([statistics.attention_distance(trace, i).numpy() for i in range(trace.depth)])
    await_values(page, "distances_chart", 0, "y", distances)
    show(page, "inside", "positions")
    similarity = embeddings.position_similarity(model, trace.grid)
    row, col = (n + 1 for n in ((trace.grid[0] - 1) // 2, (trace.grid[1] - 1) // 2))
    await_values(page, "positions_one", 0, "z", similarity[row - 1, col - 1])


def test_the_pixels_drawn_are_the_attention_of_the_patch_under_the_pointer(visit, model):
    page = visit("lang=en&layer=2&head=3")
    trace, atlas = vc.record(model, str(SAMPLES / FIRST["file"])), Looking(page)
    for row, col in ((1, 2), (6, 5)):
        atlas.hover(row, col)
        weights = trace.attention(1, [trace.token_at(row, col)])[2, 0]
        atlas.shows(weights)
        agrees(atlas.overlay(), trace.on_grid(weights))


def test_a_slider_redraws_its_figure_and_runs_no_model(visit, model, server):
    page = visit("lang=en&view=flow")
    trace, rolled = vc.record(model, str(SAMPLES / FIRST["file"])), Rolled(page)
    ran = server.forwards()
    page.locator(".st-key-residual input[type=range]").focus()
    for residual in (0.45, 0.4, 0.35):
        page.keyboard.press("ArrowLeft")
        rolled.shows(trace.on_grid(vc.rollout(trace, residual=residual)), trace.depth)
    assert server.forwards() == ran


def test_another_model_looks_from_the_same_place(visit):
    page = visit("lang=en&model=embedded:fashion&from=patch&row=7&col=7&pinned=7-7&view=inside&inside=positions")
    for title, names in (("model.photo", "embedded:photo"), ("model.fashion", "embedded:fashion")):
        page.locator(".st-key-model_en input").click()
        page.get_by_role("option", name=ENGLISH(title), exact=True).click()
        page.wait_for_function("name => location.search.includes(encodeURIComponent(name))", arg=names)
        settled(page)
        Looking(page).wait("a.model.table && a.sending == null")  # it has sent its view, if it has another
        idle(page)
        for part in ("row=7", "col=7", "pinned=7-7"):
            assert part in page.url, page.url
        assert page.get_by_text(ENGLISH("positions.one", row=7, col=7)).count()


def test_back_and_forward_lead_through_what_was_seen(visit, model, server):
    page = visit("lang=en&layer=3&head=2&from=patch&row=2&col=3")
    trace, atlas = vc.record(model, str(SAMPLES / FIRST["file"])), Looking(page)
    first, second = (2, 1, (1, 2)), (4, 0, (5, 6))

    def seen(layer, head, place, pinned):
        atlas.shows(trace.attention(layer, [trace.token_at(*place)])[head, 0])
        addressed(
            page,
            f"layer={layer + 1}",
            f"head={head + 1}",
            f"row={place[0] + 1}",
            f"col={place[1] + 1}",
            *([f"pinned={place[0] + 1}-{place[1] + 1}"] if pinned else []),
            lacks=() if pinned else ("pinned",),
        )
        page.locator(".title", has_text=f"layer {layer + 1}, head {head + 1}").wait_for()

    seen(*first, False)
    ran, begun = server.forwards(), page.evaluate("history.length")
    atlas.click(*second[2])
    addressed(page, "pinned=6-7")
    page.mouse.click(*atlas.cell(*second[:2]))
    page.mouse.move(5, 5)  # off the maps, or the one under the pointer is shown
    seen(*second, True)
    assert page.evaluate("history.length") == begun + 2
    page.go_back(wait_until="commit")
    seen(*first[:2], second[2], True)
    page.go_back(wait_until="commit")
    seen(*first, False)
    page.go_forward(wait_until="commit")
    page.go_forward(wait_until="commit")
    seen(*second, True)
    assert server.forwards() == ran


def test_no_word_of_a_korean_title_is_cut_in_two(visit):
    page = visit("lang=ko", 360, 844)
    script = """() => [...document.querySelectorAll('.stApp h3')].flatMap((title) => {
        const walker = document.createTreeWalker(title, NodeFilter.SHOW_TEXT), range = document.createRange();
        const found = [];
        for (let text; (text = walker.nextNode());)
            for (const { index, 0: word } of text.data.matchAll(/\\S+/g)) {
                range.setStart(text, index);
                range.setEnd(text, index + word.length);
                found.push([word, new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size]);
            }
        return found;
    })"""
    seen = 0
    for name, address in FIGURES.items():
        page.goto(f"{page.url.split('?')[0]}?lang=ko&{address}")
        settled(page)
        for width in (360, 390, 430):
            page.set_viewport_size({"width": width, "height": 844})
            still(page)
            words = page.evaluate(script)
            seen += len(words)
            assert not [word for word, lines in words if lines > 1], (name, width)
    assert seen > 60


@pytest.mark.parametrize("place", ["", "&from=patch&row=2&col=3"])
def test_where_the_mouse_only_passes_is_no_step_for_back(visit, place):
    page = visit(f"lang=en&view=inside&inside=positions{place}")
    atlas, begun, address = Looking(page), page.evaluate("history.length"), page.url
    for row, col in ((4, 4), (1, 5), (6, 2)):
        atlas.hover(row, col)
        page.get_by_text(ENGLISH("positions.one", row=row + 1, col=col + 1)).wait_for()
    assert (page.evaluate("history.length"), page.url) == (begun, address)
    still(page)  # but what is clicked there is one
    page.mouse.click(*patch_centres(page, "positions_chart", POSITION_TARGETS)[2 * GRID[1] + 4])
    addressed(page, "row=3", "col=5")
    assert page.evaluate("history.length") == begun + 1
    atlas.click(5, 3)
    addressed(page, "row=6", "col=4", "pinned=6-4")
    assert page.evaluate("history.length") == begun + 2


def test_a_rollout_of_thousands_of_tokens_waits_until_its_place_is_kept(visit, tmp_path):
    shape = vc.ViTConfig(
        image_size=(512, 512), patch_size=(8, 8), dim=16, heads=1, head_dim=16, depth=3, mlp_dim=16, classes=2
    )
    vc.save(vc.VisionTransformer(shape, transform=Preprocess(shape.image_size)), tmp_path / "many.safetensors")
    page = visit(f"lang=en&view=flow&model=file:{tmp_path}/many.safetensors")
    atlas = Looking(page)
    atlas.hover(30, 20)
    page.locator(".title", has_text="row 31, column 21").wait_for()
    atlas.wait("a.sending == null")
    idle(page)
    assert page.get_by_text("(Abnar & Zuidema 2020) from the class token, for layers").count()
    atlas.click(30, 20)
    page.get_by_text("(Abnar & Zuidema 2020) from the patch in row 31, column 21, for layers").wait_for()


def test_the_rest_of_the_page_follows_the_atlas_and_leads_it(visit, model, server, shoot):
    page = visit("lang=en&view=inside&inside=positions")
    trace, atlas = vc.record(model, str(SAMPLES / FIRST["file"])), Looking(page)
    ran = server.forwards()
    rows, cols = trace.grid
    row, col = rows - 2, 1
    token, last = trace.token_at(row, col), trace.depth - 1
    atlas.click(row, col)
    await_values(page, "positions_one", 0, "z", embeddings.position_similarity(model, trace.grid)[row, col])
    show(page, "flow")
    Rolled(page).shows(trace.on_grid(vc.rollout(trace, token=token)), trace.depth)
    show(page, "heads")
    page.mouse.click(*atlas.cell(last - 1, 2))  # a head of the atlas
    atlas.shows(trace.attention(last - 1, [token])[2, 0])
    show(page, "inside", "distances")
    page.get_by_text(f"Highlighted: layer {last}, head 3").wait_for()
    for part in (
        f"layer={last}",
        "head=3",
        "from=patch",
        f"row={row + 1}",
        f"col={col + 1}",
        f"pinned={row + 1}-{col + 1}",
    ):
        page.wait_for_function("part => location.search.includes(part)", arg=part)
    shoot(page, "pinned")
    page.reload()  # the address is the view
    settled(page)
    atlas = Looking(page)
    atlas.shows(trace.attention(last - 1, [token])[2, 0])
    show(page, "inside", "positions")  # and a click elsewhere on the page turns the atlas
    targets = patch_centres(page, "positions_chart", POSITION_TARGETS)
    page.mouse.click(*targets[2 * cols + 3])
    atlas.shows(trace.attention(last - 1, [trace.token_at(2, 3)])[2, 0])
    page.wait_for_function("() => location.search.includes('row=3') && location.search.includes('col=4')")
    assert server.forwards() == ran


def test_another_model_or_picture_never_shows_a_stale_map(visit, model, server):
    page = visit("lang=en&layer=6&head=4")
    atlas, sidebar = Looking(page), page.get_by_test_id("stSidebar")
    upload(page, "coffee.jpg", (SAMPLES / "coffee.jpg").read_bytes())
    atlas.shows(vc.record(model, str(SAMPLES / "coffee.jpg")).attention(5, [0])[3, 0])
    sidebar.locator(".st-key-model_en input").click()
    page.get_by_role("option").nth(1).click()
    other = vc.load("embedded:fashion", "cpu")
    atlas.shows(vc.record(other, str(SAMPLES / "coffee.jpg")).attention(5, [0])[3, 0])


def test_each_bad_file_is_told_what_is_wrong_and_the_session_goes_on(visit, model, server, shoot, tmp_path):
    page = visit("lang=en&view=inside&inside=norms")
    name = page.get_by_text(FIRST["title_en"])
    good = (SAMPLES / "coffee.jpg").read_bytes()  # another than the one the page opens on
    every = {
        code: (file, data, code) for file, data, code in cases().values() if code and code != "image-too-heavy"
    }  # that one the uploader itself refuses
    again = [cases()[case] for case in ("text", "python pickle", "truncated jpeg")]
    bad = [*every.values(), *again]
    assert len(every) >= 6
    shown = page.locator("[data-testid=stSidebar] [data-testid=stAlert]")
    known = []
    for file, data, code in bad:
        upload(page, file, data)
        with pytest.raises(vc.InputError) as error:
            vc.record(model, data)
        assert error.value.code == code
        sentence = ENGLISH.error(error.value)
        known.append(sentence)
        shown.get_by_text(as_shown(sentence)).wait_for()
        page.get_by_text(as_shown(ENGLISH("last.picture", name=FIRST["title_en"]))).wait_for()
        idle(page)
    assert len(set(known)) >= len(every)
    assert name.count()
    shoot(page, "bad-file")
    upload(page, "fine.jpg", good)
    trace = vc.record(model, good)
    await_values(page, "norms_chart", 1, "y", np.median(trace.token_norms[:, trace.num_prefix_tokens :].numpy(), 1))
    assert shown.count() == 0
    heavy, data, _ = cases()["too many bytes"]
    upload(page, heavy, data, tmp_path)
    page.get_by_text("must be 20", exact=False).or_(page.get_by_text("exceed", exact=False)).first.wait_for()


def test_odd_files_simply_work(visit, model):
    page = visit("lang=en&view=inside&inside=norms")
    good = {case: data for case, (_, data, code) in cases().items() if code is None}
    for case in ("1 x 1", "16 bit", "palette and alpha", "cmyk", "animated gif", "on its side"):
        upload(page, f"{case}.bin", good[case])
        trace = vc.record(model, good[case])
        await_values(page, "norms_chart", 1, "y", np.median(trace.token_norms[:, trace.num_prefix_tokens :].numpy(), 1))
        assert page.get_by_text(ENGLISH("side.frames", count="2")).count() == ("animated" in case)


def test_what_of_a_file_is_not_shown_is_said(visit, shoot):
    page = visit()
    sidebar, large = page.get_by_test_id("stSidebar"), io.BytesIO()
    Image.new("RGB", (9000, 6000), "teal").save(large, "JPEG")
    for say, language in ((ENGLISH, "English"), (KOREAN, "한국어")):
        sidebar.get_by_text(language, exact=True).click()
        if language == "English":
            upload(page, "moving.gif", cases()["animated gif"][1])
        sidebar.get_by_text(say("side.frames", count="2"), exact=True).wait_for()
        settled(page)
        shoot(page, f"animation-{say.language}")
    upload(page, "large.jpg", large.getvalue())
    for say, language in ((KOREAN, "한국어"), (ENGLISH, "English")):
        sidebar.get_by_text(language, exact=True).click()
        sidebar.get_by_text(say("side.part", part=2), exact=True).wait_for()
        settled(page)
        shoot(page, f"large-{say.language}")
    upload(page, "still.png", cases()["grey"][1])
    for key, what in (("side.frames", {"count": "2"}), ("side.part", {"part": 2})):
        sidebar.get_by_text(ENGLISH(key, **what), exact=True).wait_for(state="detached")


def test_the_uploader_speaks_the_pages_language(visit, shoot):
    page = visit()
    sidebar, zone = page.get_by_test_id("stSidebar"), page.get_by_test_id("stFileUploaderDropzone")
    sidebar.get_by_text(ENGLISH("side.source.file"), exact=True).click()
    for say, language in ((KOREAN, "한국어"), (ENGLISH, "English")):
        sidebar.get_by_text(language, exact=True).click()
        zone.get_by_role("button", name=say("side.file.choose"), exact=True).wait_for()
        assert say("side.file.limit") in zone.aria_snapshot()
        shoot(page, f"uploader-{say.language}")
        zone.evaluate("""zone => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File(['x'], 'x.png', {type: 'image/png'}));
            for (const kind of ['dragenter', 'dragover'])
                zone.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer}));
        }""")
        zone.locator("input + div").wait_for()
        assert say("side.file.drop") in zone.aria_snapshot()
        assert zone.inner_text() == "upload", "Streamlit's own words stand beside ours; this is the icon's name"
        shoot(page, f"uploader-dragging-{say.language}")
        zone.evaluate("zone => zone.dispatchEvent(new DragEvent('dragleave', {bubbles: true}))")
        zone.locator("input + div").wait_for(state="detached")
    own = zone.text_content()
    assert own == "upload" + ENGLISH("side.file.choose") + ENGLISH("side.file.limit"), "English is as Streamlit says it"


def test_why_a_file_was_not_taken_is_seen_beside_it_in_the_pages_language(visit, shoot, tmp_path):
    page = visit()
    sidebar, chip = page.get_by_test_id("stSidebar"), page.locator(".st-key-upload .stFileChip")
    heavy, data, _ = cases()["too many bytes"]
    upload(page, heavy, data, tmp_path)
    for say, language in ((ENGLISH, "English"), (KOREAN, "한국어")):
        sidebar.get_by_text(language, exact=True).click()
        page.wait_for_function(
            """said => [...document.querySelectorAll('.st-key-upload .stFileChip [role=alert]')]
            .some(alert => getComputedStyle(alert, '::before').content.includes(said))""",
            arg=say("side.file.refused"),
        )
        assert say("side.file.refused") in chip.get_by_role("alert").aria_snapshot()
        seen = chip.get_by_role("alert").evaluate("""alert => {
            const [box, chip] = [alert.getBoundingClientRect(), alert.closest('.stFileChip').getBoundingClientRect()];
            return [getComputedStyle(alert).fontSize, box.height > 15 && box.width > 150 && box.bottom <= chip.bottom];
        }""")
        assert seen == ["0px", True], "Streamlit's own words stand beside ours, or ours are nowhere"
        chip.hover()
        page.get_by_test_id("stTooltipErrorContent").wait_for(state="attached")
        assert not page.get_by_test_id("stTooltipErrorContent").is_visible()
        shoot(page, f"uploader-refused-{say.language}")


#: A camera that sees one colour.
CAMERA = """navigator.mediaDevices.getUserMedia = async () => {
    const canvas = document.createElement('canvas'), pen = canvas.getContext('2d');
    [canvas.width, canvas.height] = [320, 240];
    setInterval(() => { pen.fillStyle = 'teal'; pen.fillRect(0, 0, 320, 240); }, 200);
    return canvas.captureStream();
};"""


def test_a_photo_is_taken_and_shown(visit, shoot):
    page = visit("lang=en&view=inside&inside=received")
    page.evaluate(CAMERA)
    page.get_by_test_id("stSidebar").get_by_text(ENGLISH("side.source.camera"), exact=True).click()
    page.wait_for_function("() => document.querySelector('.st-key-camera video')?.readyState > 2")
    page.locator(".st-key-camera button").last.click()
    page.get_by_text(ENGLISH("side.stays")).wait_for()
    page.get_by_text("From a picture of 320", exact=False).wait_for()  # the photo is 320 pixels wide
    settled(page)
    shoot(page, "camera-taken")


def test_the_camera_speaks_the_pages_language(visit, shoot):
    page = visit()
    sidebar, camera = page.get_by_test_id("stSidebar"), page.locator(".st-key-camera")
    sidebar.get_by_text(ENGLISH("side.source.camera"), exact=True).click()
    for say, language in ((ENGLISH, "English"), (KOREAN, "한국어")):
        sidebar.get_by_text(language, exact=True).click()
        camera.get_by_role("button", name=say("side.camera.shoot")).wait_for()
        camera.locator("p a").wait_for(state="attached")
        settled(page)
        for key in ("side.camera.allow", "side.camera.shoot"):
            assert say(key) in camera.aria_snapshot()
        sizes = camera.locator("button, p:has(a)").evaluate_all("all => all.map(e => getComputedStyle(e).fontSize)")
        assert set(sizes) == {"0px"}, "Streamlit's own words stand beside ours"
        shoot(page, f"camera-{say.language}")
    page.evaluate(CAMERA)
    sidebar.get_by_text(KOREAN("side.source.sample"), exact=True).click()
    camera.wait_for(state="detached")
    sidebar.get_by_text(KOREAN("side.source.camera"), exact=True).click()
    page.wait_for_function("() => document.querySelector('.st-key-camera video')?.readyState > 2")
    camera.locator("button").last.click()
    camera.get_by_role("button", name=KOREAN("side.camera.again")).wait_for()
    shoot(page, "camera-again")


def test_the_language_is_switched_in_place(visit, shoot, server):
    page = visit("lang=en&view=inside&inside=norms")
    ran = server.forwards()
    page.get_by_test_id("stSidebar").get_by_text("한국어", exact=True).click()
    page.get_by_role("heading", name=KOREAN("norms.title")).wait_for()
    settled(page)
    assert page.get_by_role("heading", name=ENGLISH("norms.title")).count() == 0
    page.locator(".atlas .view", has_text=WORDS["ko"]["view_inside"]).wait_for()
    assert Looking(page).page.get_by_text(KOREAN("atlas.answer", answer="")[:5], exact=False).count()
    for box, option in (("sample_ko", FIRST["title_ko"]),):
        page.wait_for_function(
            """([box, option]) => {
            const found = document.querySelector(`.st-key-${box}`);
            return found && (found.textContent.includes(option) || found.querySelector('input')?.value === option);
        }""",
            arg=[box, option],
        )
    page.wait_for_function("() => location.search.includes('lang=ko')")
    assert server.forwards() == ran
    shoot(page, "korean")


def test_what_is_chosen_in_the_moment_the_maps_speak_is_not_lost(visit):
    page = visit("lang=en&layer=3&view=answer")
    Looking(page)  # figures may stand before the maps do
    page.evaluate("""() => {
        const atlas = [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]
            .map(e => e.shadowRoot?.querySelector('.atlas')?.atlas).find(Boolean);
        atlas.send('view', {...atlas.view(), layer: 1});
        [...document.querySelectorAll('[data-testid=stSidebar] button')].find(b => b.textContent === '한국어').click();
    }""")
    page.get_by_role("heading", name=KOREAN("predictions.title")).wait_for()  # once, the whole page stayed as it was
    addressed(page, "lang=ko", "layer=2")


#: A figure's name -> the address that shows it.
FIGURES = {
    "attention": "view=heads",
    "like": "view=heads&direction=like&facet=value",
    "rollout": "view=flow",
    "predictions": "view=answer",
    "features": "view=features",
    **{name: f"view=inside&inside={name}" for name in views.INSIDE},
}


@pytest.mark.parametrize("say", [ENGLISH, KOREAN], ids=["en", "ko"])
def test_a_fold_opens_by_keyboard_on_its_equation_and_what_it_does_not_show(visit, say):
    assert {"received", "predictions", "attention", "like", *equations.FIXED} == {*FIGURES}
    page = visit(f"lang={say.language}")
    for name, address in FIGURES.items():
        page.goto(f"{page.url.split('?')[0]}?lang={say.language}&{address}")
        settled(page)
        fold = page.get_by_test_id("stMain").locator("details")
        assert fold.count() == 1
        said = [say(f"{name}.not"), *[say("reasons.not").replace("**", "")] * (name == "predictions")]
        assert fold.locator(":not(summary *) > p").all_text_contents()[-len(said) :] == said
        equation = fold.locator(".katex-display")
        assert not equation.is_visible()
        fold.locator("summary").press("Enter")
        equation.wait_for()
        assert not fold.locator(".katex-error").count()
        assert equation.evaluate("e => e.scrollWidth - e.clientWidth") <= 0  # all of it, without scrolling
        assert fold.locator("summary p").text_content() == say("features.fold" if name == "features" else "fold")


def test_nothing_is_fetched_from_elsewhere(visit, server):
    page = visit()
    assert page.requested
    assert not [url for url in page.requested if not url.startswith((server.url, "data:", "blob:"))]
