"""Every word of the lecture exists in both languages, is used, and stands nowhere else; every formula is typeset."""

import re
from pathlib import Path

import pytest

from app.components.lecture import HERE
from app.lecture import SCENES
from app.text.lecture import frame, scene_text, words

TABLES = {name: scene_text(name) for name in SCENES} | {"frame": frame}
APP = Path(HERE).parents[1]
REQUIRED = {"kicker", "title", "text", "outline"}
PLACE = re.compile(r"\{(\w+)\}")
TERM = re.compile(r"\[[^\]]+\]\(([^)]+)\)")
FORMULA = re.compile(r"\$(\w+)\$")
HANGUL = re.compile("[가-힣]")


@pytest.mark.parametrize("name", TABLES)
def test_both_languages_say_the_same_things(name):
    english, korean = TABLES[name].EN, TABLES[name].KO
    assert set(english) == set(korean)
    assert name == "frame" or set(english) >= REQUIRED
    for key in english:
        assert english[key].strip() == english[key] != "", key
        assert korean[key].strip() == korean[key] != "", key
        for pattern in (PLACE, FORMULA):
            assert set(pattern.findall(english[key])) == set(pattern.findall(korean[key])), key
        assert sorted(TERM.findall(english[key])) == sorted(TERM.findall(korean[key])), key


@pytest.mark.parametrize("name", TABLES)
def test_korean_is_korean_and_english_is_not(name):
    table = TABLES[name]
    # The other language's name, and the deck's own example sentence, stand in both.
    assert not [k for k, s in table.EN.items() if HANGUL.search(s)
                and k != "language" and not re.search("preset|deck|printed|token|word", k)]
    bare = [k for k, s in table.KO.items() if not HANGUL.search(re.sub(r"\{\w+\}|\$\w+\$", "", s))
            and len(re.findall(r"[A-Za-z]{3,}", re.sub(r"\{\w+\}|\$\w+\$", "", s))) > 3]
    assert not bare  # names, units and symbols need no translation; a sentence does
    assert not [k for k, s in table.KO.items() if re.search(r"[은이을과]\([는가를와]\)|\((으|이)\)", s)]


@pytest.mark.parametrize("name", SCENES)
def test_a_slide_is_a_slide(name):
    """Short enough to be read from the last row: the prose of a scene is a few sentences and drives its figure."""
    for table, most in ((TABLES[name].EN, 640), (TABLES[name].KO, 400)):
        bare = FORMULA.sub("", TERM.sub(lambda m: m[0][1 : m[0].index("]")], table["text"]))
        assert len(bare) <= most, len(bare)
        assert len(table["title"]) <= 62
        assert 2 <= len(table["outline"].split("\n")) <= 7


@pytest.mark.parametrize("name", SCENES)
def test_formulas_are_typeset_and_every_one_is_shown(name):
    table, script = TABLES[name], (HERE / "scenes" / f"{name}.js").read_text(encoding="utf-8")
    assert all(value.strip() for value in table.MATH.values())
    shown = {f for s in table.EN.values() for f in FORMULA.findall(s)}
    assert shown <= set(table.MATH)
    assert all(key in shown or re.search(rf"\bmath\.{key}\b|['\"]{key}['\"]", script) for key in table.MATH)
    for language in ("en", "ko"):
        typeset = words(name, language, SCENES)["math"]
        assert all(m.startswith("<math") and m.endswith("</math>") and "\\" not in m for m in typeset.values())


@pytest.mark.parametrize("name", SCENES)
def test_every_word_is_used_and_every_word_used_exists(name):
    table, script = TABLES[name].EN, (HERE / "scenes" / f"{name}.js").read_text(encoding="utf-8")
    exact = set(re.findall(r"\.words\(\s*[\"'](\w+)[\"']", script))
    assert exact <= set(table), exact - set(table)
    literals = set(re.findall(r"[\"'`](\w+)[\"'`]", script))
    begun = {b for b in re.findall(r"`(\w+)\$\{", script)} | {b for b in re.findall(r"[\"'](\w+_)[\"']\s*\+", script)}
    unused = {k for k in table if k not in REQUIRED | exact | literals and not any(k.startswith(b) for b in begun)
              and not re.search(rf"\b{k}\b", script)}
    assert not unused
    common = set(re.findall(r"\.common\(\s*[\"'](\w+)[\"']", script))
    assert common <= set(frame.EN)


@pytest.mark.parametrize("name", SCENES)
def test_no_sentence_stands_in_the_scripts(name):
    script = (HERE / "scenes" / f"{name}.js").read_text(encoding="utf-8")
    code = re.sub(r"//[^\n]*|/\*.*?\*/", "", script, flags=re.S)
    strings = [s for pair in re.findall(r"\"([^\"\n]*)\"|'([^'\n]*)'", code) for s in pair]
    assert not HANGUL.search(code)
    # Two words with a capital first, or three words: a sentence. Class names and view boxes are neither.
    assert not [s for s in strings if re.search(r"[A-Z][a-z]+ [a-z]{2,}|[a-z]{3,} (the|of|is|and|a) ", s)]


def test_every_live_number_of_the_prose_has_a_name_in_its_scene():
    for name in SCENES:
        script = (HERE / "scenes" / f"{name}.js").read_text(encoding="utf-8")
        lacking = [p for p in PLACE.findall(TABLES[name].EN["text"]) if not re.search(rf"\b{p}\b", script)]
        assert not lacking, (name, lacking)


def test_the_titles_of_all_scenes_come_with_each():
    found = words("mlp", "ko", SCENES)
    assert [title["id"] for title in found["titles"]] == list(SCENES)
    assert all(title["title"] and title["outline"] for title in found["titles"])
