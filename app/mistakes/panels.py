"""panel(run, look, *, key): one figure of an evaluation with its controls. Widgets only; numbers come from
`app.mistakes.find.Run`, and every name that other people wrote goes through `app.text.plain`.
"""

from __future__ import annotations

import functools
import os
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from app import state
from app.components.confusion.component import confusion_matrix
from app.components.confusion.payload import pack as pack_matrix
from app.components.gallery.component import gallery
from app.components.gallery.payload import pack as pack_gallery
from app.components.panel import chart
from app.figures import Finished
from app.figures import two_digits as number
from app.mistakes import figures as mistake_figures
from app.mistakes.find import LISTS, PAGE, PAIRS, Asked, Look, Run
from app.mistakes.report import build_report
from app.runtime import cache
from app.text.plain import escaped, plain
from vit_core.evaluation import metrics
from vit_core.evaluation.filters import OUTCOMES, Filter

REPORTED = 100  # pictures of a selection that are in its report
SHOWN = ("matrix", "pictures")  # the fragments that show the filter
BY, SORT = ("row", "column", "count"), ("confused", "name")
MODELS = {"embedded:photo": "photo", "embedded:fashion": "fashion"}


def names_of(what: Asked, title: str | None = None) -> tuple[str, str]:
    """(model, source) as people call them; plain text."""
    t = state.t()
    model = t(f"model.{MODELS[what.model]}") if what.model in MODELS else plain(what.model, 60)
    named = title or os.path.basename(what.source) or what.source
    source = t("mistakes.source.bundled") if what.source == "bundled:fashion" else plain(named, 60)
    return model, source


def class_name(run: Run, number: int | None, truth: int | None = None) -> str:
    """A model class; where the model has none for the picture, what the source calls it (`truth`)."""
    t = state.t()
    if number is None or number < 0:
        known = truth is not None and 0 <= truth < len(run.classes)
        return plain(run.classes[truth]) if known else t("mistakes.unknown")
    name = run.name(number)
    return t("predictions.class", number=number) if name is None else plain(name)


def look() -> Look:
    """What the session wants to see; what an address says wrongly is passed over."""
    page, found = state.get(state.Key.PAGE), state.one_of(state.Key.LIST, list(LISTS))
    kept = {name: str(state.get(name)) for name in state.FILTER_KEYS if state.get(name) is not None}
    number = int(page) - 1 if isinstance(page, str) and page.isascii() and page.isdigit() and len(page) < 8 else 0
    return Look(found, Filter.from_address(kept), max(0, number))


def keep(filter: Filter, shown: bool = False) -> None:
    """Remember a filter as an address writes it, and begin at its first page. `shown`: by its own widgets, already.

    Otherwise they are new ones from now on: a browser keeps what a closed popover's widgets held, and says it again.
    """
    if not shown:
        state.put(state.Key.FILTER_VERSION, state.get(state.Key.FILTER_VERSION, 0) + 1)
    told = filter.to_address()
    for name in state.FILTER_KEYS:
        state.put(name, told.get(name))
    state.put(state.Key.PAGE, None)
    state.put(state.Key.RETURN_TO, None)


def pick(truth: int | None, predicted: int | None) -> None:
    """Show the pictures of a cell, a row or a column; a cell says by itself whether they are right."""
    now = look().filter
    outcome = None if truth is not None and predicted is not None else now.outcome
    keep(replace(now, label=truth, predicted=predicted, outcome=outcome))
    if truth is not None and (truth == predicted or truth < 0):  # no errors, so in no list of errors
        state.put(state.Key.LIST, "all")
    elif truth is not None and predicted is not None and state.get(state.Key.LIST) == "all":
        state.put(state.Key.LIST, "confident")


def open_picture(path: str | None) -> None:
    state.put(state.Key.OPEN, path)


# Numbers


