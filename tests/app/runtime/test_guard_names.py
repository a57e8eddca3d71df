"""By which names the app may be called, wherever it listens."""

import pytest
from streamlit import config

from app.runtime import guard


@pytest.fixture
def options(monkeypatch):
    """options(address=..., named=..., allowed=...): as if the server had been started with them."""

    def start(address="127.0.0.1", named=None, allowed=()):
        given = {"server.address": address, "browser.serverAddress": named, "server.allowedHosts": list(allowed)}
        real = config.get_option
        monkeypatch.setattr(config, "get_option", lambda name: given[name] if name in given else real(name))

    return start


@pytest.mark.parametrize(("host", "inside", "outside"), [
    ("127.0.0.1:8501", True, True), ("localhost:8501", True, True), ("[::1]:8501", True, True),
    ("LOCALHOST", True, True), ("192.168.1.20:8501", False, True), ("[fe80::1]:8501", False, True),
    ("evil.example", False, False),
    ("192.168.1.20.evil.example", False, False), ("", False, False), (None, False, False), ("[::1", False, False),
])  # fmt: skip
def test_a_foreign_name_is_refused_wherever_it_listens(options, host, inside, outside):
    options()
    assert guard.allowed_host(host) is inside
    for address in ("0.0.0.0", "192.168.1.20", None):
        options(address)
        assert guard.allowed_host(host) is outside


def test_names_that_were_given_are_its_own(options):
    options(named="Vitrine.Example/app", allowed=["hall.example"])
    assert guard.allowed_host("vitrine.example")
    assert guard.allowed_host("hall.example:80")
    assert not guard.allowed_host("other.example")


def test_only_this_very_page_sends(options):
    options(allowed=["hall.example"])
    assert guard.allowed_origin(None, "hall.example")
    assert guard.allowed_origin("http://hall.example", "hall.example")
    for origin in ("http://hall.example:1", "http://evil.example", "null", "", "http://["):
        assert not guard.allowed_origin(origin, "hall.example")
    assert not guard.allowed_origin("null", None)
