"""The explore page, by mouse and keyboard: what is drawn are the core's numbers, and nothing runs twice."""

import io
import time
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
from PIL import Image

import vit_core as vc
from app import text
from tests.browser.conftest import ROOT, scroll, settled
from tests.hostile.make import cases
from vit_core import analysis, draw

SAMPLES = ROOT / "assets" / "samples"
ENGLISH, KOREAN = text.Text("en"), text.Text("ko")


@pytest.fixture(scope="module")
def model():
    return vc.load("embedded:photo", "cpu")


def upload(page, name: str, data: bytes) -> None:
    """Give the page a file, through the button for it."""
    if not page.locator(".st-key-upload").count():
        page.get_by_test_id("stSidebar").get_by_text(ENGLISH("side.source.file"), exact=True).click()
    page.locator(".st-key-upload input[type=file]").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": data})


def await_values(page, chart: str, trace: int, field: str, wanted) -> None:
    """Wait until a figure's trace holds these numbers."""
    page.wait_for_function("""([chart, trace, field, wanted]) => {
        const plot = document.querySelector(`.st-key-${chart} .js-plotly-plot`);
        const data = plot && plot._fullData && plot._fullData[trace] && plot._fullData[trace][field];
        if (!data) return false;
        const flat = Array.from(data).flatMap(v => typeof v === 'number' ? [v] : Array.from(v));
        const near = (v, i) => Math.abs(v - wanted[i]) < 2e-4 * (1 + Math.abs(v));
        return flat.length === wanted.length && flat.every(near);
    }""", arg=[chart, trace, field, np.asarray(wanted, float).ravel().tolist()])


def patch_centres(page, chart: str, trace: int = 0):
    """The window's (x, y) of the points or cells of a figure's trace, row by row."""
    return page.evaluate("""([chart, trace]) => {
        const plot = document.querySelector(`.st-key-${chart} .js-plotly-plot`);
        const {xaxis, yaxis} = plot._fullLayout, frame = plot.getBoundingClientRect(), data = plot._fullData[trace];
        const at = (x, y) => [frame.left + xaxis._offset + xaxis.d2p(x), frame.top + yaxis._offset + yaxis.d2p(y)];
        if (data.type !== 'heatmap') return Array.from(data.x).map((x, i) => at(x, data.y[i]));
        return Array.from(data.y).flatMap(y => Array.from(data.x).map(x => at(x, y)));
    }""", [chart, trace])


def bring(page, chart: str) -> None:
    """Scroll until a figure stands in the middle."""
    page.evaluate("c => document.querySelector(`.st-key-${c}`).scrollIntoView({block: 'center'})", chart)
    page.wait_for_timeout(300)


