"""The stage around the scenes: keys, full screen, links, outline, languages; and that each scene fits and is quick."""

import json
import re

import pytest
from PIL import Image

from app.lecture import SCENES
from app.text.lecture import frame, scene_text
from tests.browser.conftest import ROOT, addressed

SIZES = {"window": (1280, 720), "large": (1920, 1080)}


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("scene", SCENES)
def test_each_scene_is_whole_in_each_language(lecture, shoot, scene, language):
    shown = lecture(scene, language)
    table = getattr(scene_text(scene), language.upper())
    page = shown.page
    assert page.locator(".slide .title").inner_text() == table["title"]
    assert "…" not in shown.prose()  # every live number is there
    assert not re.search(r"\{\w+\}|undefined|NaN|\$\w+\$", page.locator(".slide").inner_text())
    assert shown.misfits() == []
    shoot(page, f"lecture_{scene}_{language}_window")
    page.keyboard.press("f")
    page.wait_for_function("() => document.fullscreenElement !== null")
    page.wait_for_timeout(200)
    assert shown.misfits() == []
    small = shown.run("""
        const least = innerWidth / 80 - 0.6;  // one em of the slide
        return [...stage.slide.querySelectorAll('.body *, header *')].filter((e) => {
            const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
            const scale = e.ownerSVGElement ? e.ownerSVGElement.getBoundingClientRect().width / e.ownerSVGElement.viewBox.baseVal.width : 1;
            const script = e.closest('math') || e.matches('sub, sup, option');
            return own && !script && e.getClientRects().length && parseFloat(getComputedStyle(e).fontSize) * scale < least * 0.94;
        }).map((e) => `${e.tagName} ${e.textContent.slice(0, 30)}`).slice(0, 5);""")  # noqa: E501
    assert small == []  # nothing smaller than 15 pixels at 1280 x 720
    shoot(page, f"lecture_{scene}_{language}_full")


@pytest.mark.parametrize("scene", SCENES)
def test_each_scene_on_a_large_dark_screen_and_on_a_phone(lecture, shoot, scene):
    shown = lecture(scene, "ko", 1920, 1080, "dark")
    assert shown.misfits() == []
    shoot(shown.page, f"lecture_{scene}_ko_large_dark")
    phone = lecture(scene, "en", 390, 844)
    wide = phone.run("const s = stage.slide; return [s.scrollWidth, s.clientWidth, document.body.scrollWidth]")
    assert wide[0] <= wide[1] + 2
    assert wide[2] <= 392
    shoot(phone.page, f"lecture_{scene}_en_phone")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_on_a_phone_the_keys_beneath_stand_in_one_line(lecture, language):
    shown = lecture("patches", language, 390, 844)
    boxes = [key.bounding_box() for key in shown.page.locator(".slide footer .key:visible").all()]
    assert len(boxes) == 6
    assert max(box["y"] for box in boxes) < min(box["y"] + box["height"] for box in boxes)
    assert max(box["x"] + box["width"] for box in boxes) <= 390
    assert min(min(box["width"], box["height"]) for box in boxes) >= 24


@pytest.mark.parametrize("scene", ["attention", "language"])
def test_in_a_small_window_the_figures_words_are_no_larger_than_the_prose(lecture, scene):
    shown = lecture(scene, "ko", 1024, 576)  # with the sidebar: as narrow as a phone's slide can be wide
    size = "[...stage.slide.querySelectorAll(argument)].map((e) => parseFloat(getComputedStyle(e).fontSize))"
    assert max(shown.run(f"return {size}", ".figure .choice button")) <= max(shown.run(f"return {size}", ".prose p"))
    assert shown.page.locator(".slide .title").bounding_box()["height"] < 40  # in one line
    assert shown.misfits() == []


@pytest.mark.parametrize("file", ["lecture/text.js", "atlas/words.js"])
def test_a_share_has_two_digits_where_it_is_rounded_up_too(chromium, file):
    script = (ROOT / "app/components" / file).read_text(encoding="utf-8")
    page = chromium.new_page()
    said = page.evaluate(f"() => {{ {script}; return [0.0994, 0.0996, 0.00994, 0.00996, 0.123, 1].map(percent); }}")
    page.close()
    assert [one.replace("\u00a0", " ") for one in said] == ["9.9 %", "10 %", "0.99 %", "1.0 %", "12 %", "100 %"]


def test_keys_and_clicker_walk_through_all_scenes(lecture):
    shown = lecture(SCENES[0])
    page = shown.page
    page.keyboard.press("PageUp")
    assert shown.scene() == SCENES[0]
    for number, scene in enumerate(SCENES[1:], 1):
        page.keyboard.press("PageDown" if number % 2 else "ArrowRight")
        shown.ready(scene)
        addressed(page, f"scene={scene}")
    page.keyboard.press("ArrowRight")
    assert shown.scene() == SCENES[-1]
    page.keyboard.press("ArrowLeft")
    shown.ready(SCENES[-2])
    page.keyboard.press("PageUp")
    shown.ready(SCENES[-3])


