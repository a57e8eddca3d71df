"""Every word of the lecture exists in both languages, is used, and stands nowhere else; every formula is typeset."""

import re
from pathlib import Path

import pytest

from app.components.lecture.component import HERE
from app.lecture import QUESTIONS, SCENES
from app.text.lecture import frame, scene_text, words
from vit_core.models.config import ACTIVATIONS, BLOCKS, POOLS, VARIANTS

TABLES = {name: scene_text(name) for name in SCENES} | {"frame": frame}
APP = Path(HERE).parents[1]
ROOT = APP.parent
REQUIRED = {"kicker", "title", "text", "outline"}
PLACE = re.compile(r"\{(\w+)\}")
TERM = re.compile(r"\[[^\]]+\]\(([^)]+)\)")
FORMULA = re.compile(r"\$(\w+)\$")
HANGUL = re.compile("[가-힣]")


def script_of(scene: str) -> str:
    return (HERE / "scenes" / f"{scene}.js").read_text(encoding="utf-8")


def named(key: str, script: str, scene: str) -> bool:
    """Whether the scene's script asks for a key: by its name, by a template `${a}_${b}`, or by a name from Python."""

    def word(part: str) -> bool:
        return re.search(rf"(?<![A-Za-z0-9]){re.escape(part)}(?![A-Za-z0-9])", script) is not None

    sources = (
        APP / "lecture" / ("questions" if scene in QUESTIONS else "scenes") / f"{scene}.py",
        ROOT / "vit_core/lecture/rewiring.py",
        ROOT / "vit_core/models/config.py",
        ROOT / "vit_core/models/vit.py",
    )
    python = "".join(path.read_text(encoding="utf-8") for path in sources)
    chosen = {*ACTIVATIONS, *BLOCKS, *POOLS, *VARIANTS, "class", "distillation", "register"}
    if word(key) or f'"{key}"' in python or key in chosen:
        return True
    numbered = re.fullmatch(r"([a-z_]+?)_?(\d+)", key)
    if numbered and re.search(rf"\b{numbered[1]}_?\$\{{", script):
        return True
    halves = ((key[:at], key[at + 1 :]) for at, letter in enumerate(key) if letter == "_")
    return any(word(a) and (word(b) or f'"{b}"' in python or b in chosen) for a, b in halves)


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
    # The other language's name, the example sentences and the deck's own three words stand in both.
    both = re.compile(r"^(language|example|words)$|preset")
    assert not [k for k, s in table.EN.items() if HANGUL.search(s) and not both.search(k)]
    bare = [
        k
        for k, s in table.KO.items()
        if "preset" not in k
        and not HANGUL.search(re.sub(r"\{\w+\}|\$\w+\$", "", s))
        and len(re.findall(r"[A-Za-z]{3,}", re.sub(r"\{\w+\}|\$\w+\$", "", s))) > 3
    ]
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
    table, script = TABLES[name], script_of(name)
    assert all(value.strip() for value in table.MATH.values())
    shown = {f for s in table.EN.values() for f in FORMULA.findall(s)}
    assert shown <= set(table.MATH)
    assert not [key for key in table.MATH if key not in shown and not named(key, script, name)]
    for language in ("en", "ko"):
        typeset = words(name, language, SCENES)["math"]
        assert all(m.startswith("<math") and m.endswith("</math>") and "\\" not in m for m in typeset.values())


@pytest.mark.parametrize("name", SCENES)
def test_every_word_is_used_and_every_word_used_exists(name):
    table, script = TABLES[name].EN, script_of(name)
    exact = set(re.findall(r"\.words\(\s*[\"'](\w+)[\"']", script))
    assert exact <= set(table), exact - set(table)
    assert not [key for key in table if key not in REQUIRED and not named(key, script, name)]
    assert set(re.findall(r"\.common\(\s*[\"'](\w+)[\"']", script)) <= set(frame.EN)


@pytest.mark.parametrize("name", SCENES)
def test_no_sentence_stands_in_the_scripts(name):
    script = script_of(name)
    code = re.sub(r"//[^\n]*|/\*.*?\*/", "", script, flags=re.S)
    strings = [s for pair in re.findall(r"\"([^\"\n]*)\"|'([^'\n]*)'", code) for s in pair]
    assert not HANGUL.search(code)
    # Two words with a capital first, or three words: a sentence. Class names and view boxes are neither.
    assert not [s for s in strings if re.search(r"[A-Z][a-z]+ [a-z]{2,}|[a-z]{3,} (the|of|is|and|a) ", s)]


def test_every_live_number_of_the_prose_has_a_name_in_its_scene():
    for name in SCENES:
        script = script_of(name)
        lacking = [p for p in PLACE.findall(TABLES[name].EN["text"]) if not re.search(rf"\b{p}\b", script)]
        assert not lacking, (name, lacking)


def test_the_titles_of_all_scenes_come_with_each():
    found = words("mlp", "ko", SCENES)
    assert [title["id"] for title in found["titles"]] == list(SCENES)
    assert all(title["title"] and title["outline"] for title in found["titles"])
