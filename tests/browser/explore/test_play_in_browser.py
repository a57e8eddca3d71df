"""Playing through the layers: at the chosen speed, once or again and again; the browser's clock is the test's own."""

from tests.browser.conftest import addressed
from tests.browser.explore.test_explore import Looking

LAYER_MS = 450  # that each layer is shown for, at full speed


def layers(page, atlas: Looking, step_ms: int, count: int) -> list[int]:
    """The layer shown after each of `count` times `step_ms`, from 1; it changes at no other time."""
    shown = []
    for _ in range(count):
        before = atlas.js("a.state.layer")
        page.clock.run_for(step_ms - 1)
        assert atlas.js("a.state.layer") == before
        page.clock.run_for(1)
        shown.append(atlas.js("a.state.layer") + 1)
    return shown


def test_the_layers_play_once_or_again_and_again_at_the_chosen_speed(visit):
    page = visit("lang=en&layer=10&head=2&loop=on&speed=0.5")
    atlas = Looking(page)
    play, speed, loop = (page.locator(f".atlas .{name}") for name in ("play", "speed", "loop input"))
    entries = page.evaluate("history.length")
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    play.click()
    assert layers(page, atlas, 2 * LAYER_MS, 4) == [11, 12, 1, 2]
    assert page.locator(".atlas .title").inner_text() == "What does the class token attend to in layer 2, head 2?"
    speed.select_option("1")
    page.clock.run_for(2 * LAYER_MS)  # the layer on show keeps the speed that it began with
    assert layers(page, atlas, LAYER_MS, 2) == [4, 5]
    speed.select_option("0.25")
    page.clock.run_for(LAYER_MS)
    assert layers(page, atlas, 4 * LAYER_MS, 1) == [7]
    loop.uncheck()
    page.clock.run_for(6 * 4 * LAYER_MS)
    assert (atlas.js("a.state.layer"), play.inner_text()) == (11, "▶")
    page.clock.resume()
    addressed(page, "layer=12", "speed=0.25", lacks=("loop",))
    assert page.evaluate("history.length") < entries + 8  # one a choice; 14 layers were shown
