"""For who does not see the page, or has no mouse: its language and title, names, contrast, the focus, a Hangul IME."""

import pytest
import torch

from app import text
from app.lecture import SCENES
from tests.browser.conftest import MISNAMED
from vit_core import VisionTransformer, ViTConfig
from vit_core.checkpoints import embedded
from vit_core.images import Preprocess

#: WCAG's contrast of an element's text with the ground behind it; both may be translucent.
CONTRAST = """(element) => {
    const context = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d');
    const over = (colours) => {
        context.globalAlpha = 1;
        context.clearRect(0, 0, 1, 1);
        for (const [colour, alpha] of colours) {
            Object.assign(context, { globalAlpha: alpha, fillStyle: colour });
            context.fillRect(0, 0, 1, 1);
        }
        const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
        const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((v) => linear(v / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const line = [];
    for (let at = element; at; at = at.parentElement) line.unshift(getComputedStyle(at));
    const ground = line.map((style) => [style.backgroundColor, 1]);
    const alpha = line.reduce((product, style) => product * style.opacity, 1);
    const [low, high] = [over(ground), over([...ground, [line.at(-1).color, alpha]])].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
}"""

PRESS = """document.body.dispatchEvent(
    new KeyboardEvent("keydown", { key: argument[0], code: argument[1], bubbles: true }))"""
#: Row and column of what is marked last on the scene's picture, and how many of its size the picture has of each.
PICKED = """const { style } = stage.made.picture.marks.lastElementChild;
    const [top, left, height, width] = ['top', 'left', 'height', 'width'].map((name) => parseFloat(style[name]));
    return [top / height, left / width, 100 / height, 100 / width].map(Math.round);"""
SPOKEN = "(language) => document.documentElement.lang === language"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_small_print_and_what_is_chosen_can_be_read(visit, theme):
    page = visit("lang=en&view=flow", theme=theme)
    faint = page.locator("[data-testid=stCaptionContainer] p, .stButtonGroup [data-selected=true] p")
    assert faint.count() > 4
    assert min(one.evaluate(CONTRAST) for one in faint.all()) >= 4.5


def test_the_page_says_its_language_and_its_title(lecture, visit):
    shown = lecture("summary", "ko")
    page = shown.page
    page.wait_for_function(SPOKEN, arg="ko")
    assert page.title() == f"{text.Text('ko')('page.lecture')} · Vitrine"
    page.keyboard.press("l")
    page.wait_for_function(SPOKEN, arg="en")
    page.wait_for_function("() => document.title === 'Lecture · Vitrine'")
    visit("lang=ko").wait_for_function(SPOKEN, arg="ko")


def test_single_letters_work_while_a_hangul_ime_is_on(lecture):
    shown = lecture("summary")
    outline = shown.page.locator(".slide .outline")
    for key in ("ㅐ", "Process"):  # what O is then called, by system
        assert not outline.is_visible()
        shown.run(PRESS, [key, "KeyO"])
        assert outline.is_visible()
        shown.page.keyboard.press("o")
    shown.run(PRESS, ["o", "KeyS"])
    assert outline.is_visible()  # another layout: the letter counts


def test_what_is_drawn_has_a_name_and_what_is_pressed_is_a_button(lecture):
    shown = lecture(SCENES[0])
    for scene in SCENES:
        shown.ready(scene)
        unnamed = shown.run("""return [...stage.slide.querySelectorAll('[role=img], [role=application]')]
            .filter((e) => !e.getAttribute('aria-label')).map((e) => e.outerHTML.slice(0, 80))""")
        assert unnamed == [], scene
        assert shown.run("return stage.slide.querySelectorAll('button[role=listitem]').length") == 0, scene
        assert shown.page.locator("img:not([alt])").count() == 0, scene
        shown.page.keyboard.press("PageDown")


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("registers", [0, 9])  # with many their names are short
def test_a_controls_name_has_the_words_that_are_seen_on_it(lecture, visit, tmp_path, lang, registers):
    address = f"lang={lang}"
    if registers:
        torch.manual_seed(0)
        config = ViTConfig(image_size=(64, 64), depth=3, dim=64, heads=2, mlp_dim=128, classes=3, registers=registers)
        model = VisionTransformer(config, ["a cat", "a dog", "a bird"], Preprocess((64, 64), (0.5,) * 3, (0.5,) * 3))
        embedded.save(model, tmp_path / "own.safetensors")
        address += f"&model=file:{tmp_path}/own.safetensors"
    page = visit(address)
    page.locator(".atlas[data-state=ready]").wait_for()
    page.locator(".atlas .frame").click()  # pinned: there is more to press
    assert page.evaluate(MISNAMED) == []
    page.locator(".atlas .play").click()
    page.locator(".atlas .play").filter(has_text="■").wait_for()
    assert page.evaluate(MISNAMED) == []
    page.locator(".atlas .save").click()
    page.locator(".atlas .menu").wait_for()
    assert page.evaluate(MISNAMED) == []
    shown = lecture(SCENES[0], lang, address=address)
    for scene in SCENES:
        shown.ready(scene)
        groups = shown.page.locator(".slide [role=radiogroup]:visible")
        for view in groups.first.get_by_role("radio").all() if groups.count() else [None]:
            if view:
                view.click()
                shown.ready()
            assert shown.page.evaluate(MISNAMED) == [], scene
        shown.page.keyboard.press("PageDown")


