"""The pinned requirements files and the ranges in pyproject.toml say the same."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def by_name(lines: list[str]) -> dict[str, Requirement]:
    found = [Requirement(line) for line in lines]
    return {re.sub(r"[-_.]+", "-", one.name).lower(): one for one in found}


def pinned(path: str) -> dict[str, Requirement]:
    lines = [line.partition("#")[0].strip() for line in (ROOT / path).read_text("utf-8").splitlines()]
    return by_name([line for line in lines if line and not line.startswith("-r")])


@pytest.mark.parametrize(
    ("path", "ranges"),
    [
        ("requirements.txt", PROJECT["dependencies"]),
        ("requirements-ray.txt", EXTRAS["ray"]),
        ("tests/requirements.txt", EXTRAS["test"]),
    ],
)
def test_each_pin_is_within_the_range_of_pyproject(path, ranges):
    pins, ranges = pinned(path), by_name(ranges)
    assert pins.keys() == ranges.keys()
    for name, pin in pins.items():
        (one,) = pin.specifier
        assert one.operator == "==", f"{pin} is not pinned"
        assert one.version in ranges[name].specifier, f"{pin} is outside {ranges[name]}"
        assert pin.extras == ranges[name].extras


def test_every_third_party_import_is_declared():
    """Streamlit, Ray and timm bring many packages along; those that the code imports itself must be declared."""
    import ast
    import sys
    from importlib.metadata import packages_distributions

    files = [path for folder in ("app", "vit_core", "vitrine") for path in (ROOT / folder).rglob("*.py")]
    roots = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                roots |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                roots.add(node.module.partition(".")[0])
    roots -= sys.stdlib_module_names | {"app", "vit_core", "vitrine"}
    declared = by_name(PROJECT["dependencies"]).keys() | by_name(EXTRAS["ray"] + EXTRAS["training"]).keys()
    owners = packages_distributions()
    undeclared = {
        root for root in roots
        if not {re.sub(r"[-_.]+", "-", name).lower() for name in owners.get(root, [root])} & declared
    }  # fmt: skip
    assert not undeclared
