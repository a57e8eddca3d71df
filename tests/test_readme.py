"""README, docs and examples: links lead somewhere, named files exist, Python code runs, commands are understood."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import vit_core as vc
from vit_core import cli
from vit_core.checkpoints import import_timm

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").glob("*.md"))


def ids(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    found = re.findall(r"^```(\w+)\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    return [code for name, code in found if name == language]


def headings(page: Path) -> set[str]:
    """The anchors of the page's headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


def commands() -> list:
    """Each shell line of the pages that starts the command `vitrine`, as a test parameter."""
    lines = [
        (page, line.partition("  #")[0]) for page in PAGES for code in blocks(page, "sh") for line in code.split("\n")
    ]
    return [
        pytest.param(shlex.split(line)[shlex.split(line).index("vitrine") + 1 :], id=f"{page.stem}: {line}")
        for page, line in lines
        if re.match(r"(\w+=\S+ )?vitrine\b", line)
    ]


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_to_files_and_headings(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    for link in links:
        if link.startswith("http"):
            continue
        name, _, heading = link.partition("#")
        target = page.parent / name if name else page
        assert target.is_file(), link
        assert not heading or heading in headings(target), link


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_named_files_exist(page):
    text = page.read_text("utf-8")
    for name in re.findall(r"((?:tests|app|vit_core|vitrine|assets|docs)/[\w/.-]+\.\w+)", text):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"`((?:tests|app|vit_core|vitrine|assets|docs)/[\w/-]*)`", text):
        assert (ROOT / name).is_dir(), name


def test_the_readme_is_short_and_leads_to_every_page():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert len(readme.splitlines()) <= 150
    for page in PAGES[1:]:
        assert f"]({ids(page)})" in readme, f"README.md does not link to {ids(page)}"


def test_architecture_names_every_folder():
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    for package in ("app", "vit_core"):
        for folder in (ROOT / package).iterdir():
            if (folder / "__init__.py").exists():
                assert f"\n  {folder.name}/ " in text, f"{package}/{folder.name} is missing in docs/architecture.md"


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=ids)
def test_python_runs(page, tmp_path, monkeypatch):
    module = import_timm().create_model("vit_tiny_patch16_224", pretrained=False, num_classes=3)
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    monkeypatch.chdir(tmp_path)
    names = {"my_module": module, "my_labels": ["cat", "dog", "owl"]}
    for code in blocks(page, "python"):
        exec(compile(code, page.name, "exec"), names)
    if (tmp_path / "my.safetensors").exists():
        assert vc.load("file:my.safetensors").labels == ["cat", "dog", "owl"]


def test_the_first_example_of_the_command_line_runs(tmp_path):
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    line = next(line for code in blocks(ROOT / "README.md", "sh") for line in code.split("\n") if "explain" in line)
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(line)], cwd=tmp_path, capture_output=True, text=True, timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/chelsea.rollout.png").exists()


@pytest.mark.parametrize("arguments", commands())
def test_commands_are_understood(arguments, monkeypatch):
    if not arguments or arguments[0].startswith("-"):
        return  # opens the app; the options are Streamlit's
    called = []
    monkeypatch.setattr(cli, arguments[0], lambda args: called.append(args) or 0)
    assert cli.main(arguments) == 0
    assert len(called) == 1


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_scripts_in_commands_exist(page):
    for code in blocks(page, "sh"):
        for script in re.findall(r"python3? ([\w/.-]+\.py)", code):
            assert (ROOT / script).is_file(), script


def test_the_example_script_writes_its_maps(tmp_path):
    picture = ROOT / "assets/samples/kitten.jpg"
    done = subprocess.run(
        [sys.executable, ROOT / "examples/maps.py", picture, "--out", tmp_path],
        capture_output=True, text=True, timeout=120, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("kitten *.png"))) == 4


def test_the_example_notebook_runs():
    notebook = json.loads((ROOT / "examples/first_look.ipynb").read_text("utf-8"))
    names: dict = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert not cell["outputs"], "clear the outputs before you commit"
            exec(compile("".join(cell["source"]), "first_look.ipynb", "exec"), names)
    assert names["grid"].shape == names["trace"].grid


def test_the_api_reference_covers_every_package():
    packages = {path.parent.name for path in (ROOT / "vit_core").glob("*/__init__.py")}
    (command,) = (code for code in blocks(ROOT / "CONTRIBUTING.md", "sh") if "pdoc" in code)
    assert set(",".join(re.findall(r"\{(.*?)\}", command)).split(",")) == packages