def test_a_picture_is_picked_by_the_arrow_keys(lecture):
    shown = lecture("cnn")
    for scene in ("cnn", "patches", "encoder", "mlp", "attention"):
        shown.open(scene)
        picks_by_arrow_keys(shown, scene)


def picks_by_arrow_keys(shown, scene: str) -> None:
    picture = shown.page.locator(".slide [role=application]").first
    picture.click()  # the middle
    shown.ready()
    picture.focus()
    shown.page.keyboard.press("Tab")
    shown.page.keyboard.press("Shift+Tab")  # and back: the keyboard stops there
    assert shown.run("return stage.root.getRootNode().activeElement.getAttribute('role')") == "application"
    row, col, rows, cols = shown.run(PICKED)
    assert 1 < row < rows - 1
    assert 1 < col < cols - 1
    for key, down, across in (
        ("ArrowRight", 0, 1),
        ("ArrowDown", 1, 0),
        ("ArrowLeft", 0, -1),
        ("ArrowUp", -1, 0),
        ("Control+ArrowUp", 0, 0),
        *[("ArrowLeft", 0, -1)] * col,
        ("ArrowLeft", 0, 0),
        *[("ArrowUp", -1, 0)] * row,
        ("ArrowUp", 0, 0),
    ):
        shown.page.keyboard.press(key)
        row, col = row + down, col + across
        assert shown.run(PICKED)[:2] == [row, col], key
    shown.ready()
    assert (shown.run(PICKED)[:2], shown.scene()) == ([0, 0], scene)
    picture.click()
    shown.page.keyboard.press("ArrowRight")  # a click leaves the arrows to the scenes
    shown.ready(SCENES[SCENES.index(scene) + 1])


def test_the_keyboard_moves_through_choices_and_turns_no_page(lecture):
    shown = lecture("cnn")
    for scene in ("cnn", "bias", "language", "positions", "attention", "mlp"):
        shown.open(scene)
        moves_through_choices(shown, scene)


def moves_through_choices(shown, scene: str) -> None:
    page, groups = shown.page, shown.page.locator(".slide [role=radiogroup]:visible")

    def held() -> list[str]:
        """What the keyboard holds, if it is one of a group, and whether it is chosen."""
        return shown.run("""const held = stage.root.getRootNode().activeElement;
            return held?.role === 'radio' ? [held.parentNode.ariaLabel, held.innerText, held.ariaChecked] : []""")

    shown.run("stage.slide.querySelector('.prose button').focus()")
    stops = []
    while not shown.run("return stage.root.getRootNode().activeElement?.matches('footer *')"):
        page.keyboard.press("Tab")
        stops += [held()] if held() else []
    assert [(name, chosen) for name, _, chosen in stops] == [
        (group.get_attribute("aria-label"), "true") for group in groups.all()
    ]
    for group in groups.all():
        name, radios = group.get_attribute("aria-label"), group.get_by_role("radio")
        at = radios.evaluate_all("all => all.findIndex(one => one.ariaChecked === 'true')")
        radios.nth(at).focus()
        last = radios.count() - 1
        for key, to in [
            ("ArrowRight", 1),
            ("ArrowDown", 1),
            ("ArrowLeft", -1),
            ("ArrowUp", -1),
            *[("ArrowRight", 1)] * last,
            ("Home", None),
            ("ArrowLeft", -1),
            ("End", None),
            ("Home", None),
        ]:
            at = {"Home": 0, "End": last}[key] if to is None else (at + to) % (last + 1)
            page.keyboard.press(key)
            shown.ready()
            assert shown.scene() == scene, key
            assert held() == [name, radios.nth(at).inner_text(), "true"], key
            assert group.locator("[aria-checked=true]").count() == 1
    page.keyboard.press("Control+ArrowLeft")  # the browser's, not the group's
    assert radios.first.get_attribute("aria-checked") == "true"
    page.keyboard.press("PageDown")  # a clicker's
    shown.ready(SCENES[SCENES.index(scene) + 1])
    page.keyboard.press("ArrowLeft")  # its group is gone
    shown.ready(scene)
    groups.get_by_role("radio").first.click()
    page.keyboard.press("ArrowRight")  # a click leaves the arrows to the scenes
    shown.ready(SCENES[SCENES.index(scene) + 1])


