"""Every control of Explore is in the address: set them all, open it in another browser, and see the same."""

from app import state, text
from app.state import Key
from app.text import WORDS
from tests.browser.conftest import addressed, idle, settled
from tests.browser.explore.test_explore import Looking, Rolled, show

T = text.Text("en")


def press(page, key: str, times: int) -> None:
    for _ in range(times):
        page.keyboard.press(key)


def slide(page, key: Key, steps: int, thumb: int = 0) -> None:
    """Move a slider by the keyboard."""
    page.locator(f".st-key-{key} input[type=range]").nth(thumb).focus()
    press(page, "ArrowRight" if steps > 0 else "ArrowLeft", abs(steps))


def atlas_radio(page, name: str, value: str) -> None:
    page.locator(f".atlas .{name} input[value={value}]").click()


def features_radio(page, name: str, value: str) -> None:
    page.locator(f".pca .{name} input[value={value}]").click()


#: What is set, in this order, and the address that it makes.
CONTROLS = {
    Key.DIRECTION: (lambda page: atlas_radio(page, "direction", "column"), "column"),
    Key.SCALE: (lambda page: atlas_radio(page, "scale", "layer"), "layer"),
    Key.CLIP: (lambda page: page.locator(".atlas .clip input").uncheck(), "off"),
    Key.COMPARE: (lambda page: atlas_radio(page, "compare", "difference"), "difference"),
    Key.SPEED: (lambda page: page.locator(".atlas .speed").select_option("0.25"), "0.25"),
    Key.LOOP: (lambda page: page.locator(".atlas .loop input").check(), "on"),
    Key.LAYER: (lambda page: page.mouse.click(*Looking(page).cell(4, 2)), "5"),
    Key.HEAD: (lambda page: None, "3"),
    Key.FROM: (lambda page: None, "patch"),
    Key.ROW: (lambda page: None, "3"),
    Key.COLUMN: (lambda page: None, "9"),
    Key.PINNED: (lambda page: None, "6-4.3-9"),
    Key.VIEW: (lambda page: show(page, "flow"), "flow"),
    Key.SPAN: (lambda page: slide(page, Key.SPAN, 1), "2-12"),
    Key.RESIDUAL: (lambda page: slide(page, Key.RESIDUAL, -2), "0.4"),
    Key.DISCARD: (lambda page: slide(page, Key.DISCARD, 3), "0.15"),
    Key.FUSION: (lambda page: page.locator(".st-key-fusion").get_by_text(T("rollout.fusion.max")).click(), "max"),
    Key.DEPTH: (lambda page: Rolled(page).small(4).click(), "5"),  # the fourth map is of layer 5
    Key.FLOW_SCALE: (lambda page: Rolled(page).root.get_by_label(T("map.shared")).check(), "shared"),
    Key.INSIDE: (lambda page: (show(page, "inside", "entropies"), show(page, "flow")), "entropies"),
    Key.CLASS: (lambda page: (show(page, "answer"), choose_class(page), show(page, "flow")), "3"),
    Key.FACET: (lambda page: (show(page, "features"), features_radio(page, "facet", "key")), "key"),
    Key.FOREGROUND: (lambda page: features_radio(page, "foreground", "other"), "other"),
    Key.OPACITY: (lambda page: (page.locator(".atlas .opacity input").fill("0.25"), show(page, "flow")), "0.25"),
}


def choose_class(page) -> None:
    """The class 3 of the photo model, in the box that filters as one types."""
    page.get_by_role("combobox", name=T("reasons.class")).fill("tailed frog")
    page.get_by_role("option").first.click()
    addressed(page, "class=3")


def seen(page) -> dict:
    """What the controls and figures show."""
    atlas = Looking(page)
    atlas.wait("globalThis[Symbol.for('vitrine.atlas')].flow?.of === a.model.id")
    flow = page.evaluate("""() => {
        const { root, ...rest } = globalThis[Symbol.for('vitrine.atlas')].flow;
        return {...rest, root: [...root]};
    }""")
    sliders = page.locator(".st-key-rollout_controls input[type=range]")
    view = atlas.js("a.view()")
    del view["seq"]  # how often the page has set the view
    return {
        "view": view,
        "flow": flow,
        "sliders": sliders.evaluate_all("all => all.map(one => one.value)"),
        "fusion": page.locator(".st-key-fusion [data-selected=true]").all_inner_texts(),
        "title": page.locator(".atlas .title").inner_text(),
    }


def test_an_address_opens_every_control_as_it_was_set(visit):
    assert {*CONTROLS} == {*state.EXPLORE_KEYS}
    page = visit("lang=en&sample=coffee.jpg&size=336")
    atlas = Looking(page)
    atlas.click(5, 3)
    atlas.click(2, 8)
    addressed(page, "pinned=6-4.3-9")
    for key, (act, _) in CONTROLS.items():
        act(page)
        idle(page)
        settled(page)
        assert key in state.ADDRESS_KEYS
    addressed(page, "size=336", *(f"{key}={value}" for key, (_, value) in CONTROLS.items()))
    settled(page)
    other = visit(page.url.partition("?")[2])
    assert seen(other) == seen(page)
    for one in (page, other):
        show(one, "inside")
        assert one.get_by_role("heading", name=T("entropies.title")).count() == 1


def test_the_one_control_that_the_address_lacks_says_so(visit):
    page = visit("lang=en&head=rollout")
    Looking(page)
    residual = page.locator(".atlas .residual")
    assert residual.is_visible()
    assert residual.get_attribute("title") == WORDS["en"]["residual_title"]
    residual.locator("input").fill("0.2")
    show(page, "flow")  # whose own residual stays
    assert page.locator(".st-key-residual input[type=range]").input_value() == "0.5"
