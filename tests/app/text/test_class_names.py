"""Korean names of ImageNet's classes."""

import re
from collections import Counter

import pytest

from app.text.class_names import imagenet_names, translated, translations
from app.text.plain import plain
from vit_core.checkpoints.labels import imagenet_labels
from vit_core.checkpoints.timm_import import imagenet_info

LABELS = imagenet_labels(1000)


def test_the_table_has_timms_classes_in_timms_order():
    info = imagenet_info("imagenet-1k")
    synsets = info.label_names()
    assert [row[0] for row in imagenet_names()] == synsets
    assert [row[1] for row in imagenet_names()] == [
        info.label_name_to_description(one).split(",")[0].strip() for one in synsets
    ]


def test_every_class_has_a_korean_name_of_its_own():
    names = [row[2] for row in imagenet_names()]
    assert len(names) == 1000
    assert not [name for name in names if name != name.strip() or not re.search("[가-힣]", name)]
    assert not [name for name, times in Counter(names).items() if times > 1]
    assert max(map(len, names)) <= 24  # they stand in bars and lists


@pytest.mark.parametrize(
    ("synset", "korean"),
    [
        ("n01440764", "텐치"),
        ("n02106662", "독일셰퍼드"),
        ("n02113186", "웰시코기(카디건)"),
        ("n02963159", "카디건"),
        ("n02012849", "두루미"),
        ("n03126707", "기중기(크레인)"),
        ("n03954731", "대패"),
        ("n04208210", "삽"),
        ("n07684084", "바게트(프랑스빵)"),
        ("n07753592", "바나나"),
        ("n15075141", "화장지"),
    ],
)
def test_a_class_by_its_synset(synset, korean):
    assert {row[0]: row[2] for row in imagenet_names()}[synset] == korean


def test_a_model_with_imagenets_labels_has_korean_names_for_all_of_them():
    found = translations("timm:any", "ko", LABELS)
    assert set(LABELS) <= set(found)
    assert translated("timm:any", "tench, Tinca tinca", "ko", LABELS) == "텐치"
    longest = max(LABELS, key=len)
    assert found[plain(longest, 40)] == found[longest]  # as scenes show it
    assert found["crane"] == "두루미 / 기중기(크레인)"  # two classes, one name
    assert translations("timm:any", "en", LABELS) == {}
    synsets = [row[0] for row in imagenet_names()]
    assert translated("hf:any", synsets[0], "ko", synsets) == "텐치"


def test_other_classes_keep_their_names():
    assert translated("hf:any", "plane", "ko", ["plane", "kite"]) == "plane"
    assert translations("hf:any", "ko", [f"class {i}" for i in range(1000)]) == {}
    assert translations("hf:any", "ko", LABELS[::-1]) == {}  # the same words for other numbers
    assert translations("hf:any", "ko") == {}
