"""Explore's panels, `panel(result, *, key)`: one figure with its title, sentences, controls and fold.

Widgets only: numbers come from `result`, drawings from `figures`, sentences from `text`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import streamlit as st

from app import state
from app.components import panel
from app.components.atlas import component as atlas_component
from app.components.panel import chart
from app.explore import address, figures
from app.explore.about import about
from app.explore.cached import derived, drawn, drawn_of_model
from app.explore.result import Outline, Result
from app.figures import output, two_digits
from app.runtime import cache
from app.state import Key
from app.text import WORDS, Text, equations
from app.text.class_names import translated
from app.text.plain import escaped, plain
from vit_core import Trace
from vit_core.models.predictions import THRESHOLD, has_probabilities
from vit_core.percentage import percent

#: Keys of the fragments that depend on the view.
VIEW_FRAGMENTS = ("atlas", "view")


def fold(t: Text, name: str, equation: str | None = None, note: str = "") -> None:
    """Beneath the figure of that name: its equation (that of `equations.FIXED` unless given) and common misreadings.

    `note`: further Markdown at the end.
    """
    panel.fold(t("fold"), equation or equations.FIXED[name], f"{t(f'{name}.not')}\n\n{note}".rstrip())


def query_place(result: Result) -> tuple[int, tuple[int, int] | None, str]:
    """The query: (token, its patch (row, col) or None for a prefix token, its name for a sentence)."""
    t, token = state.t(), address.query(result, state.get)
    if token < result.trace.num_prefix_tokens:
        return token, None, t("from.token", token=t.token(result.prefix_names[token]))
    row, col = divmod(token - result.trace.num_prefix_tokens, result.grid[1])
    return token, (row, col), t("from.patch", row=row + 1, col=col + 1)


def computed(result: Result, name: str):
    """An attribute that `result` computes when it is first read; that happens on the thread that runs models."""
    if name in vars(result):
        return getattr(result, name)
    return derived(result, cache.run_with_waiting, (result.name, name), panel.waiting_for_figure, getattr, result, name)


def features_of(result: Result) -> Trace:
    """The trace with its features, without a sentence that the page waits: the atlas has its own."""
    return result.features if "features" in vars(result) else derived(result, cache.run, getattr, result, "features")


def on_patch_click(key: str) -> Callable[[], None]:
    """The callback for clicks in the figure with that key: the clicked patch becomes the query."""

    def choose() -> None:
        point = state.selected(key)
        if point:
            state.put(Key.FROM, "patch")
            state.put(Key.ROW, int(point[0]))
            state.put(Key.COLUMN, int(point[1]))
            state.put(Key.PINNED, None)  # a pin would keep the atlas where it is
            state.put(Key.HOVERING, False)
        state.rerun(*VIEW_FRAGMENTS)

    return choose


def class_name(result: Result, number: int) -> str:
    """The name of a class or output, in the page's language if the model has one there.

    Other people wrote it: pass it through `app.text.plain`.
    """
    t = state.t()
    if name := result.label(number):
        return translated(result.name, name, t.language, result.model.labels)
    return t("predictions.class" if has_probabilities(result.problem_type) else "predictions.output", number=number)


def answer(result: Result, safe: Callable[[object, int], str] = escaped, short: bool = False) -> str:
    """What the model says of the picture, in a line of Markdown. `safe` makes names safe for that. `short`: only names
    and numbers, without "The model's answer"."""
    t, kind = state.t(), result.problem_type
    best = result.predictions(3)
    if not best:
        return t("atlas.none")
    if kind == "multi_label" and best[0][1] < THRESHOLD:
        name = safe(class_name(result, best[0][0]), 60)
        return t("atlas.answer.none", name=name, percent=percent(best[0][1]))
    if kind == "binary" and len(best) == 1:
        return t("atlas.answer.one", name=safe(class_name(result, best[0][0]), 60), percent=percent(best[0][1]))
    if kind == "multi_label":
        best = [(i, p) for i, p in best if p >= THRESHOLD]
    if has_probabilities(kind):
        shown = [t("atlas.class", name=safe(class_name(result, i), 60), percent=percent(p)) for i, p in best]
    else:
        shown = [t("atlas.output", name=safe(class_name(result, i), 60), value=output(v)) for i, v in best]
    return " · ".join(shown) if short else t("atlas.answer", answer=" · ".join(shown))


def answer_line(result: Result) -> None:
    """The model's answer."""
    st.markdown(answer(result))