def headline(run: Run) -> None:
    """How often it is right, in numbers."""
    t, found = state.t(), run.accuracy
    wrong = found.counted - found.right
    columns = st.columns(5)

    def tell(place: int, name: str, value: str, beneath: str, help: str | None = None) -> None:
        columns[place].metric(name, value, beneath, delta_color="off", delta_arrow="off", help=help)

    low, high = (f"{100 * v:.1f}" for v in found.top1_interval)
    if found.counted:
        tell(
            0,
            t("mistakes.accuracy"),
            f"{100 * found.top1:.1f} %",
            t("mistakes.accuracy.interval", low=low, high=high),
            t("mistakes.accuracy.help"),
        )
        tell(
            1,
            t("mistakes.errors"),
            f"{wrong:,}",
            t("mistakes.errors.share", number=number(found.counted / wrong)) if wrong else t("mistakes.errors.none"),
        )
    else:
        tell(0, t("mistakes.accuracy"), "–", t("mistakes.nothing"), t("mistakes.accuracy.help"))
        tell(1, t("mistakes.errors"), "–", t("mistakes.nothing"))
    tell(
        2,
        t("mistakes.pictures"),
        f"{len(run.columns.number):,}",
        t("mistakes.pictures.unknown", count=f"{found.unknown:,}")
        if found.unknown
        else t("mistakes.pictures.classes", count=f"{len(run.classes):,}"),
    )
    tell(
        3,
        t("mistakes.unreadable"),
        f"{found.unreadable:,}",
        t("mistakes.unreadable.text") if found.unreadable else t("mistakes.unreadable.none"),
    )
    ece = run.calibration.ece
    tell(
        4,
        t("mistakes.ece"),
        t("mistakes.points", value=number(100 * ece)) if np.isfinite(ece) else "–",
        t("mistakes.ece.text"),
        t("mistakes.ece.help"),
    )


def matrix(run: Run, look: Look, *, key: str) -> None:
    """The confusion matrix; a click filters the pictures."""
    t = state.t()
    st.subheader(t("mistakes.matrix.title"), anchor=False)
    st.caption(t("mistakes.matrix.text"))
    if not len(run.shown):
        st.info(t("mistakes.matrix.empty"))
        return
    chosen = {}
    for name, options, place in zip(("by", "sort"), (BY, SORT), st.columns(2, gap="small"), strict=True):
        chosen[name] = state.one_of(name, options)
        chosen[name] = place.selectbox(
            t(f"mistakes.matrix.{name}"),
            options,
            **state.select_box(name),
            format_func=lambda o, name=name: t(f"mistakes.matrix.{name}.{o}"),
            label_visibility="collapsed",
        )
    by, sort = chosen["by"], chosen["sort"]
    names = [class_name(run, n) for n in range(run.count)] + [t("mistakes.unknown")]
    order = run.order if sort == "confused" else np.array(sorted(run.shown, key=lambda c: names[c].casefold()))
    words = {
        name: t(f"mistakes.matrix.{name}")
        for name in ("axes", "label", "hint", "cell", "row", "column", "in", "out", "all")
    }
    values = metrics.normalised(run.counts, None if by == "count" else by)
    data = pack_matrix(
        run.counts, values, order, names, words, (look.filter.label, look.filter.predicted), by != "count"
    )

    def picked() -> None:
        cell = state.get(key)["pick"]
        if cell and len(cell) == 2:
            pick(*(None if c is None else int(c) for c in cell))
            state.rerun(*SHOWN)

    confusion_matrix(data, key=key, on_pick=picked)