def test_an_uploaded_picture_is_shown_as_the_core_sees_it(visit, model, server, capsys):
    page = visit()
    data = (SAMPLES / "coffee.jpg").read_bytes()
    trace = vc.record(model, data)
    begun = time.perf_counter()
    upload(page, "내 사진.png", data)  # the name says neither what it is nor anything that may be trusted
    await_values(page, "norms_chart", 1, "y", np.median(trace.token_norms[:, trace.prefix :].numpy(), 1))
    with capsys.disabled():
        print(f"\nupload to last figure: {time.perf_counter() - begun:.2f} s")
    best = vc.top_k(model, trace, 5)
    await_values(page, "predictions_chart", 0, "x", [p for _, p in best])
    assert page.get_by_text(f"sure of {best[0][0]}").count() == 1
    labels = page.locator(".st-key-predictions_chart .ytick text").all_text_contents()
    assert [label.strip() for label in labels] == [name for name, _ in best]
    last = trace.depth - 1
    await_values(page, "attention_one", 0, "z", trace.on_grid(trace.attention(last, [0])[:, 0].mean(0)))
    await_values(page, "rollout_one", 0, "z", trace.on_grid(vc.rollout(trace)))
    distances = np.stack([analysis.attention_distance(trace, i).numpy() for i in range(trace.depth)])
    await_values(page, "distances_chart", 0, "y", distances)
    similarity = analysis.position_similarity(model)
    row, col = (n + 1 for n in ((trace.grid[0] - 1) // 2, (trace.grid[1] - 1) // 2))
    await_values(page, "positions_one", 0, "z", similarity[row - 1, col - 1])


def test_the_pixels_drawn_are_the_colour_scale_of_the_weights(visit, model):
    page = visit("lang=en&layer=2&head=3")
    trace = vc.record(model, str(SAMPLES / "dog.jpg"))
    weights = trace.on_grid(trace.attention(1, [0])[:, 0]).numpy()
    page.locator(".st-key-attention_opacity input[type=range]").focus()
    page.keyboard.press("End")  # the map alone
    top = max(float(weights.max()), float(weights.mean(0).max()))
    wanted = draw.colour_map(weights[2], 0.0, top).reshape(-1, 3).astype(int)
    bring(page, "attention_one")
    close = 0.0
    for _ in range(60):  # until the slider's answer is on the screen
        shot = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)
        centres = patch_centres(page, "attention_one")
        seen = [shot[int(y), int(x)] if 0 < y < shot.shape[0] else None for x, y in centres]
        errors = [np.abs(s - w).max() for s, w in zip(seen, wanted, strict=True) if s is not None]
        close = np.mean(np.array(errors) <= 6)
        if close == 1:
            break
        page.wait_for_timeout(250)
    assert len(errors) > len(wanted) / 2
    assert close == 1


def test_a_slider_redraws_its_figure_and_runs_no_model(visit, model, server, capsys):
    page = visit()
    trace = vc.record(model, str(SAMPLES / "dog.jpg"))
    ran = server.forwards()
    times = []
    page.locator(".st-key-layer input[type=range]").focus()
    for layer in (trace.depth - 2, trace.depth - 3, trace.depth - 4):
        begun = time.perf_counter()
        page.keyboard.press("ArrowLeft")
        await_values(page, "attention_one", 0, "z", trace.on_grid(trace.attention(layer, [0])[:, 0].mean(0)))
        times.append(time.perf_counter() - begun)
    page.locator(".st-key-depth input[type=range]").focus()
    for last in (trace.depth - 2, trace.depth - 3):
        begun = time.perf_counter()
        page.keyboard.press("ArrowLeft")
        await_values(page, "rollout_one", 0, "z", trace.on_grid(vc.rollout(trace, last=last)))
        times.append(time.perf_counter() - begun)
    with capsys.disabled():
        print("\nslider to redrawn figure: " + ", ".join(f"{t:.2f}" for t in times) + " s")
    assert server.forwards() == ran
    assert parse_qs(urlparse(page.url).query)["layer"] == [str(trace.depth - 3)]


def test_a_click_on_a_patch_turns_every_map_to_it(visit, model, server, shoot):
    page = visit()
    trace = vc.record(model, str(SAMPLES / "dog.jpg"))
    ran = server.forwards()
    rows, cols = trace.grid
    row, col = rows - 2, 1
    points = patch_centres(page, "hero_picture_chart", 2)  # 0 and 1 are the grid's lines
    page.mouse.click(*points[row * cols + col])
    token, last = trace.token_at(row, col), trace.depth - 1
    await_values(page, "attention_one", 0, "z", trace.on_grid(trace.attention(last, [token])[:, 0].mean(0)))
    await_values(page, "rollout_one", 0, "z", trace.on_grid(vc.rollout(trace, token=token)))
    await_values(page, "positions_one", 0, "z", analysis.position_similarity(model)[row, col])
    assert page.locator(".st-key-row input").input_value() == str(row + 1)
    shoot(page, "clicked")
    page.locator(".st-key-col input").fill("4")  # and by the keyboard
    page.keyboard.press("Enter")
    token = trace.token_at(row, 3)
    await_values(page, "attention_one", 0, "z", trace.on_grid(trace.attention(last, [token])[:, 0].mean(0)))
    page.wait_for_function("location.search.includes('col=4')")
    assert server.forwards() == ran
    page.reload()
    settled(page)
    await_values(page, "attention_one", 0, "z", trace.on_grid(trace.attention(last, [token])[:, 0].mean(0)))


def test_a_click_on_a_head_enlarges_it(visit, model):
    page = visit()
    trace = vc.record(model, str(SAMPLES / "dog.jpg"))
    bring(page, "attention_heads")
    page.mouse.click(*patch_centres(page, "attention_heads")[2])  # mean, 1, 2
    weights = trace.attention(trace.depth - 1, [0])[:, 0]
    await_values(page, "attention_one", 0, "z", trace.on_grid(weights[1]))
    page.get_by_text(f"layer {trace.depth}, head 2 look from here").wait_for()


def test_each_bad_file_is_told_what_is_wrong_and_the_session_goes_on(visit, model, server, shoot):
    page = visit()
    name = page.get_by_text("German shepherd")
    good = (SAMPLES / "kitten.jpg").read_bytes()
    every = {code: (file, data, code) for file, data, code in cases().values()
             if code and code != "image-too-heavy"}  # that one the uploader itself refuses
    again = [cases()[case] for case in ("text", "python pickle", "truncated jpeg")]
    bad = dict(enumerate([*every.values(), *again]))
    assert len(every) >= 6
    shown = page.locator("[data-testid=stSidebar] [data-testid=stAlert]")
    known = []
    for case, (file, data, code) in bad.items():
        upload(page, file, data)
        with pytest.raises(vc.InputError) as error:
            vc.record(model, data)
        assert error.value.code == code
        sentence = ENGLISH.error(error.value)
        known.append(sentence)
        shown.get_by_text(sentence, exact=True).wait_for()
        assert page.get_by_text(ENGLISH("last.picture", name="German shepherd")).count() == 1, case
    assert len(set(known)) >= len(every)
    assert name.count()
    shoot(page, "bad-file")
    upload(page, "fine.jpg", good)
    trace = vc.record(model, good)
    await_values(page, "norms_chart", 1, "y", np.median(trace.token_norms[:, trace.prefix :].numpy(), 1))
    assert shown.count() == 0
    heavy, data, _ = cases()["too many bytes"]
    upload(page, heavy, data)
    page.get_by_text("must be 20", exact=False).or_(page.get_by_text("exceed", exact=False)).first.wait_for()


def test_odd_files_simply_work(visit, model):
    page = visit()
    good = {case: data for case, (_, data, code) in cases().items() if code is None}
    for case in ("1 x 1", "16 bit", "palette and alpha", "cmyk", "animated gif", "on its side"):
        upload(page, f"{case}.bin", good[case])
        trace = vc.record(model, good[case])
        await_values(page, "norms_chart", 1, "y", np.median(trace.token_norms[:, trace.prefix :].numpy(), 1))


def test_the_language_is_switched_in_place(visit, shoot, server):
    page = visit()
    ran = server.forwards()
    page.get_by_test_id("stSidebar").get_by_text("한국어", exact=True).click()
    page.get_by_role("heading", name=KOREAN("norms.title")).wait_for()
    settled(page)
    for key in ("received.title", "predictions.title", "positions.title", "rollout.title"):
        assert page.get_by_role("heading", name=KOREAN(key)).count() == 1
        assert page.get_by_role("heading", name=ENGLISH(key)).count() == 0
    for box, option in (("sample_ko", "독일 셰퍼드"), ("from_ko", KOREAN("token.class"))):
        page.wait_for_function("""([box, option]) => {
            const found = document.querySelector(`.st-key-${box}`);
            return found && (found.textContent.includes(option) || found.querySelector('input')?.value === option);
        }""", arg=[box, option])
    page.wait_for_function("location.search.includes('lang=ko')")
    assert server.forwards() == ran
    shoot(page, "korean")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_the_window(visit, theme, shoot):
    page = visit("lang=ko" if theme == "dark" else "lang=en", theme=theme)
    main = page.get_by_test_id("stMain")
    for width, height in ((1280, 720), (1920, 1080), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(800)  # figures follow
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert main.evaluate("e => e.scrollWidth - e.clientWidth") <= 0
        for plot in page.locator(".js-plotly-plot").all():
            assert plot.evaluate("e => e.getBoundingClientRect().right - window.innerWidth") <= 0
        if width > 1000:  # the first screen is a finished result: picture and answer
            for chart in ("hero_picture_chart", "predictions_chart"):
                box = page.locator(f".st-key-{chart} .js-plotly-plot").bounding_box()
                assert box["y"] + min(box["height"], 100) < height
            before = page.locator(".st-key-hero_picture_chart").bounding_box()
            scroll(page, 1500)
            page.wait_for_timeout(200)
            assert page.locator(".st-key-hero_picture_chart").bounding_box() == before  # it stays where it is
            sizes = page.evaluate("""() => [...document.querySelectorAll('.js-plotly-plot svg text')]
                .filter(t => t.textContent.trim()).map(t => parseFloat(getComputedStyle(t).fontSize))""")
            assert min(sizes) >= 14
        for i, top in enumerate(range(0, main.evaluate("e => e.scrollHeight"), height - 100)):
            scroll(page, top)
            shoot(page, f"{width}-{theme}-{i:02}")
        scroll(page, 0)
    colours = page.evaluate("""() => [getComputedStyle(document.querySelector('.st-key-norms_chart .ytick text')).fill,
                                      getComputedStyle(document.querySelector('.stApp')).color]""")
    assert colours[0] == colours[1]


def test_nothing_is_fetched_from_elsewhere(visit, server):
    page = visit()
    assert page.asked
    assert not [url for url in page.asked if not url.startswith((server.url, "data:", "blob:"))]