def agreed_view(
    outline: Outline, key: str, rerun: Callable[[dict], None], views: tuple[str, ...] = address.VIEWS
) -> tuple[dict, Callable]:
    """The view of the atlas with that key, and the callback for what the browser sends.

    `rerun(sent)` then draws what follows from it. `views`: those that there are; the first one in place of any other,
    which the session keeps until somebody chooses a view.
    """

    def wanted() -> dict:
        asked = address.atlas_view(outline, state.get)
        return asked if asked["view"] in views else asked | {"view": views[0]}

    view, agreed = wanted(), state.get(Key.ATLAS_VIEW)
    if agreed and agreed != view:  # something else on the page has changed it
        state.put(Key.ATLAS_VERSION, state.get(Key.ATLAS_VERSION, 0) + 1)
    state.put(Key.ATLAS_VIEW, view)

    def on_view_change() -> None:
        sent = state.get(key)["view"]
        if sent["seq"] != state.get(Key.ATLAS_VERSION, 0):  # sent before it got the page's last view
            return
        moved = [name for name in view if sent[name] != state.get(Key.ATLAS_VIEW)[name]]
        hovering = bool(moved) and address.POINTED.issuperset(moved)
        if moved:
            state.put(Key.HOVERING, hovering)
        state.put(Key.ATLAS_VIEW, {name: sent[name] for name in view})
        if state.get(Key.ATLAS_VIEW) == wanted():  # confirms the page's own view
            return
        for name, value in address.session_values(outline, sent).items():
            if (name in state.POINTER_KEYS or not hovering) and (name != "view" or name in moved):
                state.put(name, value)
        rerun(sent)

    return view, on_view_change


def atlas(result: Result, *, key: str) -> None:
    """The picture and every head of every layer, seen from one token."""
    t, outline = state.t(), result.outline  # not the result: Streamlit keeps callbacks for as long as the tab is open

    def rerun(sent: dict) -> None:
        # The rollout of a long sequence takes seconds; the atlas would wait for it wherever the pointer rests.
        follows = sent["view"] == "inside" or (sent["view"] == "flow" and outline.all_depths_fit)
        state.rerun(*(VIEW_FRAGMENTS if follows or not state.get(Key.HOVERING) else VIEW_FRAGMENTS[:1]))

    view, on_view_change = agreed_view(outline, key, rerun)
    atlas_component.atlas(
        computed(result, "atlas"),
        words=WORDS[t.language],
        about=about(result),
        view=view | {"seq": state.get(Key.ATLAS_VERSION, 0)},
        known=state.get(key),
        key=key,
        on_change=on_view_change,
        ask=functools.partial(derived, result),
        features_of=functools.partial(features_of, result),
    )


def attention_fold(result: Result) -> None:
    """What the atlas shows, as an equation that follows its direction, and common misreadings."""
    view = address.atlas_view(result.outline, state.get)
    if view["direction"] == "like":
        fold(state.t(), "like", equations.likeness(view["facet"]))
    else:
        fold(state.t(), "attention", equations.attention(result.trace.config, view["direction"]))


def atlas_maps(result: Result, *, key: str) -> None:
    """The payload of the atlas with that key: megabytes, outside of the fragment that each new view reruns."""
    atlas_component.maps(computed(result, "atlas"), key=key)


def received(result: Result, *, key: str) -> None:
    """The model's input, cut into patches."""
    t, trace = state.t(), result.trace
    (rows, cols), (ph, pw), crop = result.grid, trace.config.patch_size, trace.crop
    left, top, right, bottom = crop.box
    height, width = crop.picture
    inside = min(right, width) - max(left, 0), min(bottom, height) - max(top, 0)
    panel.title(
        t("received.title"),
        t(
            "received.text",
            width=f"{width:,}",
            height=f"{height:,}",
            crop_width=f"{inside[0]:,.0f}",
            crop_height=f"{inside[1]:,.0f}",
            input_width=crop.input[1],
            input_height=crop.input[0],
            rows=rows,
            cols=cols,
            patches=f"{rows * cols:,}",
            patch_width=pw,
            patch_height=ph,
            prefix=trace.num_prefix_tokens,
            tokens=f"{trace.num_tokens:,}",
        ),
    )
    with st.container(key=f"{key}_picture"):  # style.css says how high it is
        st.image(
            drawn(result, figures.patches, (result.model_input,), result.grid, (ph, pw)),
            width="content",
            alt=t("received.alt", width=crop.input[1], height=crop.input[0]),
        )
    fold(t, "received", equations.received(result.trace.config))


def predictions(
    result: Result, *, expected: str | None, key: str, beneath: Callable[[], None] | None = None, note: str = ""
) -> None:
    """The most probable classes, or a regression's outputs.

    `expected`: the class that the picture shows, if known. `beneath` draws between the figure and its fold, at whose
    end `note` stands.
    """
    t, kind = state.t(), result.problem_type
    best = result.predictions()
    if not best:
        st.subheader(t("predictions.title"), anchor=False)
        st.info(t("predictions.none"))
        fold(t, "predictions.none", equations.predictions(result.trace.config))
        return
    names = [plain(class_name(result, i)) for i, _ in best]
    if kind == "regression":
        outputs(result, best, names, beneath, note)
        return
    of_type = "predictions" if kind == "single_label" else f"predictions.{kind}"
    sentence = t(
        f"{of_type}.text",
        count=len(best),
        classes=f"{len(result.scores):,}",
        percent=percent(best[0][1]),
        name=escaped(names[0], 60),
        logit=output(result.trace.logits[0].item()),
        above=int((result.scores >= THRESHOLD).sum()),
        threshold=percent(THRESHOLD),
    )
    panel.title(t("predictions.title"), sentence + (" " + t("predictions.expected", name=expected) if expected else ""))
    threshold = THRESHOLD if kind == "multi_label" or len(best) == 1 else None
    chart(
        drawn(result, figures.bars, (), names, [p for _, p in best], t("predictions.hover"), threshold),
        f"{key}_chart",
    )
    if beneath:
        beneath()
    fold(t, of_type, equations.predictions(result.trace.config), note)


