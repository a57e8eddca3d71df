"""One word in Korean for each term, whatever page says it; and in a Korean sentence no English but names."""

import re

import pytest

from app import text
from app.lecture import SCENES
from app.text import atlas, compare, features, report, why
from app.text.lecture import frame, scene_text

#: (English, Korean) by the page that says it.
TABLES = {
    "errors": ({}, text.ERRORS["ko"]),
    "pages": (text.SENTENCES["en"], text.SENTENCES["ko"]),
    "atlas": (atlas.EN, atlas.KO),
    "pair": (compare.PAIR_EN, compare.PAIR_KO),
    "report": (report.EN, report.KO),
    "why": (why.EN, why.KO),
    "features": (features.EN, features.KO),
    "frame": (frame.EN, frame.KO),
    **{name: (scene_text(name).EN, scene_text(name).KO) for name in SCENES},
}
TERMS = {
    r"layers?": "레이어",
    r"heads?": "헤드",
    r"attention": "어텐션",
    r"patch(es)?": "패치",
    r"tokens?": "토큰",
    r"class(es)?": "클래스",
    r"embeddings?": "임베딩",
    r"entropy": "엔트로피",
    r"logits?": "로짓",
    r"rollout": "롤아웃",
    r"gradients?": "그래디언트",
    r"probabilit(y|ies)": "확률",
    r"weights?": "가중치",
    r"labels?": "레이블",
    r"quer(y|ies)": "쿼리",
    r"keys?": "키",
    r"pixels?": "픽셀",
    r"folders?": "폴더",
    r"accuracy": "정확도",
    r"softmax": "소프트맥스",
    r"residual": "잔차",
    r"channels?": "채널",
    r"parameters?": "파라미터",
    r"filters?": "필터",
    r"convolutions?": "합성곱",
    r"evaluation": "평가",
    r"predictions?": "예측",
    r"registers?": "레지스터",
    r"distillation": "증류",
    r"positions?": "위치",
}
#: Where Korean says it without the word: "attends to", "each other", a verb for the noun.
OTHERWISE = {
    ("heads?", "pages", "side.assumed.pool"),
    ("heads?", "pages", "side.assumed.average"),
    ("heads?", "pages", "distances.not"),
    ("heads?", "summary", "note"),
    ("attention", "atlas", "summary_row_token"),
    ("patch(es)?", "positions", "outline"),
}
#: The other words for the same things, of which one would do beside the right one.
RIVALS = re.compile("매개변수|모수|컨볼루션|질의|라벨|계층|화소|범주|신뢰도|디렉터리|디렉토리|주의력|주목|조각")
#: What is no sentence: places to fill, terms' settings, code, formulas, addresses, commands; and other people's titles.
APART = re.compile(
    r"\{[^}]*\}|\]\([^)]*\)|`[^`]*`|\$\w+\$|https?://\S+|pip install( -r)?|<[^>]*>|%|"
    r"confident learning|An image is worth 16 . 16 words|[Ii]nductive bias|et al"
)
NAMES = {"timm", "file", "ray", "local", "safetensors", "tanh", "synset", "pos"}


@pytest.mark.parametrize("term", TERMS)
def test_a_term_is_one_word_wherever_it_is_said(term):
    said = re.compile(rf"\b({term})\b", re.IGNORECASE)
    lacking = {
        (term, page, key)
        for page, (english, korean) in TABLES.items()
        for key in english
        if said.search(APART.sub(" ", english[key])) and TERMS[term] not in korean[key]
    }
    assert lacking == {one for one in OTHERWISE if one[0] == term}


@pytest.mark.parametrize("page", TABLES)
def test_no_other_word_and_no_english_is_left(page):
    korean = {key: said for key, said in TABLES[page][1].items() if not key.startswith("preset")}
    assert not {key: found[0] for key, said in korean.items() if (found := RIVALS.search(said))}
    words = {
        key: set(re.findall(r"(?<![\w./-])[a-z]{3,}(?![\w./-])", APART.sub(" ", said))) - NAMES
        for key, said in korean.items()
        if key not in ("words", "example")
    }
    assert not {key: left for key, left in words.items() if left}


@pytest.mark.parametrize(
    ("english", "korean", "rival"),
    [
        ("Norm", "정규화", r"(first|second|last|A) norm\b|\[norm\]|and the norm\b|two norms|^norm$|LayerNorm"),
        ("Multi-Head Attention", "멀티 헤드 어텐션", r"[Mm]ulti-head|Feed.?[Ff]orward"),
    ],
)
def test_a_part_of_the_block_has_one_name_on_all_scenes(english, korean, rival):
    scenes = {name: TABLES[name] for name in SCENES}
    said = {(name, key): (en[key], ko[key]) for name, (en, ko) in scenes.items() for key in en}
    assert not {place: en for place, (en, _) in said.items() if re.search(rival, en)}
    named = {place: ko for place, (en, ko) in said.items() if re.search(rf"\b{english}\b", en)}
    assert named
    assert not {place: ko for place, ko in named.items() if korean not in ko}
