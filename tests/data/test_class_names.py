"""A source's classes and a model's: matched by name, synset, table or index, and never by a guess."""

import unicodedata

import numpy as np
import pytest

from tests.data.test_dataset import csv_at, refused
from vit_core.data import class_table, class_table_text, match_classes, read_class_table, suggest_classes
from vit_core.data.arrays import CIFAR_LABELS, FASHION_LABELS
from vit_core.data.class_names import synset_names


@pytest.fixture(scope="module")
def imagenet():
    """(synset ids, labels as timm and the hub write them) in the order of ImageNet-1k's heads."""
    from vit_core.checkpoints import import_timm

    import_timm()
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    return list(info.label_names()), info.label_descriptions()


def test_by_exact_name():
    found = match_classes(["truck", "zebra", "cat"], CIFAR_LABELS)
    assert found.target.tolist() == [9, -1, 3]
    assert found.target.dtype == np.int32
    assert found.unknown == ["zebra"]
    assert found.unused == ["airplane", "automobile", "bird", "deer", "dog", "frog", "horse", "ship"]
    assert found.by == "name"


def test_by_a_name_spelt_another_way():
    folders = ["t_shirt-top", "ANKLE_BOOT", "ankle-boot", " Dress", "\uff23oat", "trouserleg"]
    assert match_classes(folders, FASHION_LABELS).target.tolist() == [0, 9, 9, 3, 4, -1]
    taken_apart = unicodedata.normalize("NFD", "Café 한글")
    assert match_classes([taken_apart], ["Café 한글"]).target.tolist() == [0]
    assert match_classes(["STRASSE"], ["Straße"]).target.tolist() == [0]
    assert match_classes(["C"], ["C++", "C#"]).target.tolist() == [-1]


def test_by_a_synonym():
    labels = ["tench, Tinca tinca", "goldfish, Carassius auratus", "plain"]
    assert match_classes(["tench", "carassius_auratus", "Tench, tinca tinca", "tinca", ""], labels).target.tolist() == [
        0,
        1,
        0,
        -1,
        -1,
    ]


def test_what_fits_two_classes_is_unknown():
    assert match_classes(["crane"], ["crane", "stork", "crane"]).target.tolist() == [-1]
    assert match_classes(["Black Bear"], ["black-bear", "black_bear"]).target.tolist() == [-1]
    assert match_classes(["black_bear"], ["black-bear", "black_bear"]).target.tolist() == [1]  # exactly
    assert match_classes(["missile"], ["rocket, missile", "projectile, missile"]).target.tolist() == [-1]


def test_what_fits_two_classes_is_told_from_what_fits_none(imagenet):
    labels = ["crane", "stork", "crane", "rocket, missile", "projectile, missile"]
    found = match_classes(["crane", "heron", "missile", "stork"], labels)
    assert found.target.tolist() == [-1, -1, -1, 1]
    assert (found.unknown, found.ambiguous, found.by) == (["crane", "heron", "missile"], ["crane", "missile"], "name")
    table = {"crane": "2", "heron": "crane"}  # a number says which; a name that two have does not
    found = match_classes(["crane", "heron", "stork"], labels, table)
    assert found.target.tolist() == [2, -1, 1]
    assert (found.unknown, found.ambiguous, found.by) == (["heron"], ["heron"], "table")
    ids = imagenet[0]
    found = match_classes(["crane", "unicorn"], ids)
    assert (found.unknown, found.ambiguous, found.by) == (["crane", "unicorn"], ["crane"], "name")
    found = match_classes(["n02012849", "n01440764"], ["crane", "crane", "tench"])  # bird or machine
    assert found.target.tolist() == [-1, 2]
    assert (found.ambiguous, found.by) == (["n02012849"], "synset")


def test_integers_are_the_models_numbers_only_when_they_fit():
    found = match_classes([str(i) for i in (0, 1, 10, 2, 3, 4, 5, 6, 7, 8, 9)], [f"c{i}" for i in range(11)])
    assert found.target.tolist() == [0, 1, 10, 2, 3, 4, 5, 6, 7, 8, 9]
    assert found.by == "index"
    assert match_classes(["02", "00", "01"], ["a", "b", "c"]).target.tolist() == [2, 0, 1]
    assert match_classes(["2", "1", "0"], ["2", "0", "1"]).by == "name"
    assert match_classes(["0", "1"], ["a", "b", "c"]).target.tolist() == [-1, -1]
    assert match_classes(["1", "2", "3"], ["a", "b", "c"]).target.tolist() == [-1, -1, -1]
    assert match_classes(["0", "1", "01"], ["a", "b", "c"]).target.tolist() == [-1, -1, -1]
    assert match_classes(["0", "1", "2", "01"], ["a", "b", "c"]).target.tolist() == [-1] * 4
    assert match_classes(["0", "1", "²"], ["a", "b", "c"]).target.tolist() == [-1, -1, -1]
    assert match_classes([], []).target.tolist() == []