def outputs(
    result: Result,
    values: list[tuple[int, float]],
    names: list[str],
    beneath: Callable[[], None] | None = None,
    note: str = "",
) -> None:
    """A regression's outputs as numbers. `values`: (index, output) of those shown; `beneath`, `note`: see above."""
    t, count = state.t(), len(result.scores)
    shown = " " + t("predictions.regression.shown", count=len(values)) if len(values) < count else ""
    panel.title(t("predictions.regression.title"), t("predictions.regression.text", count=count) + shown)
    with st.container():  # one element, as the other panels' charts are, or the pair's columns would break
        for name, (_, value) in zip(names, values, strict=True):
            st.metric(escaped(name, 60), output(value))
    if beneath:
        beneath()
    fold(t, "predictions.regression", equations.predictions(result.trace.config), note)


def positions(result: Result, *, key: str) -> None:
    """Similarity of position embeddings: a small map for each patch, and one of them enlarged."""
    t = state.t()
    similarity = computed(result, "position_similarity")
    if similarity is None:
        st.subheader(t("positions.title"), anchor=False)
        st.info(t("positions.none"))
        return
    panel.title(t("positions.title"), t("positions.text"))
    rows, cols = result.grid
    row, col = (n + 1 for n in query_place(result)[1] or ((rows - 1) // 2, (cols - 1) // 2))
    low = min(0.0, float(similarity.min()))
    with st.container(key=f"{key}_pair"):  # style.css puts them side by side
        st.markdown(t("positions.all"))
        picture = drawn_of_model(result, figures.grid_picture, (similarity,), low, 1.0)
        chart(
            drawn_of_model(
                result,
                figures.grid_of_grids,
                (picture,),
                result.grid,
                (row - 1, col - 1),
                t("positions.pick"),
                low,
                1.0,
            ),
            f"{key}_chart",
            on_patch_click(f"{key}_chart"),
            height="stretch",
        )
        st.markdown(t("positions.one", row=row, col=col))
        chart(
            drawn_of_model(
                result,
                figures.enlarged,
                (),
                similarity[row - 1, col - 1],
                low,
                1.0,
                t("positions.hover"),
                (row - 1, col - 1),
            ),
            f"{key}_one",
            height="stretch",
        )
    fold(t, "positions")


def filters(result: Result, *, key: str) -> None:
    """The patch embedding's principal filters."""
    t, (components, share) = state.t(), computed(result, "filters")
    panel.title(
        t("filters.title"),
        t("filters.text", count=len(components), dim=result.trace.config.dim, percent=percent(share.sum())),
    )
    st.image(
        drawn_of_model(result, figures.filters, (components,)),
        width="stretch",
        alt=t("filters.alt", count=len(components), width=components.shape[2], height=components.shape[1]),
    )
    fold(t, "filters")


def distances(result: Result, *, key: str) -> None:
    """Mean attention distance of each head, by layer."""
    t, chosen, values = state.t(), chosen_head(result), computed(result, "distances")
    panel.title(
        t("distances.title"),
        t("distances.text", layer=chosen[0] + 1, head=chosen[1] + 1, value=two_digits(float(values[chosen])))
        if chosen
        else t("distances.text.mean"),
    )
    chart(
        drawn(
            result, figures.per_head, (), values, t("distances.x"), t("distances.y"), t("distances.hover"), chosen, None
        ),
        f"{key}_chart",
        height="stretch",
    )
    fold(t, "distances")


def entropies(result: Result, *, key: str) -> None:
    """Mean attention entropy of each head, by layer."""
    t, most, values = state.t(), float(np.log2(result.trace.num_tokens)), computed(result, "entropies")
    panel.title(t("entropies.title"), t("entropies.text", most=two_digits(most), tokens=f"{result.trace.num_tokens:,}"))
    chart(
        drawn(
            result,
            figures.per_head,
            (),
            values,
            t("distances.x"),
            t("entropies.y"),
            t("entropies.hover"),
            chosen_head(result),
            most,
        ),
        f"{key}_chart",
        height="stretch",
    )
    fold(t, "entropies")


def chosen_head(result: Result) -> tuple[int, int] | None:
    """The chosen layer and head, from 0; None for the mean or the rollout."""
    layer, head = address.chosen_column(result, state.get)
    return (layer, head) if head >= 0 else None
