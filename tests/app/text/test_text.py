"""Every sentence exists in both languages, with the same places to fill; and none stands anywhere else."""

import ast
import pickle
import re
import string
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from app import text
from app.text import Text, equations, errors_ko, why
from app.text import report as report_text
from vit_core import InputError, VisionTransformer, ViTConfig, load
from vit_core.checkpoints import report
from vit_core.evaluation import plan

APP = Path(text.__file__).resolve().parents[1]
ROOT = APP.parent
#: Files whose words people read.
SOURCES = [p for p in sorted(APP.rglob("*.py")) if "text" not in p.relative_to(APP).parts]


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
    assert same == {
        "app.name",
        "side.credit",
        "device.cpu",
        "device.cuda",
        "device.mps",
        "time.ms",
        "from.token",
        "atlas.class",
        "atlas.output",
        "rollout.label",
        "predictions.hover",
        "mistakes.catalogue.set",
        "model.photo",
        "mistakes.points",
        "mistakes.compared.points",
        "mistakes.several.ap",
        "mistakes.map.point",
        "model.size",
    }


@pytest.mark.parametrize(
    ("count", "said"),
    [
        ("1", "The 1 picture of"),
        ("0", "The 0 pictures of"),
        ("2", "The 2 pictures of"),
        ("1,001", "The 1,001 pictures"),
    ],
)
def test_one_is_a_picture_and_two_are_pictures(count, said):
    assert text.Text("en")("mistakes.download.text", count=count).startswith(said)
    facts = text.Text("en")("side.model.facts", layers=1, heads=12, dim=8, parameters="1 M")
    assert facts.replace("\u00a0", " ").startswith("1 layer × 12 heads")


def test_no_line_ends_between_a_share_and_its_particle():
    assert not [k for k, s in text.SENTENCES["ko"].items() if re.search("%[가-힣]", s)]
    assert "{percent}\u2060입니다" in text.SENTENCES["ko"]["predictions.text"]


def test_a_share_comes_with_its_sign():
    """`percent` writes the sign, since "< 0.01" and its sign belong together."""
    every = [
        text.SENTENCES["en"],
        text.SENTENCES["ko"],
        why.EN,
        why.KO,
        report_text.EN,
        report_text.KO,
        *why.MULTI_LABEL.values(),
    ]
    doubled = re.compile(r"\{(percent|peak|share|threshold|p|q)\}\s?%")
    assert [said for sentences in every for said in sentences.values() if doubled.search(said)] == []


def test_no_particle_is_left_open():
    """은(는), 이(가): what a form letter says, and no lecturer."""
    assert not [k for k, s in text.SENTENCES["ko"].items() if re.search(r"[은이을과]\([는가를와]\)|\((으|이)\)", s)]


def _called(node: ast.Call) -> str:
    return getattr(node.func, "id", getattr(node.func, "attr", ""))


def _raised() -> list[tuple[str, set[str], str]]:
    """(code, names of its values, where) of each InputError that the core makes.

    A code is a constant, one of two constants, or a parameter: then it is what the function's callers pass.
    """
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "vit_core").rglob("*.py"))}
    calls = [n for tree in trees.values() for n in ast.walk(tree) if isinstance(n, ast.Call)]

    def codes(node, function) -> set[str]:
        if isinstance(node, ast.Constant):
            return {node.value}
        if isinstance(node, ast.IfExp):
            return codes(node.body, function) | codes(node.orelse, function)
        parameters = [a.arg for a in function.args.args]
        assert getattr(node, "id", "") in parameters, f"{ast.unparse(node)} in {function.name}"
        place = parameters.index(node.id)
        defaults = dict(zip(reversed(parameters), reversed(function.args.defaults), strict=False))
        passed = [
            c.args[place]
            if len(c.args) > place
            else next((k.value for k in c.keywords if k.arg == node.id), defaults.get(node.id))
            for c in calls
            if _called(c) == function.name
        ]
        return set().union(*(codes(p, None) for p in passed))

    found = []
    for path, tree in trees.items():
        functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _called(node) == "InputError":
                around = [f for f in functions if f.lineno <= node.lineno <= f.end_lineno]
                values = {k.arg for k in node.keywords}
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                found += [(code, values, where) for code in codes(node.args[0], around[-1] if around else None)]
    return found


