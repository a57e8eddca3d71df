"""What the README says can be done: its links lead somewhere, its code runs, its commands are understood."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import vit_core as vc
from vit_core import cli as command_line
from vit_core.checkpoints.timm_import import timm

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.M | re.S)


def places(text: str) -> set[str]:
    """The names of its headings, as links give them."""
    return {
        re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", text, re.M)
    }


def test_links_lead_to_files_and_headings():
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", README) if not link.startswith("http")]
    assert len(links) > 10
    for link in links:
        file, _, heading = link.partition("#")
        target = ROOT / file if file else ROOT / "README.md"
        assert target.is_file(), link
        if heading:
            assert heading in places(target.read_text(encoding="utf-8")), link


def test_files_that_are_named_exist():
    named = re.findall(r"`(?:python3? )?((?:tests|app|vit_core|assets)/[\w/.-]+\.\w+)", README)
    assert named
    for name in named:
        assert (ROOT / name).exists(), name


def test_python_runs(tmp_path, monkeypatch):
    module = timm().create_model("vit_tiny_patch16_224", pretrained=False, num_classes=3)
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    monkeypatch.chdir(tmp_path)
    blocks = [code for language, code in BLOCKS if language == "python"]
    assert len(blocks) >= 2
    for code in blocks:
        names = {"my_module": module, "my_labels": ["cat", "dog", "owl"]}
        exec(compile(code, "README.md", "exec"), names)
    assert vc.load("file:my.safetensors").labels == ["cat", "dog", "owl"]


def commands() -> list[str]:
    lines = [
        line.partition("  #")[0].strip() for language, code in BLOCKS if language == "sh" for line in code.splitlines()
    ]
    return [line for line in lines if line]


def test_the_shells_first_example_runs(tmp_path):
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    first = next(line for line in commands() if "explain" in line)
    done = subprocess.run(
        [sys.executable, *shlex.split(first)[1:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/chelsea.rollout.png").exists()


@pytest.mark.parametrize("line", [line for line in commands() if "-m vit_core" in line])
def test_commands_are_understood(line, monkeypatch):
    asked = []
    if "vit_core.training.loop" in line:
        from vit_core.training import recipes

        recipe = re.search(r"--recipe (\S+)", line).group(1)
        assert recipe in recipes.RECIPES
        return
    for name in ("explain", "evaluate", "models", "serve"):
        monkeypatch.setattr(command_line, name, lambda args: asked.append(args) or 0)
    assert command_line.main(shlex.split(line)[3:]) == 0
    assert len(asked) == 1