def test_labels_that_are_numbers_are_names_and_count_as_they_count():
    found = match_classes(["0", "1", "2"], ["1", "2", "3"])  # the model's class 1 is called 2
    assert (found.target.tolist(), found.by) == ([-1, 0, 1], "name")
    labels = [f"{i:02}" for i in range(11)]
    found = match_classes([str(i) for i in range(11)], labels)  # of which the last alone is spelt the same
    assert (found.target.tolist(), found.by) == ([*range(11)], "index")


def test_by_the_users_table():
    table = {"Kitty": "cat", "boat": "SHIP", "lorry": "9", "wrong": "unicorn", "dog": "frog"}
    classes = ["kitty", "boat", "lorry", "wrong", "dog", "horse", "other"]
    found = match_classes(classes, CIFAR_LABELS, table)
    assert found.target.tolist() == [3, 8, 9, -1, 6, 7, -1]
    assert found.unknown == ["wrong", "other"]
    assert found.by == "table"
    error = refused(
        "evaluate-table-rows", match_classes, classes, CIFAR_LABELS, table | {"kittn": "cat", "no class": "cat"}
    )
    assert error.values["names"] == ["kittn", "no class"]
    refused("evaluate-table-rows", match_classes, ["cat", "Cat"], CIFAR_LABELS, {"CAT": "dog"})  # which of the two?
    assert match_classes(["horse"], CIFAR_LABELS, {"horse": "unicorn"}).unknown == ["horse"]  # the table decides
    assert match_classes(["a"], ["x", "y"], {"a": "2"}).target.tolist() == [-1]


def test_synset_folders_and_a_model_of_imagenets_order(imagenet):
    ids, labels = imagenet
    for named in (
        labels,
        [label.split(",")[0] for label in labels],
        [f"LABEL_{i}" for i in range(1000)],
        [str(i) for i in range(1000)],
    ):
        found = match_classes(sorted(ids), named)
        assert found.by == "synset"
        assert [sorted(ids)[i] for i in np.argsort(found.target)] == ids  # both cranes, both maillots too
        assert not found.unknown
        assert not found.unused
    some = match_classes(["n01443537", "n99999999", "n01440764"], labels)
    assert some.target.tolist() == [1, -1, 0]
    assert some.unknown == ["n99999999"]
    assert len(some.unused) == 998


def test_synset_folders_and_a_model_of_other_classes(imagenet):
    ids, labels = imagenet
    found = match_classes(["n01440764", "n02123045", "n02012849"], ["tabby", "Tench", "something"])
    assert found.target.tolist() == [1, 0, -1]
    assert found.by == "synset"
    # 1,000 classes that are not ImageNet's: their order says nothing, their names do.
    other = [f"thing {chr(97 + i % 26)}{i}" for i in range(999)] + ["tench"]
    assert match_classes(["n01440764", "n01443537"], other).target.tolist() == [999, -1]
    assert match_classes(["n01440764"], labels[::-1]).target.tolist() == [999]


def test_a_model_whose_labels_are_synset_ids(imagenet):
    ids, labels = imagenet
    assert match_classes(ids[::-1], ids).by == "name"
    found = match_classes(["tench", "n01443537", "crane"], ids)
    assert found.target.tolist() == [0, 1, -1]  # a bird and a machine
    assert found.by == "synset"


def test_the_tables_know_every_class_of_imagenet_1k(imagenet):
    ids, labels = imagenet
    lemmas = synset_names()
    assert [lemmas[i] for i in ids] == labels
    assert len(lemmas) > 21_000


def test_names_nobody_would_choose():
    odd = ["new\nline", "\u202ertl", "\udcff", ".", "\0", "\U0001f408", "a" * 10_000, "9" * 5000]
    assert match_classes(odd, odd).target.tolist() == list(range(8))
    assert match_classes(odd, ["x"] * 8).target.tolist() == [-1] * 8