def test_every_error_of_the_core_is_translated_from_its_code_and_values():
    raised, korean = _raised(), text.ERRORS["ko"]
    assert {"image-empty", "checkpoint-keys", "tensor-shape", "timm-broken", "hub-unreachable"} <= {
        c for c, _, _ in raised
    }
    assert {code for code, _, _ in raised} == set(korean)
    lacking = [
        (where, code, places(korean[code]) - {f"{v}:," for v in values} - values) for code, values, where in raised
    ]
    assert not [row for row in lacking if row[2]]
    assert not text.ERRORS["en"]  # the core's sentences are English


def _bad_files(folder: Path) -> dict[str, str]:
    """From the code to the name of a model that raises it."""
    torch.manual_seed(0)
    config = ViTConfig(image_size=(8, 8), patch_size=(4, 4), dim=8, depth=1, heads=1, head_dim=8, mlp_dim=8, classes=3)
    model = VisionTransformer(config)
    state = {n: t.clone() for n, t in model.state_dict().items()}
    fc2 = "blocks.0.mlp.fc2.bias"
    save_file({**state, fc2: state[fc2] / 0}, folder / "nan.safetensors")
    save_file({**state, fc2: state[fc2][1:]}, folder / "shape.safetensors")
    save_file(
        {n: t for n, t in state.items() if n != fc2} | {f"more.{i}": torch.ones(1) for i in range(20)},
        folder / "keys.safetensors",
    )
    save_file({"conv1.weight": torch.ones(1, 1)}, folder / "cnn.safetensors")
    (folder / "text.pth").write_text("These are no weights.", encoding="utf-8")
    torch.save([1, 2], folder / "list.pth")
    patches = torch.ones(1, 3, 1, 1)
    torch.save({f"{side}.patch_embed.proj.weight": patches for side in ("left", "right")}, folder / "two.pth")
    (folder / "adapter").mkdir()
    (folder / "adapter" / "adapter_config.json").write_text("{}")
    (folder / "empty.pth").touch()
    (folder / "header.safetensors").write_bytes(b"\x02" + bytes(7) + b"[]")
    (folder / "short.safetensors").write_bytes((folder / "nan.safetensors").read_bytes()[:-8])
    (folder / "pickle.pth").write_bytes(pickle.dumps(Path("x")))
    named = folder / "named"
    named.mkdir()
    save_file(state, named / "count.safetensors")
    (named / "count.labels.txt").write_text("one\ntwo\n", encoding="utf-8")
    save_file(state, named / "format.safetensors")
    (named / "format.labels.txt").write_bytes(b"\xff\xff")
    save_file(state, named / "numbers.safetensors")
    (named / "numbers.labels.txt").write_text("1 one\n2 two\n", encoding="utf-8")
    (folder / "hf").mkdir()
    (folder / "hf" / "config.json").write_text("[", encoding="utf-8")
    files = {
        "not-finite": "nan",
        "shapes": "shape",
        "keys": "keys",
        "architecture": "cnn",
        "header": "header",
        "truncated": "short",
    }
    return {f"checkpoint-{code}": f"file:{folder / stem}.safetensors" for code, stem in files.items()} | {
        "checkpoint-foreign": f"file:{folder / 'text.pth'}",
        "checkpoint-format": f"file:{folder / 'list.pth'}",
        "checkpoint-set": f"file:{folder / 'two.pth'}#third",
        "checkpoint-several": f"file:{folder / 'two.pth'}",
        "checkpoint-adapter": f"hf:{folder / 'adapter'}",
        "checkpoint-empty": f"file:{folder / 'empty.pth'}",
        "checkpoint-pickle": f"file:{folder / 'pickle.pth'}",
        "checkpoint-not-found": f"file:{folder / 'none.pth'}",
        "checkpoint-config": f"hf:{folder / 'hf'}",
        "labels-count": f"file:{named / 'count.safetensors'}",
        "labels-format": f"file:{named / 'format.safetensors'}",
        "labels-numbers": f"file:{named / 'numbers.safetensors'}",
        "model-unknown": "embedded:none",
    }