def classes(run: Run, *, key: str) -> None:
    """Precision and recall of each class, to be sorted by any of them."""
    t, of = state.t(), run.per_class
    st.subheader(t("mistakes.classes.title"), anchor=False)
    st.caption(t("mistakes.classes.text"))
    shown = run.shown
    table = pd.DataFrame(
        {
            "name": [class_name(run, n) for n in shown],
            "support": of.support[shown],
            "recall": 100 * of.recall[shown],
            "interval": [
                f"{100 * of.recall_low[n]:.1f} – {100 * of.recall_high[n]:.1f}" if of.support[n] else None
                for n in shown
            ],
            "precision": 100 * of.precision[shown],
            "f1": 100 * of.f1[shown],
        }
    )
    share = functools.partial(st.column_config.NumberColumn, format="%.1f")

    def chosen() -> None:
        rows = state.get(key)["selection"]["rows"]
        pick(int(shown[rows[0]]) if rows else None, None)
        state.rerun(*SHOWN)

    st.dataframe(
        table,
        key=key,
        hide_index=True,
        height=410,
        placeholder="–",
        on_select=chosen,
        selection_mode="single-row",
        column_config={
            "name": st.column_config.TextColumn(t("mistakes.classes.name"), pinned=True),
            "support": st.column_config.NumberColumn(t("mistakes.classes.support"), format="localized"),
            "interval": st.column_config.TextColumn(t("mistakes.classes.interval")),
            **{n: share(t(f"mistakes.classes.{n}")) for n in ("recall", "precision", "f1")},
        },
    )


def calibration(run: Run, *, key: str) -> None:
    """Confidence against accuracy."""
    t, of = state.t(), run.calibration
    st.subheader(t("mistakes.calibration.title"), anchor=False)
    if not of.count.sum():
        st.info(t("mistakes.calibration.empty"))
        return
    st.caption(t("mistakes.calibration.text", value=number(100 * of.ece)))
    figure = mistake_figures.calibration(
        of, t("mistakes.calibration.x"), t("mistakes.calibration.y"), t("mistakes.calibration.hover")
    )
    if listed(run, 380):
        chart(Finished(figure), key)


def listed(run: Run, height: int) -> bool:
    """Whether the thumbnails stand; until then a figure leaves its room empty. What draws figures takes a browser
    seconds to begin with, a map's points take it more, and nothing else of the page appears meanwhile."""
    if state.get(state.Key.GALLERY_DRAWN) == str(run.out):
        return True
    st.container(height=height, border=False)
    return False


def embedding_map(run: Run, *, key: str) -> None:
    """All pictures by their embeddings; a click opens one."""
    t = state.t()
    st.subheader(t("mistakes.map.title"), anchor=False)
    if not listed(run, 500):
        return
    with st.spinner(t("busy.figure")):
        numbers, places, count = run.map
    if not len(numbers):
        st.info(t("mistakes.map.none"))
        return
    st.caption(
        t("mistakes.map.text")
        + " "
        + (t("mistakes.map.some", shown=f"{len(numbers):,}", count=f"{count:,}") if len(numbers) < count else "")
    )
    c = run.columns  # in the file's order, so that a row's number is its place
    target, predicted = c.label[numbers], c.predicted[numbers]
    outcome = np.where(target < 0, 2, np.where(target == predicted, 0, 1))
    # Plotly reads a few HTML tags in what it shows at the pointer: none may come from a name.
    name = functools.cache(lambda n: class_name(run, n).replace("&", "&amp;").replace("<", "&lt;"))
    hover = [
        t("mistakes.map.point", label=name(int(a)), predicted=name(int(b)), percent=number(100 * p))
        for a, b, p in zip(target, predicted, c.probability[numbers], strict=True)
    ]
    kinds = [t(f"mistakes.map.{kind}") for kind in ("right", "wrong", "other")]

    def chosen() -> None:
        point = state.selected(key)
        if point is not None:
            row = run.rows.at([int(point if not isinstance(point, list) else point[0])])
            open_picture(row[0]["path"])
            state.put(state.Key.OPEN_REQUESTED, True)

    chart(Finished(mistake_figures.points(places, outcome, numbers, hover, kinds)), key, chosen)


# Pictures


