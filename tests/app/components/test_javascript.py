"""Each component's script, joined from its files as the browser gets it, has no undefined name and no duplicate."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import streamlit as st

ROOT = Path(__file__).resolve().parents[3]
COMPONENTS = sorted(path.parent.name for path in (ROOT / "app/components").glob("*/component.py"))
RULES = {
    "env": {"browser": True, "es2024": True},
    "categories": {"correctness": "error"},
    # Two components may share a file and use different functions of it.
    "rules": {"no-undef": "error", "no-unused-vars": "off", "no-unused-expressions": "off"},
}


def scripts_of(component: str, monkeypatch) -> dict[str, str]:
    """Names and scripts that `component` registers with Streamlit."""
    scripts: dict[str, str] = {}

    def register(name, *, js=None, **_):
        scripts[name] = js or ""
        return lambda *args, **kwargs: None

    monkeypatch.setattr(st.components.v2, "component", register)
    # A copy under another name: the real module, which other tests share, keeps its registered components.
    spec = importlib.util.spec_from_file_location(
        f"copy_of_{component}", ROOT / f"app/components/{component}/component.py"
    )
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    return scripts


@pytest.mark.parametrize("component", COMPONENTS)
def test_the_joined_script_is_whole(component, monkeypatch, tmp_path):
    scripts = scripts_of(component, monkeypatch)
    assert scripts
    (tmp_path / ".oxlintrc.json").write_text(json.dumps(RULES))
    for name, script in scripts.items():
        (tmp_path / f"{name}.js").write_text(script, "utf-8")
    linter = Path(sys.executable).with_name("oxlint")
    done = subprocess.run([linter, "."], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
