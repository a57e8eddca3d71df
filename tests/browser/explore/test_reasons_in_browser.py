"""Why a class: Explore's cards of attribution methods, for the predicted class and another one."""

import numpy as np
import pytest
from playwright.sync_api import expect

import vit_core as vc
from app import text
from app.explore.reasons.methods import FIRST_METHODS, METHODS
from app.text.reasons import CARDS
from app.text.why import EN
from tests.browser.conftest import TIMEOUT_MS, addressed
from tests.browser.explore.test_explore import FIRST, SAMPLES, show
from vit_core import attribution as at

T = text.Text("en")
FIND = "Symbol.for('vitrine.reasons')"


@pytest.fixture
def model():
    return vc.load("embedded:tiny", "cpu")


def opened(visit, address: str = ""):
    page = visit(f"lang=en&model=embedded:tiny&view=answer{address}")
    page.locator(".reasons .card").first.wait_for()
    return page


def measured(page) -> dict[str, list[float]]:
    """Each card's map, once all steps are done."""
    status = page.locator(".reasons [role=status]")
    expect(status).to_have_text(CARDS["en"]["compare_done"], timeout=TIMEOUT_MS)
    return page.evaluate(
        f"""() => Object.fromEntries([...[...globalThis[{FIND}].views].at(-1).compare.found]
            .map(([name, {{ values }}]) => [name, [...values]]))"""
    )


def expected(model, target: int | None, method: str):
    return at.attribute(model, str(SAMPLES / FIRST["file"]), target, method).values.numpy()


def test_the_cards_show_the_maps_of_the_predicted_class_with_their_verdicts(visit, model):
    page = opened(visit)
    maps = measured(page)
    assert list(maps) == [*FIRST_METHODS]
    for method, values in maps.items():
        np.testing.assert_allclose(values, expected(model, None, method), rtol=2e-3, atol=1e-5)
    names = page.locator(".reasons .card .name").all_inner_texts()
    assert names == [EN[method] for method in FIRST_METHODS]
    verdicts = page.locator(".reasons .scores span[title]")
    assert verdicts.count() == 2 * len(FIRST_METHODS)
    assert {*verdicts.all_inner_texts()} <= {"✓", "–"}
    assert page.locator(".reasons canvas").first.evaluate("c => c.width") == 8
    page.get_by_role("button", name=EN["compare_more"]).click()
    assert {*measured(page)} == {*METHODS}


def test_another_class_has_other_maps_and_stands_in_the_address(visit, model):
    page = opened(visit)
    before, first = measured(page), page.evaluate(f"[...globalThis[{FIND}].views].at(-1).data.of")
    page.get_by_role("combobox", name=T("reasons.class")).click()
    page.get_by_role("option").nth(3).click()
    page.wait_for_function("() => new URL(location).searchParams.has('class')")
    target = int(page.evaluate("new URL(location).searchParams.get('class')"))
    page.wait_for_function(f"of => [...globalThis[{FIND}].views].at(-1).data.of !== of", arg=first)
    maps = measured(page)
    np.testing.assert_allclose(maps["attnlrp"], expected(model, target, "attnlrp"), rtol=2e-3, atol=1e-5)
    assert not np.allclose(maps["attnlrp"], before["attnlrp"], rtol=2e-3, atol=1e-5)
    other = opened(visit, f"&class={target}")
    assert measured(other) == maps
    page.get_by_role("combobox", name=T("reasons.class")).click()
    page.get_by_role("option").first.click()
    addressed(page, "view=answer", lacks=("class",))
    page.wait_for_function(f"of => [...globalThis[{FIND}].views].at(-1).data.of === of", arg=first)
    assert measured(page) == before


def test_a_class_that_the_model_lacks_is_the_predicted_one(visit, model):
    page = opened(visit, "&class=99999")
    np.testing.assert_allclose(measured(page)["legrad"], expected(model, None, "legrad"), rtol=2e-3, atol=1e-5)


def test_the_cards_come_back_after_another_view(visit):
    page = opened(visit)
    maps = measured(page)
    show(page, "flow")
    show(page, "answer")
    page.locator(".reasons .card").first.wait_for()
    assert measured(page) == maps


def test_every_bar_of_the_answer_has_its_name(visit):
    names = opened(visit).locator(".st-key-predictions_chart .ytick text")
    expect(names).to_have_count(5)
    for name in names.all():
        expect(name).to_be_visible()  # Plotly hides the first one where it is as high as its bar
