"""What the errors have in common: mean maps, clusters, and the run that computes the maps. Widgets only."""

from __future__ import annotations

import os
from collections import Counter

import streamlit as st

from app import state
from app.components import panel
from app.components.gallery.component import gallery_view
from app.components.gallery.payload import pack
from app.mistakes import requests, start
from app.mistakes.find import Evaluation, GalleryView
from app.mistakes.gallery import item
from app.mistakes.maps.found import MAP_SIDE, FoundMaps, densest_place, picture_of
from app.mistakes.view import FILTERED, class_name, current_view, first_page, request_picture
from app.runtime import cache
from app.state import Key
from app.text.plain import escaped
from vit_core import InputError
from vit_core.evaluation import folder
from vit_core.evaluation.filters import Filter
from vit_core.evaluation.maps import MIN_CLUSTERED, MIN_SILHOUETTE, Maps, read_maps_progress, region_weights
from vit_core.percentage import percent

TYPICAL = 5  # pictures shown of a cluster
METHOD_NAMES = {"attnlrp": "AttnLRP"}


def common(run: Evaluation, view: GalleryView, other: Evaluation | None, *, key: str) -> None:
    """Where the model looked in its errors. `other`: an evaluation that `run` is compared with."""
    t = state.t()
    if run.accuracy.counted == run.accuracy.right:
        return
    progress, found = read_maps_progress(run.out), run.maps
    can_compute = os.access(run.out, os.W_OK) and run.out != requests.SHIPPED
    if not found and not can_compute:
        return
    st.subheader(t("mistakes.maps.title"), anchor=False)
    st.caption(t("mistakes.maps.text"))
    if progress.state in ("starting", "running"):
        running(str(run.out))
        return
    if error := state.get(Key.MAPS_ERROR):
        st.error(escaped(t.error(error), 1000), icon=":material/error:")
    if not found or not found.all.complete:
        unfinished(run, progress, key)
    if found:
        mean_maps(run, found, view, other)
        clusters(run, found, key)


def unfinished(run: Evaluation, progress: folder.EvaluationProgress, key: str) -> None:
    """The button that starts or continues the maps, and why they are not finished."""
    t, wrong = state.t(), run.accuracy.counted - run.accuracy.right
    counts = dict(done=f"{progress.done:,}", total=f"{progress.total:,}")
    if progress.state == "failed":
        reason = escaped(t.error(progress.error), 1000) if progress.error else ""
        st.error(t("mistakes.maps.failed", reason=reason), icon=":material/error:")
    elif progress.state in ("cancelled", "interrupted"):
        st.info(t("mistakes.maps.stopped", **counts))
    else:
        pictures = wrong + min(wrong, run.accuracy.right)
        st.markdown(t("mistakes.maps.none", count=f"{pictures:,}", errors=f"{wrong:,}"))
    action = "mistakes.state.continue" if progress.done else "mistakes.maps.begin"
    st.button(t(action), key=f"{key}_begin", icon=":material/play_arrow:", on_click=begin, args=(run,))


def begin(run: Evaluation) -> None:
    """Start or continue the maps. An error appears in the panel."""
    state.put(Key.MAPS_ERROR, None)
    try:
        process = requests.start_maps(run.request, run.out)
        if requests.upload_home(run.request.source):
            cache.upload().add_process(process)
    except InputError as error:
        if error.code != "evaluate-running":  # another tab has already started it
            state.put(Key.MAPS_ERROR, error)


@st.fragment(run_every=1.0, key="maps_running")
def running(out: str) -> None:
    """The progress, updated every second; at the end the whole page runs, since there is another list."""
    progress = read_maps_progress(out)
    if progress.state not in ("starting", "running"):
        st.rerun()
    start.show_progress(progress)
    start.stop_button(out, "mistakes.maps.stopping", key="cancel_maps")


