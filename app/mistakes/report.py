"""The misclassifications of a model as one HTML file that opens offline: images inside, no script, no request."""

from __future__ import annotations

import datetime
import functools
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import jinja2
import numpy as np
from markupsafe import Markup

import vit_core as vc
from app.figures import data_uri, two_digits
from app.mistakes.why import Why, label_of, labels_of, model_name
from app.text import Text
from app.text.class_names import translated
from app.text.model_names import model_title
from app.text.report import EN, KO
from vit_core import InputError, VisionTransformer
from vit_core.data import list_formats
from vit_core.evaluation import metrics, multi_label
from vit_core.evaluation.filters import Filter
from vit_core.images import VIRIDIS, overlay
from vit_core.models.predictions import class_count
from vit_core.percentage import percent

WORDS = {"en": EN, "ko": KO}
MATRIX_CLASSES = 24  # with more classes, the most frequent confusions are listed instead of the matrix
LISTED_PAIRS = 40
PICTURE_SIDE = 168  # longer side, pixels
#: Nothing is fetched and nothing runs, whatever a file's name says.
POLICY = {"default-src": "'none'", "img-src": "data:", "style-src": "'unsafe-inline'"}
CHART = {"left": 44, "top": 12, "right": 444, "bottom": 292}  # the calibration's axes, in SVG units
_NOT_HTML = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # characters that HTML does not allow