def test_the_keys_work_wherever_the_last_click_was(lecture, tmp_path):
    shown = lecture("cnn")
    page, outline = shown.page, shown.page.locator(".slide .outline")
    framed = "() => document.querySelector('.stMain').matches(':focus-visible')"  # what Streamlit draws its frame by

    def works() -> None:
        for visible in (True, False):
            page.keyboard.press("o")
            assert outline.is_visible() == visible
        assert not page.evaluate(framed)

    page.locator(".slide .title").click()
    works()
    page.locator(".slide .prose p").first.click()
    works()
    page.mouse.click(790, 700)  # beneath the slide
    works()
    page.locator(".slide .choice button").first.click()
    works()
    page.keyboard.press("ArrowRight")  # a click on a choice leaves the arrows to the scenes
    shown.ready("bias")
    box = page.locator(".stSidebar .stSelectbox input").first
    box.click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("o")  # typed into the open box
    assert not outline.is_visible()
    page.keyboard.press("Escape")
    box.click()
    page.get_by_role("option").nth(1).click()
    page.wait_for_url("**sample=**")
    shown.ready("bias")
    works()
    assert page.get_by_role("option").count() == 0  # the letter did not open it
    page.keyboard.press("ArrowRight")  # the select box's own
    assert shown.scene() == "bias"
    page.keyboard.press("PageDown")
    shown.ready("language")
    page.locator(".slide input.sentence").click()
    page.keyboard.type("of lo")
    assert not outline.is_visible()
    assert page.evaluate("document.fullscreenElement === null")
    file = tmp_path / "own.png"
    Image.new("RGB", (40, 40), "teal").save(file)
    page.locator(".stSidebar").get_by_role("radio", name="File").click()
    page.locator("input[type=file]").set_input_files(file)
    page.locator(".stSidebar").get_by_text("own.png").wait_for()
    page.locator("[data-testid=stFileUploader] button").first.focus()
    works()
    page.keyboard.press("f")
    page.wait_for_function("() => document.fullscreenElement !== null")


def test_many_keys_at_once_end_at_the_last_one_asked_for(lecture):
    shown = lecture(SCENES[0])
    for _ in range(6):
        shown.page.keyboard.press("PageDown")
    shown.ready(SCENES[6])
    shown.page.wait_for_url(f"**scene={SCENES[6]}**")
    assert shown.page.locator(".slide .title").inner_text() == scene_text(SCENES[6]).EN["title"]
    assert shown.run("return stage.data.scene") == SCENES[6]


@pytest.mark.parametrize("gap", [0, 50, 120, 250])
def test_no_key_is_lost_while_language_or_picture_change(lecture, gap):
    shown = lecture("patches", address="sample=kitten.jpg")
    page = shown.page
    samples = [one["file"] for one in json.loads((ROOT / "assets/samples/samples.json").read_text(encoding="utf-8"))]
    page.keyboard.press("f")
    page.wait_for_function("() => document.fullscreenElement !== null")
    shown.run("stage.slide.first = true")  # as long as the stage is the same one
    at, language, sample = SCENES.index("patches"), "en", samples.index("kitten.jpg")
    for keys in (
        "l p",
        "l PageDown PageUp",
        "p PageDown",
        "p p p",
        "PageUp l PageDown l",
        "l l",
        "l",
        "l ArrowRight p l",
    ):
        for key in keys.split():
            page.keyboard.press(key)
            page.wait_for_timeout(gap)
            at += {"PageDown": 1, "ArrowRight": 1, "PageUp": -1}.get(key, 0)
            language = {"en": "ko", "ko": "en"}[language] if key == "l" else language
            sample = (sample + (key == "p")) % len(samples)
        shown.rest()
        assert page.evaluate("document.fullscreenElement !== null"), keys
        assert shown.run("return stage.slide.first"), keys
        assert (shown.scene(), shown.run("return stage.language")) == (SCENES[at], language), keys
        title = getattr(scene_text(SCENES[at]), language.upper())["title"]
        assert page.locator(".slide .title").inner_text() == title, keys
        addressed(page, f"scene={SCENES[at]}", f"lang={language}", f"sample={samples[sample]}")
    page.wait_for_timeout(1000)  # nothing that comes late changes it again
    addressed(page, f"scene={SCENES[at]}", f"lang={language}", f"sample={samples[sample]}")
    assert (shown.scene(), shown.run("return stage.language")) == (SCENES[at], language)


