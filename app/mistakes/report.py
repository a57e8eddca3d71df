"""What a model gets wrong, as one HTML file that opens offline: its pictures inside it, no script, no request."""

from __future__ import annotations

import datetime
import functools
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

import vit_core as vc
from app.components.atlas.payload import colour_tables
from app.figures import two_digits, uri
from app.mistakes.why import Why, label_of, model_name
from app.text import Text
from app.text.markup import Markup, alone, joined, tag
from app.text.report import EN, KO
from vit_core.errors import InputError
from vit_core.evaluation import metrics
from vit_core.evaluation.filters import Filter
from vit_core.images import draw
from vit_core.models.vit import VisionTransformer

WORDS = {"en": EN, "ko": KO}
MATRIX = 24  # classes that a page holds as a table; with more, the pairs confused most are listed
PAIRS = 40
SIDE = 168  # longer side of a picture, pixels
#: Nothing is fetched and nothing runs, whatever a file's name says.
POLICY = {"default-src": "'none'", "img-src": "data:", "style-src": "'unsafe-inline'"}


def percent(share: float) -> str:
    return two_digits(100 * float(share))


class _Report:
    """What the parts of one report have in common."""

    def __init__(self, run, model: VisionTransformer, language: str):
        self.run, self.model, self.language, self.words = run, model, language, WORDS[language]
        self.columns = metrics.of(run.rows)
        seen = (self.columns.label, self.columns.predicted, self.columns.top)
        self.accuracy = metrics.accuracy(*seen)
        classes = max(model.config.classes, *(int(values.max(initial=-1)) + 1 for values in seen))
        self.counts = metrics.confusion(self.columns.label, self.columns.predicted, classes)
        self.calibration = metrics.calibration(self.columns.probability, self.columns.label, self.columns.predicted)

    def say(self, key: str, **values) -> str:
        return self.words[key].format(**values)

    def name(self, number: int) -> str:
        return label_of(self.run, self.model, number) or self.say("class", number=number)

    # Numbers

    def headline(self) -> Markup:
        a = self.accuracy

        def big(name: str, value: float, *below: str | None, unit: str = "percent") -> Markup:
            shown = self.say(unit, value=percent(value)) if np.isfinite(value) else "–"
            return tag(
                "div",
                tag("b", shown, data_name=name, data_value=float(value)),
                tag("span", self.words[name]),
                *(tag("span", line, class_="quiet") for line in below if line),
            )

        def within(interval: tuple[float, float]) -> str | None:
            return self.say("interval", low=percent(interval[0]), high=percent(interval[1])) if a.counted else None

        counted = {"counted": f"{a.counted:,}"}
        blocks = [big("top1", a.top1, within(a.top1_interval), self.say("counted", right=f"{a.right:,}", **counted))]
        if len(self.counts[0]) > 5:
            blocks.append(
                big("top5", a.top5, within(a.top5_interval), self.say("counted", right=f"{a.right5:,}", **counted))
            )
        blocks.append(big("ece", self.calibration.ece, self.words["bins"], unit="points"))
        notes = [
            self.say(kind, count=f"{count:,}")
            for kind, count in (("unknown", a.unknown), ("unreadable", a.unreadable))
            if count
        ]
        return joined(
            tag("h2", self.words["headline"]),
            tag("div", *blocks, class_="numbers"),
            *(tag("p", note, class_="quiet") for note in notes),
        )

    def confusion(self) -> Markup:
        known = self.counts[:-1]
        shown = [c for c in metrics.order(self.counts) if known[c].sum() or self.counts[:, c].sum()]
        inside = self._matrix(shown) if len(shown) <= MATRIX else self._pairs(len(shown))
        return joined(tag("h2", self.words["confusion"]), inside)

    def _matrix(self, shown: Sequence[int]) -> Markup:
        per, unknown = metrics.per_class(self.counts), self.counts[-1]

        def share(value: float) -> Markup:
            return tag("td", self.say("percent", value=percent(value)) if np.isfinite(value) else "–")

        def cell(row: np.ndarray, c: int, right: bool) -> Markup:
            n = int(row[c])
            kind = "zero" if not n else "right" if right else "wrong"
            return tag("td", str(n), class_=kind, style=f"--share:{n / row.sum():.3f}" if n and not right else None)

        head = tag(
            "tr",
            tag("th"),
            *(tag("th", tag("bdi", self.name(c)), scope="col") for c in shown),
            tag("th", self.words["pictures"]),
            tag("th", self.words["recall"]),
        )
        body = [
            tag(
                "tr",
                tag("th", tag("bdi", self.name(r)), scope="row"),
                *(cell(self.counts[r], c, r == c) for c in shown),
                tag("td", str(int(per.support[r]))),
                share(per.recall[r]),
            )
            for r in shown
            if per.support[r]
        ]
        if unknown.sum():
            body.append(
                tag(
                    "tr",
                    tag("th", self.words["unknown_class"], scope="row"),
                    *(cell(unknown, c, False) for c in shown),
                    tag("td", str(int(unknown.sum()))),
                    tag("td"),
                )
            )
        body.append(
            tag(
                "tr",
                tag("th", self.words["precision"], scope="row"),
                *(share(per.precision[c]) for c in shown),
                tag("td"),
                tag("td"),
            )
        )
        return joined(
            tag("p", self.words["confusion_text"], class_="quiet"),
            tag("div", tag("table", tag("thead", head), tag("tbody", *body), id="confusion"), class_="wide"),
        )

    def _pairs(self, classes: int) -> Markup:
        off = self.counts[:-1].copy()
        np.fill_diagonal(off, 0)
        places = np.flatnonzero(off)
        if not len(places):
            return tag("p", self.words["no_pairs"])
        best = places[np.argsort(-off.flat[places], kind="stable")][:PAIRS]
        rows = [divmod(int(place), off.shape[1]) for place in best]
        head = tag("tr", *(tag("th", self.words[key]) for key in ("label", "said", "pictures")))
        body = [
            tag(
                "tr",
                tag("th", tag("bdi", self.name(r))),
                tag("th", tag("bdi", self.name(c))),
                tag("td", str(int(off[r, c]))),
            )
            for r, c in rows
        ]
        said = self.say("pairs_text", classes=f"{classes:,}", count=len(rows), pairs=f"{len(places):,}")
        return joined(tag("p", said, class_="quiet"), tag("table", tag("thead", head), tag("tbody", *body), id="pairs"))

    def curve(self) -> Markup:
        """The calibration as SVG: 0 to 1 over 400 x 300, y up."""
        c, nodes = self.calibration, []
        left, top, wide, high = 44, 12, 400, 280

        def x(v: float) -> float:
            return round(left + wide * float(v), 1)

        def y(v: float) -> float:
            return round(top + high * (1 - float(v)), 1)

        for step in (0, 0.25, 0.5, 0.75, 1):
            nodes += [
                tag("line", class_="rule", x1=x(0), x2=x(1), y1=y(step), y2=y(step)),
                tag("text", percent(step), x=left - 8, y=y(step) + 4, text_anchor="end"),
                tag("text", percent(step), x=x(step), y=top + high + 18, text_anchor="middle"),
            ]
        bars = np.flatnonzero(c.count > 0)
        for i in bars:
            middle = x((c.low[i] + c.high[i]) / 2)
            said = f"{c.accuracy[i]:.3f} · {c.confidence[i]:.3f} · n = {c.count[i]}"
            nodes += [
                tag(
                    "rect",
                    tag("title", said),
                    class_="bar",
                    x=x(c.low[i]) + 1,
                    y=y(c.accuracy[i]),
                    width=max(1, x(c.high[i]) - x(c.low[i]) - 2),
                    height=round(y(0) - y(c.accuracy[i]), 1),
                ),
                tag("line", class_="range", x1=middle, x2=middle, y1=y(c.accuracy_low[i]), y2=y(c.accuracy_high[i])),
            ]
        nodes += [
            tag("line", class_="even", x1=x(0), y1=y(0), x2=x(1), y2=y(1)),
            tag("text", f"{self.words['confidence']} (%)", x=x(0.5), y=top + high + 38, text_anchor="middle"),
            tag("text", f"{self.words['accuracy']} (%)", x=x(0) + 6, y=top + 12),
        ]
        drawing = tag(
            "svg",
            *nodes,
            class_="chart",
            viewBox=f"0 0 {left + wide + 12} {top + high + 46}",
            role="img",
            aria_label=self.say("calibration_alt", bins=len(bars)),
        )
        return joined(
            tag("h2", self.words["calibration"]), tag("p", self.words["calibration_text"], class_="quiet"), drawing
        )

    # The selection

    def filter(self, filter: Filter) -> str:
        """A filter as part of a sentence."""
        parts = []
        for field, key in (("label", "labelled"), ("predicted", "predicted")):
            number = getattr(filter, field)
            if number is not None:
                name = self.words["unknown_class"] if number < 0 else self.name(number)
                parts.append(self.say(key, name=f"\u2068{name}\u2069"))
        if filter.outcome:
            parts.append(self.words[f"outcome_{filter.outcome}"])
        if filter.confidence != (0.0, 1.0):
            low, high = map(percent, filter.confidence)
            parts.append(self.say("confident", low=low, high=high))
        if filter.query:
            parts.append(self.say("query", query=f"\u2068{filter.query}\u2069"))
        if filter.near is not None:
            parts.append(self.say("near", path=f"\u2068{filter.near}\u2069"))
        return ", ".join([*(parts or [self.words["all"]]), self.words[f"order_{filter.order}"]])

    def card(self, row: dict) -> Markup:
        """One picture, and the maps of two classes over it."""
        path = tag("span", tag("bdi", row["path"]), class_="path")
        if row["error"] is not None:
            return tag("figure", tag("figcaption", tag("span", row["error"], class_="other"), path))
        try:
            found = Why(self.model, self.run, row["path"])
        except InputError as error:
            return tag("figure", tag("figcaption", tag("span", Text(self.language).error(error), class_="other"), path))
        picture, maps = found.region(SIDE).convert("RGB"), found.maps("gradient_rollout")
        high = float(maps.max())
        images = [alone("img", src=uri(picture, "kept"), alt=self.words["picture_alt"])]
        for number, values in zip(found.pair, maps, strict=True):
            over = draw.overlay(picture, values, low=0.0, high=high or 1.0)
            images.append(alone("img", src=uri(over, "kept"), alt=self.say("map_alt", name=self.name(number))))
        p = [percent(found.probabilities[c]) for c in found.pair]
        isolated = [f"\u2068{self.name(c)}\u2069" for c in found.pair]
        lines = [
            tag("span", self.say("card_said", name=isolated[0], percent=p[0]), class_="said"),
            tag(
                "span",
                self.say("card_label" if found.labelled else "card_next", name=isolated[1], percent=p[1]),
                class_="other",
            ),
        ]
        if found.target < 0:
            lines.append(tag("span", self.say("card_unknown", name=f"\u2068{found.truth_name}\u2069")))
        return tag(
            "figure",
            tag("div", *images, class_="row"),
            tag("figcaption", *lines, path, tag("small", self.say("card_scale", high=two_digits(high)))),
        )