def mean_maps(run: Evaluation, found: FoundMaps, view: GalleryView, other: Evaluation | None) -> None:
    """The mean maps of the errors, of the correct pictures, of what the filter shows, and of the other model's errors.

    All maps of this panel share a scale.
    """
    t = state.t()
    groups = {t("mistakes.maps.errors"): found.errors, t("mistakes.maps.correct"): found.correct}
    if view.filter != Filter():
        groups[t("mistakes.maps.filtered")] = found.among(run.rows.numbers(view.filter))
    if other and other.maps:
        groups[t("mistakes.maps.other")] = other.maps.errors
    with st.container(horizontal=True, gap="medium", key="mean_maps"):
        for name, group in groups.items():
            with st.container(width=MAP_SIDE, gap="small"):
                st.markdown(f"**{name}** · {len(group.numbers):,}")
                if len(group.numbers):
                    st.image(picture_of(group.mean, found.scale), width=MAP_SIDE, alt=f"{name}: {regions(group)}")
                    st.caption(regions(group))
    area = " · ".join(
        t(f"mistakes.maps.{region}", share=percent(region_weights(region, *found.all.values.shape[1:]).mean()))
        for region in ("border", "centre")
    )
    method = METHOD_NAMES.get(found.method, found.method)
    st.caption(t("mistakes.maps.scale", high=percent(found.scale), area=area, method=method))


def regions(group: Maps) -> str:
    """How much of the maps lies in each region, on average; a line each."""
    t = state.t()
    return "  \n".join(
        t(f"mistakes.maps.{region}", share=percent(group.mean_share(region))) for region in group.regions
    )


def clusters(run: Evaluation, found: FoundMaps, key: str) -> None:
    """Each cluster of errors: its mean map, a sentence of numbers, and its most typical pictures."""
    t = state.t()
    with panel.waiting(t("busy.figure")):
        of = found.clusters
    if len(of.clusters) < 2:
        few = len(found.errors.numbers) < MIN_CLUSTERED
        st.info(
            t("mistakes.maps.few", count=len(found.errors.numbers), least=MIN_CLUSTERED)
            if few
            else t("mistakes.maps.unclear", silhouette=f"{of.silhouette:.2f}", least=MIN_SILHOUETTE)
        )
        return
    st.markdown(t("mistakes.maps.clusters", count=len(of.clusters), silhouette=f"{of.silhouette:.2f}"))
    for number, one in enumerate(of.clusters):
        with st.container(horizontal=True, gap="medium", key=f"cluster_{number}"):
            st.image(
                picture_of(one.mean, found.scale), width=MAP_SIDE, alt=t("mistakes.maps.cluster", number=number + 1)
            )
            with st.container(gap="small", width="stretch"):
                rows = run.rows.at(found.members(number))
                st.markdown(describe(run, found, number, rows))
                cluster_pictures(run, rows[:TYPICAL], f"{key}_{number}")
                st.button(
                    t("mistakes.maps.show", count=f"{len(rows):,}"),
                    key=f"{key}_{number}_show",
                    on_click=show_cluster,
                    args=(run, number),
                    type="tertiary",
                    icon=":material/arrow_upward:",
                )


def describe(run: Evaluation, found: FoundMaps, number: int, rows: list[dict]) -> str:
    """A cluster in numbers, as Markdown."""
    t, one = state.t(), found.clusters.clusters[number]
    group = found.errors.chosen(one.members)
    place, share = densest_place(one.mean)
    predicted, count = Counter(row["predicted"] for row in rows).most_common(1)[0]
    label, labelled = Counter(row["label"] for row in rows).most_common(1)[0]
    correct = found.correct.mean_share("border")
    said = [
        t(
            "mistakes.maps.size",
            number=number + 1,
            count=f"{len(rows):,}",
            share=percent(len(rows) / len(found.errors.numbers)),
        ),
        t("mistakes.maps.place", place=t(f"mistakes.maps.place.{place}"), share=percent(share)),
        t("mistakes.maps.at_border", share=percent(group.mean_share("border")), correct=percent(correct)),
        t("mistakes.maps.predicted", name=escaped(class_name(run, predicted)), count=f"{count:,}"),
        t("mistakes.maps.label", name=escaped(class_name(run, label)), count=f"{labelled:,}"),
    ]
    return " ".join(said)


def cluster_pictures(run: Evaluation, rows: list[dict], key: str) -> None:
    data = pack([item(run, row) for row in rows], [run.thumbnail(row) for row in rows], reports=False)
    gallery_view(data, key=key, on_open=lambda: request_picture(state.get(key)["open"]), on_drawn=lambda: None)


def show_cluster(run: Evaluation, number: int) -> None:
    """List the errors of a cluster, and scroll to the first of them."""
    state.put(Key.LIST, "maps")
    state.put(Key.CLUSTER, number + 1)
    state.put(Key.SHARE, 0)
    first_page()
    state.put(Key.RETURN_TO, run.first_rows(current_view(), 1)[0]["path"])
    state.rerun(*FILTERED)