def pictures(run: Run, look: Look, *, key: str) -> Look:
    """The list with its filters, a page of it as thumbnails, and what can be taken away. What was really shown."""
    t = state.t()
    st.subheader(t("mistakes.gallery.title"), anchor=False)
    st.segmented_control(
        t("mistakes.list"),
        list(LISTS),
        key=state.Key.LIST,
        required=True,
        on_change=rewind,
        format_func=lambda o: t(f"mistakes.list.{o}"),
        label_visibility="collapsed",
        persist_state="session",
    )
    st.caption(
        t("mistakes.text.duplicates", count=f"{PAIRS:,}")
        if look.list == "duplicates"
        else t(f"mistakes.text.{look.list}")
    )
    with st.spinner(t("busy.figure")):
        count = run.count_of(look)
    pages = max(1, -(-count // PAGE))
    look = Look(look.list, look.filter, min(look.page, pages - 1))
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{key}_bar"):
        filters(run, look, key)
        take_away(run, look, count, key)
        st.space("stretch")
        st.markdown(f"**{count:,}** · {look.page + 1:,} / {pages:,}", width="content")
        for name, by, side in (("before", -1, "left"), ("after", 1, "right")):
            st.button(
                f":material/chevron_{side}:",
                help=t(f"mistakes.{name}"),
                key=f"{key}_{name}",
                on_click=turn_to,
                args=(look.page, pages, by),
                disabled=not 0 <= look.page + by < pages,
                type="tertiary",
            )
    if active := said(run, look):
        st.markdown(active)
    if not count:
        st.info(t("mistakes.count.none"))

    def opened() -> None:
        open_picture(state.get(key)["open"])
        state.put(state.Key.OPEN_REQUESTED, True)

    def drawn() -> None:
        state.put(state.Key.GALLERY_DRAWN, str(run.out))
        state.rerun("calibration", "map")

    rows = run.page(look)
    data = pack_gallery(
        [item(run, row) for row in rows],
        [run.thumbnail(row) for row in rows],
        state.get(state.Key.RETURN_TO),
    )
    gallery(data, key=key, on_open=opened, on_drawn=drawn)
    return look


def item(run: Run, row: dict) -> dict:
    """One picture of the gallery, in words."""
    t = state.t()
    label = class_name(run, row["label"], row["source_label"])
    path = plain(row["path"])
    if row["error"] is not None:
        said = t.told(row["error"])
        return {
            "path": row["path"],
            "label": label,
            "predicted": "",
            "detail": plain(said),
            "outcome": "unreadable",
            "title": f"{path}\n{plain(said, 300)}",
        }
    predicted = class_name(run, row["predicted"])
    outcome = "unknown" if row["label"] < 0 else "right" if row["label"] == row["predicted"] else "wrong"
    return {
        "path": row["path"],
        "label": label,
        "predicted": predicted,
        "detail": f"{number(100 * row['probability'])} %",
        "outcome": outcome,
        "title": t("mistakes.item", path=path, label=label, predicted=predicted),
    }


def said(run: Run, look: Look) -> str:
    """The filter in a line, as Markdown; nothing where there is none."""
    t, f, parts = state.t(), look.filter, []
    if f.label is not None or f.predicted is not None:
        both = [t("mistakes.filter.any") if n is None else class_name(run, n) for n in (f.label, f.predicted)]
        parts.append(" → ".join(map(escaped, both)))
    if f.outcome and look.list != "confident":
        parts.append(t(f"mistakes.filter.outcome.{f.outcome}"))
    if f.confidence != (0.0, 1.0):
        parts.append("{:.0f} – {:.0f} %".format(*(100 * share for share in f.confidence)))
    if f.query:
        parts.append(f"„{escaped(f.query)}“")
    return " · ".join(parts)


def rewind() -> None:
    state.put(state.Key.PAGE, None)
    state.put(state.Key.RETURN_TO, None)


def turn_to(page: int, pages: int, by: int) -> None:
    state.put(state.Key.PAGE, str(min(max(page + by, 0), pages - 1) + 1))
    state.put(state.Key.RETURN_TO, None)


def filters(run: Run, look: Look, key: str) -> None:
    """The conditions, each composing with the others."""
    t, f = state.t(), look.filter
    own = {name: f"{key}_{name}_{t.language}_{state.get(state.Key.FILTER_VERSION, 0)}" for name in state.FILTER_KEYS}
    options = [int(c) for c in run.shown]

    def changed() -> None:
        values = {name: state.get(widget) for name, widget in own.items()}
        low, high = values["confidence"]
        keep(
            Filter(
                values["label"],
                values["predicted"],
                values["outcome"] or None,
                (low / 100, high / 100),
                (values["query"] or "").strip(),
            ),
            shown=True,
        )
        state.rerun(*SHOWN)

    def clear() -> None:
        keep(Filter())
        state.rerun(*SHOWN)

    # The widgets show the filter, whoever set it.
    now = {
        "label": f.label,
        "predicted": f.predicted,
        "outcome": f.outcome,
        "query": f.query,
        "confidence": tuple(round(100 * v) for v in f.confidence),
    }
    for name, value in now.items():
        state.put(own[name], value)
    active = f != Filter()
    with (
        st.popover(t("mistakes.filter"), icon=":material/filter_alt:", type="primary" if active else "secondary"),
        st.container(key="filter_boxes"),
    ):
        truths = [*options, -1] if run.accuracy.unknown else options
        for name, listed in (("label", truths), ("predicted", options)):
            if f.to_address().get(name) is not None and getattr(f, name) not in listed:
                listed = [*listed, getattr(f, name)]
            st.selectbox(
                t(f"mistakes.filter.{name}"),
                listed,
                index=None,
                key=own[name],
                on_change=changed,
                format_func=lambda n: class_name(run, n),
                placeholder=t("mistakes.filter.any"),
            )
        st.selectbox(
            t("mistakes.filter.outcome"),
            list(OUTCOMES),
            index=None,
            key=own["outcome"],
            on_change=changed,
            format_func=lambda o: t(f"mistakes.filter.outcome.{o}"),
            placeholder=t("mistakes.filter.any"),
            disabled=look.list == "confident",
        )
        st.text_input(t("mistakes.filter.query"), key=own["query"], on_change=changed)
        st.slider(t("mistakes.filter.confidence"), 0, 100, key=own["confidence"], on_change=changed, format="%d %%")
        st.button(
            t("mistakes.filter.clear"),
            icon=":material/filter_alt_off:",
            on_click=clear,
            disabled=not active,
            key=f"{key}_clear",
        )


def take_away(run: Run, look: Look, count: int, key: str) -> None:
    """The selection as files, made when they are asked for."""
    t = state.t()
    with st.popover(t("mistakes.take"), icon=":material/download:", disabled=not count):
        st.caption(t("mistakes.take.text", count=f"{count:,}"))
        for kind, mime in (("csv", "text/csv"), ("parquet", "application/vnd.apache.parquet")):
            st.download_button(
                t(f"mistakes.take.{kind}"),
                functools.partial(run.export, look, kind),
                f"vitrine-{look.list}.{kind}",
                mime,
                key=f"{key}_{kind}",
                on_click="ignore",
                width="stretch",
            )
        st.download_button(
            t("mistakes.take.report"),
            functools.partial(report_of, run, look, count, t.language),
            f"vitrine-{look.list}.html",
            "text/html",
            key=f"{key}_report",
            on_click="ignore",
            width="stretch",
            help=t("mistakes.take.report.help", count=min(REPORTED, count)),
        )


def report_of(run: Run, look: Look, count: int, language: str) -> bytes:
    """The report of a selection. Its pictures go through the one thread that runs models, in turn with others."""
    return build_report(
        run,
        look.composed(),
        REPORTED,
        language,
        rows=run.first(look, REPORTED),
        count=count,
        model=cache.model(run.model),
        execute=cache.run,
    )


def unreadable(row: dict) -> None:
    """Why a picture has no prediction."""
    t = state.t()
    st.error(t("mistakes.open.unreadable", reason=escaped(t.told(row["error"]), 500)), icon=":material/broken_image:")
