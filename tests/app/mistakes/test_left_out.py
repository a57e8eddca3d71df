"""What a dataset leaves out is said: before an evaluation, on its page and in its report, in both languages."""

import json
from types import SimpleNamespace

import pytest

from app import text
from app.mistakes import requests
from app.mistakes.report import build_report
from app.mistakes.requests import EvaluationRequest
from tests.app.mistakes.test_find import home, make, page, words  # noqa: F401 (home is a fixture)
from vit_core.data import open_dataset
from vit_core.evaluation.filters import Filter

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)
SAID = {
    "en": "Left out: 3 pictures in formats that Vitrine does not read (.heic 2, .jp2 1).",
    "ko": "제외한 것: 읽지 않는 형식의 이미지 3장(.heic 2, .jp2 1).",
}


@pytest.fixture
def pictures(home):  # noqa: F811
    make(requests.PHOTOS)
    folder = home / "pictures"
    for name, data in {"1.png": open_dataset("bundled:fashion").data(0), "2.heic": HEIC, "3.heic": HEIC}.items():
        (folder / "Bag").mkdir(parents=True, exist_ok=True)
        (folder / "Bag" / name).write_bytes(data)
    (folder / "Bag/4.jp2").write_bytes(b"x")
    return folder


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_the_preview_counts_and_names_other_formats(pictures, language):
    app = page(model="embedded:fashion", lang=language)
    app.segmented_control(key="own").set_value("path").run()
    app.text_input(key="new_source").set_value(str(pictures)).run()
    app.button(key="new_check").click().run()
    assert not app.exception
    assert SAID[language] in [caption.value for caption in app.caption]


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_the_preview_says_how_paths_of_a_table_were_found(pictures, language):
    (pictures / "t.csv").write_text("path,label\nC:\\data\\Bag\\1.png,Bag\nbag/2.HEIC,Bag\n", "utf-8")
    app = page(model="embedded:fashion", lang=language)
    app.segmented_control(key="own").set_value("path").run()
    app.text_input(key="new_source").set_value(str(pictures / "t.csv")).run()
    app.button(key="new_check").click().run()
    t = text.Text(language)
    assert t("mistakes.check.respelled.end", count="1") in [caption.value for caption in app.caption]


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_the_page_and_the_report_of_an_evaluation_name_other_formats(home, evaluation, model, language):  # noqa: F811
    asked = EvaluationRequest("m", "p")
    out = make(asked)
    about = json.loads((out / "run.json").read_text("utf-8"))
    about["source"]["formats"] = {".heic": 2, ".jp2": 1}
    (out / "run.json").write_text(json.dumps(about), "utf-8")
    app = page(run=asked.id, lang=language)
    assert not app.exception
    assert SAID[language] in [caption.value for caption in app.caption]
    run = SimpleNamespace(**vars(evaluation) | {"info": about})
    written = build_report(run, Filter(), 0, language, model=model).decode()
    assert "3" in written
    assert ".heic 2, .jp2 1" in written