def test_the_focus_stays_on_what_was_pressed(lecture):
    shown = lecture("head")
    held = "return [...stage.slide.querySelectorAll(argument)].indexOf(stage.root.getRootNode().activeElement)"
    bar = shown.page.locator(".slide button.bar-row").nth(1)
    bar.focus()
    shown.page.keyboard.press("Enter")
    assert shown.run(held, "button.bar-row") == 1
    dot = shown.page.locator(".slide .dots button").nth(4)
    dot.focus()
    shown.page.keyboard.press("Enter")
    shown.ready(SCENES[4])
    assert shown.run(held, ".dots button") == 4


def test_the_button_that_leaves_full_screen_says_so(lecture):
    shown = lecture("summary")
    shown.page.keyboard.press("f")
    shown.page.wait_for_function("() => document.fullscreenElement !== null")
    shown.page.get_by_role("button", name="Leave full screen").wait_for()


def test_a_number_and_its_particle_stand_on_one_line(lecture):
    shown = lecture("cnn", "ko")
    assert (
        shown.run("""
        const apart = [];
        for (const live of stage.slide.querySelectorAll('.prose .live')) {
            const last = live.parentNode.matches('strong, .term') && live === live.parentNode.lastChild;
            const after = (last ? live.parentNode : live).nextSibling;
            if (after?.nodeType !== 3 || !/^[가-힣]/.test(after.data)) continue;
            const range = document.createRange();
            range.setStart(after, 0);
            range.setEnd(after, 1);
            const below = range.getBoundingClientRect().top - live.getBoundingClientRect().top;
            if (below > 5) apart.push(live.textContent + after.data.slice(0, 6));
        }
        return apart;""")
        == []
    )


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_what_is_written_onto_a_term_stands_on_its_line(lecture, lang):
    shown, beside = lecture(SCENES[0], lang), 0
    for scene in SCENES:
        if scene != SCENES[0]:
            shown.page.keyboard.press("ArrowRight")
            shown.ready(scene)
        found = shown.run("""return [...stage.slide.querySelectorAll('.prose .term')].map((term) => {
            const after = term.nextSibling;
            if (after?.nodeType !== 3 || !/^\\S/.test(after.data)) return null;
            const range = document.createRange();
            range.setStart(after, 0);
            range.setEnd(after, 1);
            return [term.textContent + after.data.slice(0, 6),
                    Math.abs(range.getBoundingClientRect().bottom - term.getBoundingClientRect().bottom)];
        }).filter(Boolean)""")
        beside += len(found)
        assert [words for words, below in found if below > 6] == [], scene
    assert beside > 3


@pytest.mark.parametrize("scene", ["attention", "mlp"])
def test_a_finger_finds_what_it_must_hit(lecture, scene):
    shown = lecture(scene, "ko", 390, 844)
    assert (
        shown.run("""return [...stage.slide.querySelectorAll('input, .choice button, .bar-row, .plain, .key')]
        .map((e) => [e.className, e.getBoundingClientRect()])
        .filter(([, box]) => box.width && Math.min(box.width, box.height) < 23.5).map(([name]) => name)""")
        == []
    )
    title = shown.page.locator(".slide .title")
    assert title.evaluate("(e) => getComputedStyle(e).wordBreak") == "keep-all"