def test_what_is_really_raised_is_said_in_both_languages(tmp_path):
    for code, name in _bad_files(tmp_path).items():
        with pytest.raises(InputError) as caught:
            load(name, "cpu")
        error = caught.value
        assert error.code == code, str(error)
        assert text.Text("en").error(error) == str(error)
        korean = text.Text("ko").error(InputError(code, "its own words", **error.values))
        assert "its own words" not in korean, code
        assert re.search(r"[/:]([\w-]+)(\.\w+)?(#\w+)?$", name)[1] in korean or code == "checkpoint-config", korean
        assert not re.search(r"[{}]|\['|\[\]", korean), korean
        if code == "checkpoint-keys":
            assert "blocks.0.mlp.fc2.bias" in korean
            assert "more.9" not in korean
            assert "8개" in korean
            assert "없음" in korean
        if code == "checkpoint-shapes":
            assert "blocks.0.mlp.fc2.bias (7,) ≠ (8,)" in korean


def test_an_error_is_said_in_the_language_or_else_in_its_own_words():
    t = text.Text("ko")
    thin = t.error(InputError("image-too-thin", "x", width=10_000, height=1, max_ratio=100))
    assert "10,000" in thin
    assert thin != "x"
    assert t.error(InputError("something-new", "What to do.")) == "What to do."
    assert t.error(InputError("image-too-thin", "Without its facts.")) == "Without its facts."


def test_what_differs_between_two_evaluations_is_said_in_the_language():
    names = ["batch", "classes", "device", "model", "source", "torch", plan.FOLDER, plan.FILE, "newer"]
    said = text.Text("ko").error(InputError("evaluate-other", "x", out="/runs/1", differs=names))
    assert "배치 크기, 클래스 대응, 장치, 모델, 이미지 목록, PyTorch 버전, 이미지 폴더, 이미지 파일, newer" in said
    columns = InputError("dataset-column", "x", name="a.csv", wanted=["model", "device"], found=["source"])
    assert "model, device" in text.Text("ko").error(columns)  # other people's names stay


def test_a_stored_error_has_its_sentence_in_each_language():
    korean = text.Text("ko")
    error = InputError("image-truncated", "The PNG file is cut off.", format="PNG")
    stored = InputError.from_json(error.to_json())
    assert (stored.code, str(stored), stored.values) == (error.code, str(error), error.values)
    assert "PNG" in korean.error(stored)
    assert korean.error(stored) != str(error)
    assert korean.error(InputError.from_json(InputError("new-code", "x: y").to_json())) == "x: y"


def _literals(path: Path):
    """String constants of a file that are no docstring, with their lines; f-strings' constant parts among them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    docs = {
        id(n.body[0].value)
        for n in ast.walk(tree)
        if isinstance(n, documented) and n.body and isinstance(n.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


def test_no_sentence_stands_outside_app_text():
    """Two words in a row, or Hangul, are taken to be meant for people."""
    no_prose = re.compile(r"<style>|<div class=|rgba?\(|^[a-z]+ %s|%\{|^(load|forward) |^sample |^vitrine$")
    found = [
        f"{path.relative_to(ROOT)}:{line}: {value!r}"
        for path in SOURCES
        for line, value in _literals(path)
        if re.search(r"[A-Za-z]{2,} [A-Za-z]{2,}|[가-힣]", value) and not no_prose.search(value)
    ]
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
    for file in SOURCES + [APP / "text" / name for name in ("__init__.py", "model_names.py")]:
        for where, key, exact in _calls(file):
            hits = {key} & keys if exact else {k for k in keys if re.fullmatch(key, k)}
            assert hits, f"{where} asks for {key}"
            used |= hits
    used |= {k for k in keys if k.startswith(("list.", "token."))}
    assert used == keys


def test_every_equation_has_what_it_does_not_show():
    assert all(
        f"{name}.not" in text.SENTENCES["en"]
        for name in ("received", "predictions", "attention", "like", *equations.FIXED)
    )


def test_every_origin_of_a_fact_has_its_words_in_korean():
    assert errors_ko.ORIGINS.keys() == {*report.PHRASES}
    for phrase, translated in errors_ko.ORIGINS.items():
        assert phrase.count("{}") == translated.count("{}")
    assert Text("ko").origin("defaults of DINOv2") == "DINOv2 기본값"
    assert Text("ko").origin("config.json: model_type = vit") == "config.json: model_type = vit"
    assert Text("en").origin("defaults of DINOv2") == "defaults of DINOv2"