@pytest.mark.parametrize(
    "text",
    [
        "kitten,cat\nfish,tench\n",
        "kitten;cat\r\n\r\nfish;tench\r\n",
        "kitten\tcat\nfish\ttench\n",
        "\ufeffSource, model\nkitten,cat\nfish,tench",
        "\n\nkitten,cat,why\nfish,tench,\n",
    ],
)
def test_a_table_of_classes_is_read_however_a_spreadsheet_writes_it(tmp_path, text):
    (tmp_path / "t.csv").write_text(text, "utf-8")
    assert read_class_table(tmp_path / "t.csv") == {"kitten": "cat", "fish": "tench"}


def test_a_table_of_classes_that_says_two_things_of_one_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("kitten,cat\npuppy,dog\nkitten,cat\n", "utf-8")
    assert read_class_table(tmp_path / "t.csv") == {"kitten": "cat", "puppy": "dog"}
    (tmp_path / "t.csv").write_text("kitten,cat\npuppy,dog\nkitten,dog\n", "utf-8")
    assert "'kitten' is 'cat' in one row and 'dog'" in str(
        refused("evaluate-table", read_class_table, tmp_path / "t.csv")
    )


def test_names_with_commas_in_a_table_of_classes(tmp_path):
    for text in (
        "n01440764;tench, Tinca tinca\nn02123045;tabby\n",
        'n01440764,"tench, Tinca tinca"\nn02123045,tabby\n',
        "n01440764\ttench, Tinca tinca\nn02123045\ttabby\n",
    ):
        (tmp_path / "t.csv").write_text(text, "utf-8")
        assert read_class_table(tmp_path / "t.csv") == {"n01440764": "tench, Tinca tinca", "n02123045": "tabby"}


def test_a_table_of_classes_that_lacks_a_column_says_in_which_line(tmp_path):
    (tmp_path / "t.csv").write_text("kitten,cat\n\nfish\n", "utf-8")
    error = refused("evaluate-table", read_class_table, tmp_path / "t.csv")
    assert error.values["reason"] == "line 3 has one column, 'fish'"


def test_a_class_table_that_cannot_be_read_is_refused(tmp_path):
    for content in ("개,dog\n".encode("cp949"), b"fish\n"):
        refused("evaluate-table", read_class_table, csv_at(tmp_path / "t.csv", content))
    refused("evaluate-table", read_class_table, tmp_path / "none.csv")


def test_suggestions_by_name_synset_and_translation(imagenet):
    _, labels = imagenet
    known = {name: number for number, label in enumerate(labels) for name in label.split(", ")}
    misspelt, numbered, synset, korean, none = suggest_classes(
        ["golden retreiver", "003.gold_fish", "n02121808 something", "금붕어", "zzzz"], labels, {labels[1]: "금붕어"}
    )
    assert misspelt[0] == known["golden retriever"]
    assert numbered[0] == known["goldfish"]
    assert korean == [1]
    assert none == []
    cats = {known[name] for name in ("tabby", "Persian cat", "Egyptian cat", "tiger cat", "Siamese cat")}
    assert len(cats & set(synset)) >= 3  # n02121808 is "domestic cat, house cat, ...", which no class is called
    assert all(len(found) <= 5 for found in (misspelt, numbered, synset))


def test_a_suggestion_that_holds_all_words_comes_before_a_similar_spelling():
    assert suggest_classes(["cat"], ["cab", "tabby cat", "catamaran", "cat fish"]) == [[1, 3]]
    assert suggest_classes(["carts"], ["cart", "card", "sports car"])[0][0] == 0
    assert suggest_classes(["handbag"], ["Foot", "Bag"]) == [[1]]


def test_a_written_table_gives_exactly_the_mapping(tmp_path):
    labels = ["crane", "stork", "crane", 'a, "b"; c', "1"]
    mapping = {"kranich; grau": 2, "=heron": 1, "a,b": 3, "line": 0, "nothing": -1, "5": 4}
    (tmp_path / "table.csv").write_text(class_table_text(class_table(mapping, labels)), "utf-8")
    found = match_classes(list(mapping), labels, read_class_table(tmp_path / "table.csv"))
    assert found.target.tolist() == list(mapping.values())