class _Report:
    """The numbers of one evaluation and the sentences of one language, as plain values for report.html."""

    def __init__(self, run, model: VisionTransformer, language: str):
        self.run, self.model, self.language, self.words = run, model, language, WORDS[language]
        columns = metrics.load_columns(run.rows)
        predictions = (columns.label, columns.predicted, columns.top)
        self.accuracy = metrics.accuracy(*predictions)
        classes = max(class_count(model.config), *(int(values.max(initial=-1)) + 1 for values in predictions))
        self.counts = metrics.confusion(columns.label, columns.predicted, classes)
        self.calibration = metrics.calibration(columns.probability, columns.label, columns.predicted)
        self.multi_label = multi_label.multi_label(run.rows) if run.rows.several else None

    def say(self, key: str, **values) -> str:
        return self.words[key].format(**values)

    def name(self, number: int) -> str:
        name = label_of(self.run, self.model, number)
        if name is None:
            return self.say("class", number=number)
        return translated(model_name(self.run), name, self.language, labels_of(self.run, self.model))

    def numbers(self) -> Iterator[dict]:
        """The headline: the name, value and text of each number, with the lines beneath it."""
        a = self.accuracy

        def number(name: str, value: float, shown: str, *lines: str | None) -> dict:
            shown = shown if np.isfinite(value) else "–"
            return {"name": name, "value": float(value), "shown": shown, "lines": lines}

        def accuracy(name: str, value: float, interval: tuple[float, float], right: int) -> dict:
            low, high = (f"{100 * end:.1f}" for end in interval)
            counted = self.say("counted", right=f"{right:,}", counted=f"{a.counted:,}")
            interval_line = self.say("interval", low=low, high=high) if a.counted else None
            return number(name, value, f"{100 * value:.1f}\u00a0%", interval_line, counted)

        if self.multi_label:
            of_classes = self.multi_label.mean_average_precision
            yield number("map", of_classes, f"{100 * of_classes:.1f}\u00a0%")
            yield accuracy("top1_several", a.top1, a.top1_interval, a.right)
            return
        yield accuracy("top1", a.top1, a.top1_interval, a.right)
        if self.counts.shape[1] > 5:
            yield accuracy("top5", a.top5, a.top5_interval, a.right5)
        ece = self.calibration.ece
        yield number("ece", ece, self.say("points", value=two_digits(100 * ece)), self.say("bins"))

    def notes(self) -> list[str]:
        """How many images are not in the headline's numbers, and why."""
        counts = {"unknown": self.accuracy.unknown, "unreadable": self.accuracy.unreadable}
        notes = [self.say(reason, count=f"{count:,}") for reason, count in counts.items() if count]
        if formats := getattr(self.run, "info", {}).get("source", {}).get("formats"):
            notes.append(self.say("format", count=f"{sum(formats.values()):,}", formats=list_formats(formats)))
        return notes

    def thresholds(self) -> list[list[str]] | None:
        """The rows of the table of a multi-label model's classes: name, pictures, and shares in percent."""
        of = self.multi_label
        if of is None:
            return None
        shares = (of.average_precision, of.threshold, of.f1, of.f1_half, of.precision_half, of.recall_half)
        return [
            [self.name(c), f"{of.positives[c]:,}", *(percent(values[c]) for values in shares)]
            for c in np.flatnonzero(of.positives > 0).tolist()
        ]

    def confusion(self) -> dict:
        """The values of the confusion matrix ("matrix") or, with many classes, of the most frequent pairs ("pairs")."""
        used = (self.counts[:-1].sum(1) > 0) | (self.counts.sum(0) > 0)
        shown = [c for c in metrics.seriate(self.counts) if used[c]]
        return {"matrix": self._matrix(shown)} if len(shown) <= MATRIX_CLASSES else {"pairs": self._pairs(len(shown))}

    def _matrix(self, shown: Sequence[int]) -> dict:
        per_class = metrics.per_class(self.counts)

        def row(name: str, number: int, recall: str) -> dict:
            counts = self.counts[number]
            total = int(counts.sum())
            kinds = ["zero" if not counts[c] else "right" if c == number else "wrong" for c in shown]
            cells = [(int(counts[c]), kind, counts[c] / max(1, total)) for c, kind in zip(shown, kinds, strict=True)]
            return {"name": name, "cells": cells, "total": total, "recall": recall}

        rows = [row(self.name(c), c, percent(per_class.recall[c])) for c in shown if per_class.support[c]]
        if self.counts[-1].any():
            rows.append(row(self.say("unknown_class"), len(self.counts) - 1, ""))
        precision = [percent(per_class.precision[c]) for c in shown]
        return {"names": [self.name(c) for c in shown], "rows": rows, "precision": precision}

    def _pairs(self, classes: int) -> dict | None:
        errors = self.counts[:-1].copy()
        np.fill_diagonal(errors, 0)
        found = np.flatnonzero(errors)
        if not len(found):
            return None
        most = found[np.argsort(-errors.flat[found], kind="stable")][:LISTED_PAIRS]
        rows = [(*map(self.name, divmod(int(cell), errors.shape[1])), int(errors.flat[cell])) for cell in most]
        text = self.say("pairs_text", classes=f"{classes:,}", count=len(rows), pairs=f"{len(found):,}")
        return {"text": text, "rows": rows}

    def chart(self) -> dict:
        """The calibration as SVG coordinates, y down."""
        c, bins = self.calibration, np.flatnonzero(self.calibration.count > 0)

        def x(share: float) -> float:
            return round(CHART["left"] + (CHART["right"] - CHART["left"]) * float(share), 1)

        def y(share: float) -> float:
            return round(CHART["bottom"] - (CHART["bottom"] - CHART["top"]) * float(share), 1)

        bars = [
            {
                "title": f"{c.accuracy[i]:.3f} · {c.confidence[i]:.3f} · n = {c.count[i]}",
                "x": x(c.low[i]) + 1,
                "y": y(c.accuracy[i]),
                "width": max(1, x(c.high[i]) - x(c.low[i]) - 2),
                "height": round(y(0) - y(c.accuracy[i]), 1),
                "middle": x((c.low[i] + c.high[i]) / 2),
                "low": y(c.accuracy_low[i]),
                "high": y(c.accuracy_high[i]),
            }
            for i in bins
        ]
        ticks = [(x(share), y(share), f"{100 * share:.0f}") for share in (0, 0.25, 0.5, 0.75, 1)]
        return CHART | {"bars": bars, "ticks": ticks, "alt": self.say("calibration_alt", bins=len(bins))}

    def filter(self, filter: Filter) -> str:
        """A filter as part of a sentence."""
        parts = []
        for field in ("label", "predicted"):
            number = getattr(filter, field)
            if number is not None:
                name = self.words["unknown_class"] if number < 0 else self.name(number)
                parts.append(self.say(field, name=_isolated(name)))
        if filter.outcome:
            parts.append(self.words[f"outcome_{filter.outcome}"])
        if filter.confidence != (0.0, 1.0):
            low, high = (f"{100 * end:.0f}" for end in filter.confidence)
            parts.append(self.say("confident", low=low, high=high))
        if filter.query:
            parts.append(self.say("query", query=_isolated(filter.query)))
        return ", ".join([*(parts or [self.words["all"]]), self.words[f"order_{filter.order}"]])

    def card(self, row: Mapping) -> dict:
        """One image with the maps of two classes over it, or why there is none."""
        card, text = {"path": row["path"], "images": [], "scale": ""}, Text(self.language)
        if row["error"] is not None:
            return card | {"lines": [("other", text.error(row["error"]))]}
        try:
            why = Why(self.model, self.run, row["path"])
        except InputError as error:
            return card | {"lines": [("other", text.error(error))]}
        picture, maps = why.region(PICTURE_SIDE).convert("RGB"), why.maps("gradient_rollout")
        high = float(maps.max())
        images = [(data_uri(picture, "small"), self.say("picture_alt"))]
        for number, values in zip(why.pair, maps, strict=True):
            over = overlay(picture, values, low=0.0, high=high or 1.0)
            images.append((data_uri(over, "small"), self.say("map_alt", name=self.name(number))))
        second = "card_label" if why.labelled else "card_second"
        lines = [
            (kind, self.say(key, name=_isolated(self.name(number)), percent=percent(why.probabilities[number])))
            for kind, key, number in zip(("predicted", "other"), ("card_predicted", second), why.pair, strict=True)
        ]
        if why.label < 0:
            lines.append(("", self.say("card_unknown", name=_isolated(why.source_label_name))))
        return card | {"images": images, "lines": lines, "scale": self.say("card_scale", high=two_digits(high))}


