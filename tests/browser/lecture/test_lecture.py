"""The stage around the scenes: keys, full screen, links, outline, languages; and that each scene fits and is quick."""

import json
import re

import pytest
from PIL import Image

from app.lecture import SCENES
from app.text.lecture import frame, scene_text
from tests.browser.conftest import ROOT, addressed, idle

#: Views in which each scene must fit, besides its first one; each is set on top of the one before.
VIEWS = {
    "cnn": [{"conv": 7, "layer": 5, "swap": True}],
    "bias": [*({"kind": kind} for kind in ("full", "recurrent", "attention")), {"show": "measure"}],
    "patches": [
        {"size": "free", "image": image, "patch": patch} for image, patch in ((512, 28), (128, 2), (32, 4), (224, 16))
    ],
    "positions": [{"tab": "formula"}, {"tab": "compare"}],
    "encoder": [{"residual": False, "place": "attention", "at": 0}],
    "attention": [{"temperature": "none", "step": "scores"}, {"tab": "heads"}],
    "mlp": [{"map": True}],
    "features": [{"step": "middle"}, {"step": "last"}],
    "head": [{"compare": True}],
    "outliers": [{"show": "attention", "layer": 1}],
    "training": [{"of": 4}],
}
SMALL_TEXT = """
    const least = innerWidth / 80 - 0.6;  // one em of the slide
    return [...stage.slide.querySelectorAll('.body *, header *')].filter((e) => {
        const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
        const svg = e.ownerSVGElement, scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
        const script = e.closest('math') || e.matches('sub, sup, option');
        return own && !script && e.getClientRects().length
            && parseFloat(getComputedStyle(e).fontSize) * scale < least * 0.94;
    }).map((e) => `${e.tagName} ${e.textContent.slice(0, 30)}`).slice(0, 5);"""


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("model", ["photo", "fashion"])
def test_each_scene_is_whole_in_each_language(lecture, shoot, language, model):
    """Every number is there, and every view fits: in the window, on a large screen and in full screen."""
    shown = lecture(SCENES[0], language, address=f"model=embedded:{model}")
    page = shown.page
    for scene in SCENES:
        shown.open(scene)
        table = getattr(scene_text(scene), language.upper())
        assert page.locator(".slide .title").inner_text() == table["title"]
        shown.until("!stage.slide.querySelector('.prose').innerText.includes('…')")  # every live number is there
        assert not re.search(r"\{\w+\}|undefined|NaN|\$\w+\$", page.locator(".slide").inner_text()), scene
        shoot(page, f"lecture_{scene}_{language}_{model}")
        for view in [{}, *VIEWS.get(scene, [])]:
            shown.set(view)
            assert shown.misfits() == [], (scene, view)
        shown.resize(1920, 1080)
        assert shown.misfits() == [], scene
        shown.resize(1280, 720)
    shown.full_screen()
    for scene in SCENES:
        shown.open(scene)
        assert shown.misfits() == [], scene
        assert shown.run(SMALL_TEXT) == [], scene  # nothing smaller than 15 pixels at 1280 x 720
        shoot(page, f"lecture_{scene}_{language}_{model}_full")


def test_each_scene_is_no_wider_than_a_phone(lecture, shoot):
    phone = lecture(SCENES[0], "en", 390, 844)
    for scene in SCENES:
        phone.open(scene)
        slide, width, body = phone.run(
            "const s = stage.slide; return [s.scrollWidth, s.clientWidth, document.body.scrollWidth]"
        )
        assert slide <= width + 2, scene
        assert body <= 392, scene
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
    shown.rest()  # a run that is interrupted builds the stage anew, and the outline is closed
    page.locator(".stSidebar").get_by_role("radio", name="File").click()
    page.locator("input[type=file]").wait_for(state="attached")
    idle(page)
    page.locator("input[type=file]").set_input_files(file)
    page.locator(".stSidebar").get_by_text("own.png").wait_for()
    idle(page)
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


@pytest.mark.parametrize("pace", ["at once", "sent", "answered"])
def test_no_key_is_lost_while_language_or_picture_change(lecture, pace):
    """Keys pressed at once, each as soon as a message is on its way, or each after the last answer."""
    shown = lecture("patches", address="sample=kitten.jpg")
    page = shown.page
    samples = [one["file"] for one in json.loads((ROOT / "assets/samples/samples.json").read_text(encoding="utf-8"))]
    shown.full_screen()
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
            if pace == "sent":
                shown.until("stage.waiting || (!stage.due && !stage.orders.length)")
            elif pace == "answered":
                shown.rest()
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


def test_a_message_that_a_broken_connection_swallowed_is_sent_again_and_obeyed_once(lecture):
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
    shown.run("stage.lost()")  # instead of waiting for the timer again
    shown.rest()
    addressed(page, "scene=encoder", "lang=ko")
    assert shown.run("return [stage.scene, stage.language, stage.parts.status.textContent]") == ["encoder", "ko", ""]
    pressed("p")
    shown.run("stage.lost()")
    shown.rest()
    addressed(page, "scene=encoder", "lang=ko", lacks=())
    assert "sample=kitten.jpg" not in page.url
    there = page.url
    shown.run("stage.say()")  # the same message again, as if only its answer had been lost
    page.keyboard.press("l")  # its answer comes after that of the repeated message
    shown.rest()
    addressed(page, "scene=encoder", "lang=en", re.search(r"sample=[^&]+", there)[0])


def test_a_link_opens_its_scene_and_a_wrong_one_the_first(lecture):
    assert lecture("positions").scene() == "positions"
    shown = lecture(SCENES[0], address="scene=nonsense")  # of two values of one name, the first is read
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
    shown.ready("features")
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
    shown.until("stage.data?.scene === 'mlp' && argument.some((v, i) => v !== stage.section('hidden')[i])", before)


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


def test_explore_and_lecture_share_picture_and_model(lecture):
    shown = lecture("patches", address="sample=coffee.jpg")
    page = shown.page
    page.get_by_role("link", name="Explore").click()
    page.locator(".atlas[data-state=ready]").wait_for()
    addressed(page, "sample=coffee.jpg", lacks=("scene",))
    page.get_by_role("link", name="Lecture").click()
    shown.ready("patches")
    addressed(page, "scene=patches", "sample=coffee.jpg")