def command(run) -> str:
    """What makes the run's table again, for a shell."""
    asked = getattr(run, "asked", None)
    source = getattr(asked, "source", None) or str(run.source.root)
    parts = ["python", "-m", "vit_core", "evaluate", source, "--model", model_name(run)]
    for option in ("labels", "table"):
        if value := getattr(asked, option, None):
            parts += [f"--{option}", value]
    return shlex.join([*parts, "--out", Path(run.rows.path).parent.name])


@functools.cache
def _style() -> str:
    return Path(__file__).with_name("report.css").read_text(encoding="utf-8")


def report(
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

    `run`: `rows`, `source`, `labels` and the model's name. The numbers are the whole evaluation's; the cards are the
    first `limit` pictures of `filter`, or of `rows` out of `count` where no filter makes the list. `execute` runs what
    asks the model, a picture at a time (`cache.run`, so that others come in between); `on_progress(done, total)`.

    Raises InputError where the model cannot be loaded. A picture that cannot be read is a card with its reason.
    """
    model = model or vc.load(model_name(run))
    listed = list(rows)[:limit] if rows is not None else run.rows.page(filter, 0, limit)
    count = count if count is not None else len(rows) if rows is not None else run.rows.count(filter)
    made, cards = _Report(run, model, language), []
    for done, row in enumerate(listed):
        cards.append(execute(made.card, row))
        if on_progress:
            on_progress(done + 1, len(listed))
    say, date = made.say, datetime.date.today().isoformat()
    title = say("title", model=model_name(run), source=run.source.title)
    facts = {"model": model_name(run), "source": f"{run.source.title} ({len(run.source):,})", "date": date}
    listing = [part for key, value in facts.items() for part in (tag("dt", say(key)), tag("dd", tag("bdi", value)))]
    stops = ",".join("rgb({} {} {})".format(*colour) for colour in colour_tables()[0][::15, :3])
    scale = tag(
        "p",
        "0",
        tag("i", style=f"background:linear-gradient(90deg,{stops})"),
        say("card_scale", high="max"),
        class_="scale",
    )
    selection = [
        tag(
            "p",
            say("selection_text", shown=f"{len(listed):,}", count=f"{count:,}", filter=made.filter(filter)),
            class_="quiet",
        ),
        *(
            [tag("p", say("maps_text"), class_="quiet"), scale, tag("div", *cards, class_="cards")]
            if cards
            else [tag("p", say("none"))]
        ),
    ]
    body = tag(
        "body",
        tag("h1", title),
        tag("p", say("made", date=date), class_="quiet"),
        tag("dl", *listing),
        tag("p", say("again"), class_="quiet"),
        tag("code", command(run)),
        made.headline(),
        made.confusion(),
        made.curve(),
        tag("h2", say("selection")),
        *selection,
    )
    policy = "; ".join(f"{key} {value}" for key, value in POLICY.items())
    head = tag(
        "head",
        alone("meta", charset="utf-8"),
        alone("meta", http_equiv="Content-Security-Policy", content=policy),
        alone("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(_style())),
    )
    root = "html"
    return f"<!doctype {root}>\n{tag(root, head, body, lang=language)}\n".encode()
