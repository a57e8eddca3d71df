"""No test writes into the list of models that were loaded before."""

import pytest

from app.runtime import recent


@pytest.fixture(autouse=True)
def loaded_before(tmp_path, monkeypatch):
    """The folder of that list."""
    monkeypatch.setattr(recent, "folder", lambda: tmp_path / "loaded before")
    return tmp_path / "loaded before"
