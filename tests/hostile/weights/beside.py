"""Hostile files beside a good checkpoint: configs, preprocessing, class names."""

from __future__ import annotations

from collections.abc import Iterator

from tests.hostile.weights.layouts import HUGGING_FACE, LABELS, TIMM

#: (case, {file name: bytes, or a value written as JSON}, code, a part of the sentence)
Beside = tuple[str, dict[str, object], str, str]


def configs() -> Iterator[tuple[str, object, str, str]]:
    for field, value in (
        ("hidden_size", "x"),
        ("hidden_size", -1),
        ("hidden_size", 10**9),
        ("hidden_size", float("nan")),
        ("hidden_size", True),
        ("patch_size", 0),
        ("image_size", 10**9),
        ("image_size", "big"),
        ("num_hidden_layers", 10**9),
        ("layer_norm_eps", float("nan")),
        ("num_attention_heads", 7),
        ("num_channels", [3]),
    ):
        yield f"config.json: {field} = {value}", HUGGING_FACE | {field: value}, "checkpoint-config", field
    for value in ("relu", ["gelu"], {"a": 1}, "x" * 10**6):
        yield (
            f"config.json: activation {str(value)[:9]}",
            HUGGING_FACE | {"hidden_act": value},
            "checkpoint-architecture",
            "activation",
        )
    yield "config.json: patches of 10,000", HUGGING_FACE | {"patch_size": 10_000}, "checkpoint-architecture", "patch"
    yield "config.json: 100,000 deep", b'{"a":' * 100_000, "checkpoint-config", "100,000 lists"
    yield "config.json: 30,000 deep", b'{"a":' * 30_000, "checkpoint-config", "recursion"
    yield "config.json: 20 MB", b" " * 20_000_000 + b"{}", "checkpoint-config", "4,194,304"
    yield "config.json: not UTF-8", b'{"model_type": "\xff"}', "checkpoint-config", "utf-8"
    yield "config.json: a long number", b'{"model_type": ' + b"9" * 5000 + b"}", "checkpoint-config", "digits"
    args = {"architecture": "vit_tiny_patch16_224", "num_classes": 5}
    for name, value in (
        ("checkpoint_path", "/etc/passwd"),
        ("pretrained", True),
        ("depth", 10**9),
        ("depth", 100_000),
        ("pretrained_cfg_overlay", {"file": "/etc/passwd"}),
        ("embed_dim", 10**12),
        ("patch_size", 0),
        ("norm_layer", "no such"),
        ("num_heads", 0),
    ):
        yield f"timm's config.json: {name} = {value}", args | {"model_args": {name: value}}, "checkpoint-config", ""
    yield "timm's config.json: classes", args | {"num_classes": 10**12}, "checkpoint-config", "num_classes"
    yield "timm's config.json: resnet", {"architecture": "resnet50"}, "checkpoint-architecture", "resnet50"
    yield "timm's config.json: a hub", {"architecture": "hf-hub:a/b"}, "checkpoint-architecture", "hf-hub"


def preprocessors() -> Iterator[tuple[str, object, str, str]]:
    fine = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": {"height": 32, "width": 32}}
    bad = "checkpoint-config"
    for field, values in {
        "size": (
            0,
            -1,
            10**9,
            10**400,
            1e400,
            {"height": 0},
            {"height": 10**9},
            {"height": "x"},
            {"shortest_edge": 10**9},
            {"shortest_edge": [1]},
            {"shortest_edge": -7},
        ),
        "image_mean": (
            [float("nan")] * 3,
            [10**400] * 3,
            [1e400] * 3,
            [1e300] * 3,
            ["x"] * 3,
            "abc",
            True,
            10**400,
            [[1]] * 3,
            {"a": 1, "b": 2, "c": 3},
        ),
        "image_std": ([0.0] * 3, [float("nan")] * 3, [1e-300] * 3, [-0.0, 1, 1], [None] * 3),
        "resample": ([3], {"a": 1}),
    }.items():
        for value in values:
            yield f"preprocessing: {field} = {str(value)[:30]}", fine | {field: value}, bad, "preprocess"
    yield "preprocessing: a crop of 10**9", fine | {"do_center_crop": True, "crop_size": 10**9}, bad, "crop_size"
    yield (
        "preprocessing: a crop of one pixel of 65,536",
        fine | {"size": {"shortest_edge": 65_536}, "do_center_crop": True, "crop_size": 1},
        bad,
        "preprocess",
    )
    yield "preprocessing: 100,000 brackets", b"[" * 100_000, bad, "100,000 lists"
    yield "preprocessing: 30,000 brackets", b"[" * 30_000, bad, "recursion"
    yield "preprocessing: not UTF-8", b'{"size": "\xff"}', bad, "utf-8"
    yield "preprocessing: a list", [1, 2, 3], "loaded", ""  # states nothing, so it is ignored
    yield "preprocessing: a filter that there is none of", fine | {"resample": 10**30}, "checkpoint-config", "resample"


def timm_preprocessors() -> Iterator[tuple[str, object, str, str]]:
    """timm's config.json, whose pretrained_cfg states the preprocessing."""
    for field, values in {
        "mean": ([10**400] * 3, [float("nan")] * 3, ["x"] * 3, 7),
        "std": ([0.0, 1, 1], [1e-300] * 3),
        "crop_pct": (1e-300, 1e300, 10**400, "x"),
        "interpolation": ("random", ["bicubic"]),
        "crop_mode": ("x", 10**400),
    }.items():
        for value in values:
            yield (
                f"timm's preprocessing: {field} = {str(value)[:20]}",
                TIMM | {"pretrained_cfg": TIMM["pretrained_cfg"] | {field: value}},
                "checkpoint-config",
                "",
            )


