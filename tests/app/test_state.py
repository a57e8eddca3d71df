"""Back and Forward: which runs of a page they caused, and what the session then takes from the address."""

from types import SimpleNamespace

import pytest
import streamlit as st

from app import state
from app.state import Key

KEYS = (Key.LANGUAGE, Key.LIST)


class Browser:
    """A session whose runs are made by hand."""

    def __init__(self, monkeypatch):
        self.monkeypatch, self.session = monkeypatch, {}
        monkeypatch.setattr(st, "session_state", self.session)
        self.context = SimpleNamespace(is_history_navigation=False, page_script_hash="mistakes")
        monkeypatch.setattr(state, "get_script_run_ctx", lambda: self.context)

    def run(self, *, reported: dict, page: str = "mistakes", history: bool = False, choose: str | None = None) -> dict:
        """One run: the browser reports its address, a widget may set the list. Returns the address that is sent."""
        address = SimpleNamespace(value=dict(reported))
        query = Query(reported, address)
        self.monkeypatch.setattr(st, "query_params", query)
        self.context.is_history_navigation, self.context.page_script_hash = history, page
        if choose:
            self.session[Key.LIST] = choose
        state.start()
        state.write_address(KEYS)
        return address.value


class Query(dict):
    """st.query_params."""

    def __init__(self, reported, sent):
        super().__init__(reported)
        self.sent = sent

    def to_dict(self):
        return dict(self)

    def from_dict(self, wanted):
        self.sent.value = dict(wanted)
        self.clear()
        self.update(wanted)


@pytest.fixture
def browser(monkeypatch):
    return Browser(monkeypatch)


def test_a_step_back_is_seen_although_streamlit_forgot_to_say_so(browser):
    first = browser.run(reported={"lang": "en", "list": "confident"})
    second = browser.run(reported=first, choose="margin")
    assert second["list"] == "margin"
    browser.run(reported=second)
    assert browser.run(reported=first)["list"] == "confident"  # what a message at the same moment leaves of Back
    assert browser.session[Key.LIST] == "confident"


def test_what_the_browser_has_not_applied_yet_is_no_step_back(browser):
    first = browser.run(reported={"lang": "en", "list": "confident"})
    second = browser.run(reported=first, choose="margin")
    third = browser.run(reported=first, choose="doubtful")  # it had not yet applied the second
    assert browser.run(reported=second)["list"] == "doubtful"
    assert browser.run(reported=third)["list"] == "doubtful"


def test_another_page_is_no_step_back(browser):
    browser.run(reported={"lang": "en", "list": "margin"})
    browser.run(reported={}, page="explore")
    assert browser.session[Key.LIST] == "margin"


def test_no_new_entry_on_the_address_that_back_led_to(browser):
    first = browser.run(reported={"lang": "en"})
    second = browser.run(reported=first, choose="margin")
    browser.run(reported=second)
    assert browser.run(reported=first, history=True) == first


def test_an_address_that_the_page_never_had_is_no_step_back(browser):
    first = browser.run(reported={"lang": "en", "list": "confident"})
    browser.run(reported=first, choose="margin")
    browser.run(reported={"lang": "en"})  # as the browser may say while the page changes
    assert browser.session[Key.LIST] == "margin"
