"""The view Features on the page: what is computed once, and what is said where there is nothing to compute."""

import pytest

from app import text
from app.components.binary import header_of
from app.components.pca import component
from app.explore.features import panel
from app.runtime import cache
from tests.app.test_pages import home, page, read, words  # noqa: F401  (home is a fixture)
from vit_core.attention import trace


@pytest.fixture
def sent(monkeypatch) -> list[dict]:
    """The header of each message to the browser."""
    headers = []
    monkeypatch.setattr(component, "_component", lambda key, data: headers.append(header_of(data)))
    return headers


@pytest.fixture
def ran(monkeypatch) -> list[str]:
    """The facets whose maps were computed."""
    facets, compute = [], panel.feature_maps
    monkeypatch.setattr(panel, "feature_maps", lambda traces, facet: facets.append(facet) or compute(traces, facet))
    return facets


def test_each_kind_of_feature_is_computed_once(sent, ran):
    for query in ({}, {"facet": "key"}, {"facet": "key", "foreground": "on", "layer": 2}, {"facet": "nonsense"}):
        app = page(view="features", **query)
        assert not app.exception
    assert ran == ["token", "key"]
    assert [header["facet"] for header in sent] == ["token", "key", "key", "token"]
    assert sent[1] == sent[2]  # the browser has what it needs for every layer and side
    [maps] = [value for key, value in cache.outputs().items() if key[1] == "features" and key[3] == "key"]
    assert cache.outputs().total > maps.nbytes


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_too_many_tokens_are_refused_with_a_sentence(language, sent, monkeypatch):
    monkeypatch.setattr(trace, "MAX_FEATURE_TOKENS", 20)
    app = page(view="features", lang=language)
    assert not app.exception
    [sentence] = [info.value for info in app.info]
    assert "20" in sentence
    assert "38" in sentence
    assert [header.get("refused") for header in sent] == [True]
    assert read(text.Text(language)("features.not")) in words(app)