def labels() -> Iterator[Beside]:
    """Beside a file of five classes, or of three if there is a config.json."""
    five = ["one", "two", "three", "four", "five"]
    bad, text = "labels-format", "a.labels.txt"
    for name in (text, "labels.txt"):
        yield f"two names for five in {name}", {name: b"one\ntwo\n"}, "labels-count", "there are 2 labels"
    yield "no name at all", {text: b"\n \n"}, "labels-count", "there are 0 labels"
    yield "a million names", {text: b"x\n" * 1_000_000}, "labels-count", "1000000"
    yield "10 MB of names", {text: b"x" * 10_000_000}, bad, "4,194,304"
    yield "a name of 1 MB", {text: b"x" * 1_000_000 + b"\na\nb\nc\nd\n"}, bad, "1000"
    yield "names not in UTF-8", {text: "고양이\n".encode("cp949") * 5}, bad, "UTF-8"
    yield "names in UTF-16", {text: "\n".join(five).encode("utf-16")}, "loaded", ""
    yield "half a character of UTF-16", {text: "\n".join(five).encode("utf-16")[:-1]}, bad, "utf-16"
    yield "names with spaces for ever", {text: (b"a" + b" " * 1000 + b"b\n") * 5}, bad, "1000"
    yield "numbers with spaces for ever", {text: (b"0" + b" " * 800_000 + b"x\n") * 5}, bad, "1000"
    yield "quotes for ever", {text: (b"0:" + b"' " * 500 + b"x\n") * 5}, bad, "1000"
    yield "a table of a field of 1 MB", {"labels.csv": b'id,name\n0,"' + b"x" * 1_000_000 + b'"\n'}, bad, "field"
    yield "a table of five columns", {"labels.csv": b"id,name,path,x,y\n0,a,b,c,d\n"}, "labels-count", "2 labels"
    for case, name, content in (
        ("from one", "labels.txt", b"1 one\n2 two\n3 three\n4 four\n5 five\n"),
        ("twice", "classes.csv", b"id,name\n0,a\n0,b\n1,c\n2,d\n3,e\n"),
        ("with a gap", "class_to_idx.json", {"a": 0, "b": 1, "c": 2, "d": 3, "e": 5}),
        ("huge", "idx_to_class.json", {str(999_999_999 - i): "x" for i in range(5)}),
        ("of pairs", "classes.json", [[1, "a"], [2, "b"], [3, "c"], [4, "d"], [5, "e"]]),
        ("a name alone", "classes.json", {"a": 7}),
        ("from one, as text", "labels.json", {"0": 1, "1": 2}),
        ("with a gap, as text", "labels.json", {"0": "a", "2": "b"}),
    ):
        yield f"numbers {case}: {name}", {name: content}, "labels-numbers", "from 0"
    yield (
        "a key twice",
        {"labels.json": b'{"0": "a", "1": "b", "1": "c", "2": "d", "3": "e", "4": "f"}'},
        bad,
        "twice: 1",
    )
    yield "names within names", {"labels.json": b'{"names":' * 300 + b"[]" + b"}" * 300}, bad, "list of names"
    numbered_text = b"".join(b"%d x%d\n" % (i, i) for i in range(250_000))
    yield "250,000 numbered names", {"labels.txt": numbered_text}, "labels-count", "250000"
    yield "one name five times", {text: b"crane\n" * 5}, "loaded", ""  # ImageNet itself has two cranes
    yield "names with tags, controls and right to left", {text: "<b>\n\0\n\u202e\n\u200b\n$x$".encode()}, "loaded", ""
    yield "names 100,000 deep", {"labels.json": b"[" * 100_000}, bad, "100,000 lists"
    for value in (
        [1, 2, 3, 4, 5],
        [["a"]] * 5,
        [None] * 5,
        7,
        "abcde",
        True,
        None,
        {"-1": "a"},
        {"0": None},
        {"names": {"0": [7]}},
        [{"id": 0}] * 5,
        {str(10**30): "a"},
    ):
        yield f"labels.json: {str(value)[:20]}", {"labels.json": value}, bad, "list of names"
    yield "labels.json: two for five", {"labels.json": {"0": "a", "1": "b"}}, "labels-count", "there are 2 labels"
    numbered = dict(enumerate(LABELS))
    for case, names in {
        "negative": {i - 3: n for i, n in numbered.items()},
        "huge": {10**30 + i: n for i, n in numbered.items()},
        "words": {n: n for n in LABELS},
        "gaps": {2 * i: n for i, n in numbered.items()},
        "from one": {i + 1: n for i, n in numbered.items()},
        "none": {},
        "a list": LABELS,
        "a word": "three",
        "a number": 5,
        "nothing": None,
    }.items():  # these do not number the classes, so there are no names
        yield f"id2label: {case}", {"config.json": HUGGING_FACE | {"id2label": names}}, "loaded", ""
    nested: object = "x"
    for _ in range(900):
        nested = [nested]
    for case, names, code, says in (
        ("two for three", {0: "a", 1: "b"}, "labels-count", "2"),
        ("100,000 for three", dict.fromkeys(range(100_000), "x"), "labels-count", "3"),
        ("a long name", numbered | {1: "x" * 2000}, bad, "1000"),
        ("lists for names", numbered | {1: nested}, "loaded", ""),
    ):
        yield f"id2label: {case}", {"config.json": HUGGING_FACE | {"id2label": names}}, code, says