def test_what_a_broken_connection_swallowed_is_said_again_and_done_once(lecture):
    shown = lecture("patches", address="sample=kitten.jpg")
    page = shown.page
    page.evaluate("""() => {
        const { send } = WebSocket.prototype;
        WebSocket.prototype.send = function (data) { broken ? (swallowed = true) : send.call(this, data); };
        [window.broken, window.swallowed] = [false, false];
    }""")

    def pressed(key: str) -> None:
        """A key whose message never arrives."""
        page.evaluate("[window.broken, window.swallowed] = [true, false]")
        page.keyboard.press(key)
        page.wait_for_function("() => window.swallowed")
        page.evaluate("window.broken = false")
        assert shown.run("return stage.waiting")

    pressed("PageDown")
    shown.rest()
    addressed(page, "scene=positions", "lang=en")
    pressed("l")
    page.keyboard.press("PageDown")  # meanwhile
    shown.rest()
    addressed(page, "scene=encoder", "lang=ko")
    assert shown.run("return [stage.scene, stage.language, stage.parts.status.textContent]") == ["encoder", "ko", ""]
    pressed("p")
    shown.rest()
    addressed(page, "scene=encoder", "lang=ko", lacks=())
    assert "sample=kitten.jpg" not in page.url
    there = page.url
    shown.run("stage.say()")  # the same message, as if its answer alone had been lost
    page.wait_for_timeout(1500)
    assert page.url == there


def test_a_link_opens_its_scene_and_a_wrong_one_the_first(lecture):
    assert lecture("positions").scene() == "positions"
    shown = lecture(SCENES[0], address="scene=nonsense")  # the last of two counts for nobody; the first is read
    assert shown.scene() == SCENES[0]


def test_full_screen_fills_the_screen_and_is_left_again(lecture):
    shown = lecture("mlp")
    page = shown.page
    page.locator(".slide .full").click()
    page.wait_for_function("() => document.fullscreenElement !== null")
    box = page.locator(".slide").bounding_box()
    assert (box["width"], box["height"]) == (1280, 720)
    assert page.locator(".slide .full").inner_text() == frame.EN["leave"]
    page.keyboard.press("PageDown")
    shown.ready("head")
    assert page.evaluate("document.fullscreenElement !== null")  # a new scene does not end it
    page.keyboard.press("f")
    page.wait_for_function("() => document.fullscreenElement === null")


def test_the_language_changes_on_stage_and_the_scene_stays(lecture):
    shown = lecture("attention")
    page = shown.page
    page.keyboard.press("f")
    page.keyboard.press("l")
    page.locator(".slide .title", has_text=scene_text("attention").KO["title"]).wait_for()
    shown.ready("attention")
    assert page.evaluate("document.fullscreenElement !== null")
    addressed(page, "lang=ko")
    page.keyboard.press("l")
    page.locator(".slide .title", has_text=scene_text("attention").EN["title"]).wait_for()


def test_the_next_picture_changes_the_numbers(lecture):
    shown = lecture("mlp")
    before = shown.array("hidden")[:64]
    shown.page.locator(".slide .picture.key").click()
    shown.page.wait_for_url("**sample=**")
    for _ in range(100):
        shown.ready("mlp")
        if shown.array("hidden")[:64] != before:
            break
        shown.page.wait_for_timeout(100)
    assert shown.array("hidden")[:64] != before


def test_the_outline_lists_every_scene_and_leads_there(lecture):
    shown = lecture("cnn")
    page = shown.page
    assert not page.locator(".slide .outline").is_visible()
    page.keyboard.press("o")
    outline = page.locator(".slide .outline")
    assert outline.is_visible()
    assert outline.locator("li").count() == len(SCENES)
    for line in scene_text("cnn").EN["outline"].split("\n"):
        assert line in outline.inner_text()
    outline.locator("li button").nth(3).click()
    shown.ready(SCENES[3])
    assert scene_text(SCENES[3]).EN["outline"].split("\n")[0] in outline.inner_text()
    page.keyboard.press("Escape")
    assert not outline.is_visible()


@pytest.mark.timed
def test_a_scene_comes_within_a_moment_and_one_seen_before_at_once(lecture, measured):
    shown = lecture(SCENES[0])
    for scene in SCENES[1:]:  # the server computes each once
        shown.page.keyboard.press("PageDown")
        shown.ready(scene)
    again = lecture(SCENES[0])
    again.waits()
    slowest = {}
    for scene in SCENES[1:]:
        again.page.keyboard.press("PageDown")
        again.ready(scene)
        slowest[scene] = max(again.waits())
    for scene in reversed(SCENES[:-1]):
        again.page.keyboard.press("PageUp")
        again.ready(scene)
    back = max(again.waits())
    times = sorted(slowest.values())
    measured(
        f"lecture: a scene computed before is drawn {times[0]:.0f}-{times[-1]:.0f} ms after "
        f"its key, one seen before within {back:.0f} ms"
    )
    assert times[-1] < 1500
    assert back < 300


def test_explore_and_lecture_share_picture_and_model(lecture):
    shown = lecture("patches", address="sample=coffee.jpg")
    page = shown.page
    page.get_by_role("link", name="Explore").click()
    page.locator(".atlas[data-state=ready]").wait_for()
    addressed(page, "sample=coffee.jpg", lacks=("scene",))
    page.get_by_role("link", name="Lecture").click()
    shown.ready("patches")
    addressed(page, "scene=patches", "sample=coffee.jpg")
