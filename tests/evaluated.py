"""A small evaluation, made the real way: pictures of the bundled test set as class folders, and the table of the
built-in model for them. Names and classes are what people call files."""

import json
from pathlib import Path
from types import SimpleNamespace

import vit_core as vc
from vit_core.data import open_dataset
from vit_core.evaluation import Rows, evaluate

STRANGE = "<script>alert('1')</script> \"&\" {클래스} "  # a class that no model knows, and no markup may come of it
FILES = ["a.png", "한글 이름.png", "\u202eשלום.png", "line\nbreak.png", 'it\'s "q" <b>.png']
MODEL = "embedded:fashion"


def make(folder: Path, each: int = 12) -> SimpleNamespace:
    """Each class `each` pictures, those that the model finds hard among them; a strange class; a broken file."""
    bundled = open_dataset("bundled:fashion")
    pictures = folder / "pictures"
    for number, name in enumerate(bundled.classes):
        places = [i for i in range(2000) if bundled.labels[i] == number][:each]
        home = pictures / name.replace("/", "-")
        home.mkdir(parents=True)
        for i in places:
            (home / f"{i:05}.png").write_bytes(bundled.data(i))
    home = pictures / STRANGE.replace("/", "-")
    home.mkdir()
    for i, file in enumerate(FILES):
        (home / file).write_bytes(bundled.data(i))
    (pictures / "Bag" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    source = open_dataset(pictures)
    out = folder / "run"
    evaluate(vc.load(MODEL, "cpu"), source, out, name=MODEL, table={"T-shirt-top": "T-shirt/top"}, workers=0)
    return opened(out)


def opened(out: Path) -> SimpleNamespace:
    """A finished run's folder as the page has it."""
    about = json.loads((out / "run.json").read_text("utf-8"))
    source = open_dataset(about["source"]["root"])
    return SimpleNamespace(
        rows=Rows(out / "rows.parquet"),
        source=source,
        model_name=about["model"],
        out=out,
        labels=about["labels"],
        classes=source.classes,
    )
