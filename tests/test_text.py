"""Every sentence exists in both languages, with the same places to fill; and none stands anywhere else."""

import ast
import re
import string
from pathlib import Path

import pytest

from app import text
from vit_core import InputError

APP = Path(text.__file__).resolve().parents[1]
ROOT = APP.parent
#: Where a person would read a literal; `components` keep their words in app/text too, and have tests of their own.
SOURCES = [p for p in sorted(APP.rglob("*.py")) if not {"text", "components"} & set(p.relative_to(APP).parts)]


def places(sentence: str) -> set[str]:
    """The names filled in, plotly's %{...} apart."""
    plotly = set(re.findall(r"%\{[^}]*\}(?:\[\d\])?\}?", sentence))
    return {name for _, name, _, _ in string.Formatter().parse(re.sub(r"%\{[^}]*\}", "", sentence)) if name} | plotly


def test_the_languages_have_the_same_keys():
    assert set(text.SENTENCES["en"]) == set(text.SENTENCES["ko"])
    assert set(text.SENTENCES) == set(text.LANGUAGES)


@pytest.mark.parametrize("key", sorted(text.SENTENCES["en"]))
def test_a_sentence_fills_the_same_places_in_both(key):
    english, korean = (text.SENTENCES[language][key] for language in ("en", "ko"))
    assert english.strip() == english != ""
    assert korean.strip() == korean != ""
    strip = [{re.sub(r":[^}]*", "", p) for p in places(s)} for s in (english, korean)]
    assert strip[0] == strip[1]


def test_korean_is_korean_and_english_is_not():
    hangul = re.compile("[가-힣]")
    assert not [k for k, s in text.SENTENCES["en"].items() if hangul.search(s)]
    same = {k for k, s in text.SENTENCES["ko"].items() if not hangul.search(s)}
    # Only names, units and what is put together from other sentences.
    assert same == {"app.name", "side.credit", "device.cpu", "device.cuda", "device.mps", "time.ms", "from.token",
                    "atlas.class", "rollout.label", "predictions.hover"}


def test_no_particle_is_left_open():
    """은(는), 이(가): what a form letter says, and no lecturer."""
    assert not [k for k, s in text.SENTENCES["ko"].items() if re.search(r"[은이을과]\([는가를와]\)|\((으|이)\)", s)]


def test_every_error_of_the_core_that_a_picture_or_the_page_can_raise_has_its_sentence():
    source = (ROOT / "vit_core" / "images.py").read_text(encoding="utf-8")
    raised = set(re.findall(r'InputError\(\s*"([a-z-]+)"', source))
    assert {"image-empty", "image-truncated"} <= raised
    assert not [code for code in raised if f"error.{code}" not in text.SENTENCES["en"]]


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_an_error_is_said_in_the_language_or_else_in_its_own_words(language):
    t = text.Text(language)
    thin = t.error(InputError("image-too-thin", "x", width=10_000, height=1, max_ratio=100))
    assert "10,000" in thin
    assert thin != "x"
    assert t.error(InputError("something-new", "What to do.")) == "What to do."
    assert t.error(InputError("image-too-thin", "Without its facts.")) == "Without its facts."


def _literals(path: Path):
    """String constants of a file that are no docstring, with their lines; f-strings' constant parts among them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.FunctionDef, ast.ClassDef)
    docs = {id(n.body[0].value) for n in ast.walk(tree)
            if isinstance(n, documented) and n.body and isinstance(n.body[0], ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


def test_no_sentence_stands_outside_app_text():
    """Two words in a row, or Hangul, are taken to be meant for people."""
    no_prose = re.compile(r"<style>|rgba?\(|^[a-z]+ %s|%\{|^(load|forward) |^sample |^vitrine$")
    found = [f"{path.relative_to(ROOT)}:{line}: {value!r}" for path in SOURCES for line, value in _literals(path)
             if re.search(r"[A-Za-z]{2,} [A-Za-z]{2,}|[가-힣]", value) and not no_prose.search(value)]
    assert not found


def _calls(path: Path):
    """Keys of t("..."), and the fixed beginnings of t(f"...")."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and node.args and getattr(node.func, "id", "") == "t":
            first = node.args[0]
            options = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
            for option in options:
                if isinstance(option, ast.Constant):
                    yield path.name, option.value, True
                elif isinstance(option, ast.JoinedStr):
                    parts = (re.escape(p.value) if isinstance(p, ast.Constant) else ".+" for p in option.values)
                    yield path.name, "".join(parts), False


def test_every_key_that_is_asked_for_exists_and_every_one_there_is_is_asked_for():
    keys, used = set(text.SENTENCES["en"]), set()
    for file in SOURCES + [APP / "text" / "__init__.py"]:
        for where, key, exact in _calls(file):
            hits = {key} & keys if exact else {k for k in keys if re.fullmatch(key, k)}
            assert hits, f"{where} asks for {key}"
            used |= hits
    used |= {k for k in keys if k.startswith(("error.", "token."))}
    assert used == keys


def test_every_equation_has_what_it_does_not_show():
    assert all(f"{name}.not" in text.SENTENCES["en"] for name in text.EQUATIONS)
