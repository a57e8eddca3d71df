"""The list of pictures: its filters, one page of thumbnails, and its downloads. Widgets only."""

from __future__ import annotations

import functools
from dataclasses import replace

import streamlit as st

from app import state
from app.components import panel
from app.components.gallery.component import gallery_view
from app.components.gallery.payload import pack
from app.mistakes.find import COMPARED_LISTS, MAX_DUPLICATE_PAIRS, PAGE_SIZE, Evaluation, GalleryView
from app.mistakes.report import build_report
from app.mistakes.view import FILTERED, class_name, first_page, go_to_page, request_picture, set_filter
from app.runtime import cache
from app.state import Key
from app.text.plain import escaped, plain
from vit_core.evaluation.filters import OUTCOMES, Filter
from vit_core.evaluation.maps import REGIONS
from vit_core.percentage import percent

REPORT_PICTURES = 100  # the most that one report holds


def pictures(run: Evaluation, view: GalleryView, *, key: str) -> None:
    """The list with its filters, a page of thumbnails, and its downloads."""
    t = state.t()
    st.subheader(t("mistakes.gallery.title"), anchor=False)
    lists = [view.list, *run.lists] if view.compared and view.list in COMPARED_LISTS else run.lists
    view = replace(view, list=state.one_of(Key.LIST, lists))
    st.segmented_control(
        t("mistakes.list"),
        lists,
        key=Key.LIST,
        required=True,
        on_change=first_page,
        format_func=lambda o: t(f"mistakes.list.{o}"),
        label_visibility="collapsed",
        persist_state="session",
    )
    if view.list == "duplicates":
        st.caption(t("mistakes.text.duplicates", count=f"{MAX_DUPLICATE_PAIRS:,}"))
    elif run.problem_type == "multi_label" and view.list in ("confident", "margin"):
        st.caption(t(f"mistakes.several.text.{view.list}"))
    else:
        st.caption(t(f"mistakes.text.{view.list}"))
    if view.list == "maps":
        map_controls(run, view)
    with panel.waiting(t("busy.figure")):
        count = run.count(view)
    pages = max(1, -(-count // PAGE_SIZE))
    view = replace(view, page=min(view.page, pages - 1))
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{key}_bar"):
        filters(run, view, key)
        downloads(run, view, count, key)
        st.space("stretch")
        st.markdown(f"**{count:,}** · {view.page + 1:,} / {pages:,}", width="content")
        for name, step, side in (("before", -1, "left"), ("after", 1, "right")):
            st.button(
                f":material/chevron_{side}:",
                help=t(f"mistakes.{name}"),
                key=f"{key}_{name}",
                on_click=go_to_page,
                args=(view.page, pages, step),
                disabled=not 0 <= view.page + step < pages,
                type="tertiary",
            )
    if summary := filter_summary(run, view):
        st.markdown(summary)
    if not count:
        st.info(t("mistakes.count.empty" if view.filter == Filter() else "mistakes.count.none"))

    def drawn() -> None:
        state.put(Key.GALLERY_DRAWN, str(run.out))
        # In the page's order: Streamlit may drop what it has not yet sent of these fragments, and the browser fails
        # where one comes before the one above it.
        state.rerun("calibration", *["changes"] * bool(view.compared), "map")

    rows = run.page_rows(view)
    items = [item(run, row) for row in rows]
    if view.list == "maps" and run.maps:
        shares = run.maps.share(view.maps.region)
        for one, row in zip(items, rows, strict=True):
            one["detail"] = t(f"mistakes.maps.{view.maps.region}", share=percent(shares[row["number"]]))
    data = pack(items, [run.thumbnail(row) for row in rows], state.get(Key.RETURN_TO))
    gallery_view(data, key=key, on_open=lambda: request_picture(state.get(key)["open"]), on_drawn=drawn)


def map_controls(run: Evaluation, view: GalleryView) -> None:
    """The region whose share orders the list of maps, the smallest share, and the cluster."""
    t = state.t()

    def all_clusters() -> None:
        state.put(Key.CLUSTER, None)
        first_page()

    regions = run.maps.all.regions if run.maps else REGIONS
    state.one_of(Key.REGION, regions)
    with st.container(horizontal=True, vertical_alignment="bottom", key="map_controls"):
        st.segmented_control(
            t("mistakes.maps.region"),
            regions,
            key=Key.REGION,
            required=True,
            on_change=first_page,
            format_func=lambda region: t(f"mistakes.maps.region.{region}"),
            persist_state="session",
        )
        st.slider(
            t("mistakes.maps.least"),
            0,
            100,
            step=5,
            key=Key.SHARE,
            on_change=first_page,
            format="%d %%",
            width=180,
            persist_state="session",
        )
        if view.maps.cluster is not None:
            st.button(
                t("mistakes.maps.cluster", number=view.maps.cluster + 1),
                icon=":material/close:",
                help=t("mistakes.maps.cluster.all"),
                on_click=all_clusters,
                key="all_clusters",
            )


def item(run: Evaluation, row: dict) -> dict:
    """The words for one thumbnail."""
    t, path = state.t(), plain(row["path"])
    labels = row.get("labels") or [row["label"]]
    label = ", ".join(class_name(run, number, row["source_label"]) for number in labels)
    if row["error"] is not None:
        reason = t.error(row["error"])
        return {
            "path": row["path"],
            "label": label,
            "predicted": "",
            "detail": plain(reason),
            "outcome": "unreadable",
            "title": f"{path}\n{plain(reason, 300)}",
        }
    predicted = class_name(run, row["predicted"])
    return {
        "path": row["path"],
        "label": label,
        "predicted": predicted,
        "detail": percent(row["probability"]),
        "outcome": "unknown" if row["label"] < 0 else "right" if row["label"] == row["predicted"] else "wrong",
        "title": t("mistakes.item", path=path, label=label, predicted=predicted),
    }


def filter_summary(run: Evaluation, view: GalleryView) -> str:
    """The filter in one line of Markdown; empty if there is none."""
    t, f, parts = state.t(), view.filter, []
    if f.label is not None or f.predicted is not None:
        both = [t("mistakes.filter.any") if n is None else class_name(run, n) for n in (f.label, f.predicted)]
        parts.append(" → ".join(map(escaped, both)))
    if f.outcome and view.list != "confident":
        parts.append(t(f"mistakes.filter.outcome.{f.outcome}"))
    if f.confidence != (0.0, 1.0):
        parts.append("{:.0f} – {:.0f} %".format(*(100 * share for share in f.confidence)))
    if f.query:
        parts.append(f"“{escaped(f.query)}”")
    return " · ".join(parts)


def filters(run: Evaluation, view: GalleryView, key: str) -> None:
    """The conditions of the filter in a popover; all of them hold together."""
    t, f = state.t(), view.filter
    version = state.get(Key.FILTER_VERSION, 0)
    widgets = {name: f"{key}_{name}_{t.language}_{version}" for name in state.FILTER_KEYS}
    classes = [int(c) for c in run.used_classes]

    def changed() -> None:
        values = {name: state.get(widget) for name, widget in widgets.items()}
        low, high = values["confidence"]
        outcome, query = values["outcome"] or None, (values["query"] or "").strip()
        chosen = Filter(values["label"], values["predicted"], outcome, (low / 100, high / 100), query)
        set_filter(chosen, from_widgets=True)
        state.rerun(*FILTERED)

    def clear() -> None:
        set_filter(Filter())
        state.rerun(*FILTERED)

    # The filter may come from a click or an address; the widgets show it.
    now = {
        "label": f.label,
        "predicted": f.predicted,
        "outcome": f.outcome,
        "query": f.query,
        "confidence": tuple(round(100 * v) for v in f.confidence),
    }
    for name, value in now.items():
        state.put(widgets[name], value)
    active = f != Filter()
    with (
        st.popover(t("mistakes.filter"), icon=":material/filter_alt:", type="primary" if active else "secondary"),
        st.container(key="filter_boxes"),
    ):
        labels = [*classes, -1] if run.accuracy.unknown else classes
        for name, options in (("label", labels), ("predicted", classes)):
            chosen = getattr(f, name)
            if f.to_address().get(name) is not None and chosen not in options:
                options = [*options, chosen]
            st.selectbox(
                t(f"mistakes.filter.{name}"),
                options,
                index=None,
                key=widgets[name],
                on_change=changed,
                format_func=lambda n: class_name(run, n),
                placeholder=t("mistakes.filter.any"),
            )
        st.selectbox(
            t("mistakes.filter.outcome"),
            list(OUTCOMES),
            index=None,
            key=widgets["outcome"],
            on_change=changed,
            format_func=lambda o: t(f"mistakes.filter.outcome.{o}"),
            placeholder=t("mistakes.filter.any"),
            disabled=view.list == "confident",
        )
        st.text_input(t("mistakes.filter.query"), key=widgets["query"], on_change=changed)
        st.slider(t("mistakes.filter.confidence"), 0, 100, key=widgets["confidence"], on_change=changed, format="%d %%")
        st.button(
            t("mistakes.filter.clear"),
            icon=":material/filter_alt_off:",
            on_click=clear,
            disabled=not active,
            key=f"{key}_clear",
        )


def downloads(run: Evaluation, view: GalleryView, count: int, key: str) -> None:
    """The list as files, which are made when a button is clicked."""
    t = state.t()
    files = {
        "csv": ("csv", "text/csv", functools.partial(run.export, view, "csv")),
        "parquet": ("parquet", "application/vnd.apache.parquet", functools.partial(run.export, view, "parquet")),
        "report": ("html", "text/html", functools.partial(report_of, run, view, count, t.language)),
    }
    with st.popover(t("mistakes.download"), icon=":material/download:", disabled=not count):
        st.caption(t("mistakes.download.text", count=f"{count:,}"))
        for kind, (ending, mime, make) in files.items():
            st.download_button(
                t(f"mistakes.download.{kind}"),
                make,
                run.file_name(view.list, ending),
                mime,
                key=f"{key}_{kind}",
                on_click="ignore",
                width="stretch",
                help=t("mistakes.download.report.help", count=min(REPORT_PICTURES, count))
                if kind == "report"
                else None,
            )


def report_of(run: Evaluation, view: GalleryView, count: int, language: str) -> bytes:
    """The report of a list. The model runs on the worker thread, one picture at a time, so others run in between."""
    return build_report(
        run,
        view.full_filter(),
        REPORT_PICTURES,
        language,
        rows=run.first_rows(view, REPORT_PICTURES),
        count=count,
        model=cache.model(run.model),
        execute=cache.run,
    )