def _provenance(run) -> dict[str, str]:
    """The digest of the evaluated weights and when they were evaluated, where that is known."""
    found = getattr(run, "provenance", {})
    return {key: found[key] for key in ("weights", "evaluated") if found.get(key)}


def _isolated(name: str) -> str:
    """A name that keeps its own writing direction inside a sentence."""
    return f"\u2068{name}\u2069"


def command(run) -> str:
    """The shell command that computes the evaluation again."""
    request = getattr(run, "request", None)
    source = getattr(request, "source", None) or str(run.source.root)
    parts = ["python", "-m", "vit_core", "evaluate", source, "--model", model_name(run)]
    for option in ("labels", "table"):
        if value := getattr(request, option, None):
            parts += [f"--{option}", value]
    return shlex.join([*parts, "--out", Path(run.rows.path).parent.name])


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) else _NOT_HTML.sub("\ufffd", str(value)),
    )
    return environment.get_template("report.html")


def build_report(
    run,
    filter: Filter,
    limit: int = 200,
    language: str = "en",
    *,
    rows: Sequence[Mapping] | None = None,
    count: int | None = None,
    model: VisionTransformer | None = None,
    execute: Callable = lambda function, *args: function(*args),
    on_progress: Callable[[int, int], None] | None = None,
) -> bytes:
    """The report of an evaluation as one HTML file, UTF-8.

    The numbers describe the whole evaluation. The cards show the first `limit` images of `filter`, or of `rows` (out
    of `count`) where the list is not one that a filter makes.

    Args:
        run: an evaluation with `rows`, `source`, `labels` and the model's name.
        execute: runs what needs the model, one image at a time (`app.runtime.cache.run`: others run in between).
        on_progress: called with (done, total) after each card.

    Raises InputError where the model cannot be loaded. An image that cannot be read becomes a card with the reason.
    """
    model = model or vc.load(model_name(run))
    listed = list(rows)[:limit] if rows is not None else run.rows.page(filter, 0, limit)
    count = count if count is not None else len(rows) if rows is not None else run.rows.count(filter)
    report, cards = _Report(run, model, language), []
    for done, row in enumerate(listed):
        cards.append(execute(report.card, row))
        if on_progress:
            on_progress(done + 1, len(listed))
    date = datetime.date.today().isoformat()
    page = _template().render(
        say=report.say,
        language=language,
        policy="; ".join(f"{key} {value}" for key, value in POLICY.items()),
        style=Markup(Path(__file__).with_name("report.css").read_text(encoding="utf-8")),
        title=report.say("title", model=model_title(model_name(run), Text(language)), source=run.source.title),
        date=date,
        facts={
            "model": model_name(run),
            "problem_type": report.say(model.config.problem_type),
            "source": f"{run.source.title} ({len(run.source):,})",
            **_provenance(run),
            "date": date,
        },
        command=command(run),
        numbers=list(report.numbers()),
        notes=report.notes(),
        **{"matrix": None, "pairs": None} | report.confusion(),
        thresholds=report.thresholds(),
        chart=report.chart(),
        selection=report.say(
            "selection_text", shown=f"{len(listed):,}", count=f"{count:,}", filter=report.filter(filter)
        ),
        colours=",".join("rgb({} {} {})".format(*colour) for colour in VIRIDIS[::15]),
        cards=cards,
    )
    return page.lstrip().encode()
