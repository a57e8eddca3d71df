"""panel(result, *, key): one figure with its title, sentence, controls and fold. Widgets only; numbers come from
`result`, drawings from `figures`, sentences from `text`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import streamlit as st

from app import figures, state
from app.components.atlas import component as piece
from app.components.rollout import component as depths
from app.explore import address
from app.explore.result import Result, Rollout
from app.figures import percent
from app.figures import two_digits as number
from app.mistakes.why import Why
from app.runtime import cache
from app.text import EQUATIONS, WORDS, Text
from app.text.plain import escaped, plain
from vit_core import best_device

SHOWN = ("atlas", "rollout", "places")  # the fragments that show what is looked at


def titled(title: str, sentences: str) -> None:
    """A figure's title and what stands beneath it: Markdown, one message to the browser."""
    st.markdown(f"### {title}\n\n{sentences}")


def fold(t: Text, name: str) -> None:
    """Beneath the figure of that name: its equation, and what it must not be read as."""
    folded(t("fold"), EQUATIONS[name], t(f"{name}.not"))


def folded(title: str, equation: str, sentences: str) -> None:
    """An equation, set, above sentences, under a title that opens them."""
    with st.expander(title):
        st.markdown(f"$$\n{equation}\n$$\n\n{sentences}")


def pair(key: str, parts: int = 3):
    """Where two figures stand side by side, by style.css: each draws its title, its drawing and its fold here, `parts`
    in all, one after the other. (Columns would be two messages more to the browser, and no line of theirs one line.)
    """
    return st.container(key=f"{key}_pair_of_{parts}")


def chart(
    figure: figures.Finished,
    key: str,
    on_select: Callable | str = "ignore",
    height: int | str = "content",
    alt: str | None = None,
) -> None:
    """A plotly figure in the house's way."""
    st.plotly_chart(
        figure, key=key, on_select=on_select, selection_mode="points", config=figures.CONFIG, height=height, alt=alt
    )


def place(result: Result) -> tuple[int, tuple[int, int] | None, str]:
    """Where the maps look from: (token, patch (row, col) or None for a prefix token, its name for a sentence)."""
    t, token = state.t(), address.query(result, state.get)
    if token < result.trace.num_prefix_tokens:
        return token, None, t("from.token", token=t.token(result.prefix_names[token]))
    row, col = divmod(token - result.trace.num_prefix_tokens, result.grid[1])
    return token, (row, col), t("from.patch", row=row + 1, col=col + 1)


def computed(result: Result, name: str):
    """What `result` derives and keeps under that name; at once where it has it already."""
    if name in vars(result):
        return getattr(result, name)
    return cache.derived(result, cache.run_saying, (result.name, name), figure_busy, getattr, result, name)


def busy(what: str, seconds: float) -> str:
    """What is said while a "figure" or a "result" is computed; where that is known to be slow, how long it took."""
    t = state.t()
    return t(f"busy.{what}.took", time=t("time.s", value=number(seconds))) if seconds >= 2 else t(f"busy.{what}")


figure_busy = functools.partial(busy, "figure")


def on_the_cpu(shown: Result | Why) -> str | None:
    """Why the CPU runs what is shown, where that is for want of another device's memory."""
    t, device = state.t(), next(shown.model.parameters()).device
    if shown.fell_back:
        return t("side.model.fell")
    return t("side.model.kept") if device.type != best_device().type else None


def others(result: Result) -> str:
    """The prefix tokens, named in a row; many registers become one name."""
    t = state.t()
    names = [t.token(n) for n in result.prefix_names if not n.startswith("register")]
    registers = [t.token(n) for n in result.prefix_names if n.startswith("register")]
    if registers:
        names.append(registers[0] if len(registers) == 1 else f"{registers[0]}–{len(registers)}")
    return ", ".join(names)


def pick(key: str) -> Callable[[], None]:
    """What a click on a patch does, in the figure of that key: everything looks from there."""

    def chosen() -> None:
        point = state.selected(key)
        if point:
            state.put("from", "patch")
            state.put("row", int(point[0]))
            state.put("col", int(point[1]))
            state.put("pinned", None)  # or the pin would hold the atlas where it was
            state.put("passing", False)
        state.rerun(*SHOWN)

    return chosen


def class_name(result: Result, number: int) -> str:
    """As the model has it: other people's words, fit for nothing but `app.text.plain`."""
    return result.label(number) or state.t()("predictions.class", number=number)


def atlas(result: Result, *, expected: str | None, key: str) -> None:
    """The answer in a line; beneath it the picture, and every head of every layer from the place pointed at."""
    t = state.t()
    best = result.predictions(3)
    if best:
        answer = " · ".join(
            t("atlas.class", name=escaped(class_name(result, i), 60), percent=percent(p)) for i, p in best
        )
        st.markdown(
            t("atlas.answer", answer=answer) + (" " + t("predictions.expected", name=expected) if expected else "")
        )
    else:
        st.markdown(t("atlas.none"))
    outline = result.outline  # what the callback keeps, for as long as a browser is there
    wanted, known = address.to_atlas(outline, state.get), state.get("atlas_view")
    if known and known != wanted:  # changed elsewhere on the page: an order
        state.put("atlas_order", state.get("atlas_order", 0) + 1)
    state.put("atlas_view", wanted)

    def changed() -> None:
        said = state.get(key)["view"]
        if said["seq"] != state.get("atlas_order", 0):  # said before it heard of the last order
            return
        moved = [name for name in wanted if said[name] != state.get("atlas_view")[name]]
        if moved:
            state.put("passing", moved == ["query"])
        state.put("atlas_view", {name: said[name] for name in wanted})
        if state.get("atlas_view") == address.to_atlas(outline, state.get):  # an answer to an order: all of it is known
            return
        for name, value in address.from_atlas(outline, said).items():
            if name in address.PLACE or moved != ["query"]:
                state.put(name, value)
        # a rollout of so many tokens takes seconds, and the atlas would wait for it at every place the pointer rests
        late = {"rollout"} if state.get("passing") and not outline.strip_fits else ()
        state.rerun(*(name for name in SHOWN if name not in late))

    piece.atlas(
        computed(result, "atlas"),
        words=WORDS[t.language],
        view=wanted | {"seq": state.get("atlas_order", 0)},
        known=state.get(key),
        key=key,
        on_change=changed,
        ask=functools.partial(cache.derived, result),
    )
    fold(t, "attention")


def maps(result: Result, *, key: str) -> None:
    """What the atlas of that key shows: megabytes, outside the fragment that runs whenever its view has changed."""
    piece.maps(computed(result, "atlas"), key=key)


def received(result: Result, *, key: str) -> None:
    """The picture as the model gets it, in patches."""
    t, trace = state.t(), result.trace
    (rows, cols), (ph, pw), crop = result.grid, trace.config.patch_size, trace.crop
    left, top, right, bottom = crop.box
    height, width = crop.picture
    inside = min(right, width) - max(left, 0), min(bottom, height) - max(top, 0)
    titled(
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
    st.image(
        cache.drawn(result, figures.patches, (result.seen,), result.grid, (ph, pw)),
        width="content",
        alt=t("received.alt", width=crop.input[1], height=crop.input[0]),
    )
    fold(t, "received")


def predictions(result: Result, *, expected: str | None, key: str) -> None:
    """The most probable classes; `expected` is what the picture shows, where that is known."""
    t = state.t()
    best = result.predictions()
    if not best:
        st.subheader(t("predictions.title"), anchor=False)
        st.info(t("predictions.none"))
        fold(t, "predictions")
        return
    names = [plain(class_name(result, i)) for i, _ in best]
    said = t(
        "predictions.text",
        count=len(best),
        classes=f"{result.trace.logits.numel():,}",
        percent=percent(best[0][1]),
        name=escaped(names[0], 60),
    )
    titled(t("predictions.title"), said + (" " + t("predictions.expected", name=expected) if expected else ""))
    chart(cache.drawn(result, figures.bars, (), names, [p for _, p in best], t("predictions.hover")), f"{key}_chart")
    fold(t, "predictions")


def positions(result: Result, *, key: str) -> None:
    """The grid of grids of position similarity, and the map of one patch."""
    t = state.t()
    st.subheader(t("positions.title"), anchor=False)
    similarity = computed(result, "position_similarity")
    if similarity is None:
        st.info(t("positions.none"))
        return
    rows, cols = result.grid
    row, col = (n + 1 for n in place(result)[1] or ((rows - 1) // 2, (cols - 1) // 2))
    low = min(0.0, float(similarity.min()))
    with pair(key, 2):
        st.markdown(t("positions.text"))
        picture = cache.drawn_of_model(result, figures.grid_picture, (similarity,), low, 1.0)
        chart(
            cache.drawn_of_model(
                result,
                figures.grid_of_grids,
                (picture,),
                result.grid,
                (row - 1, col - 1),
                t("positions.pick"),
                low,
                1.0,
                t("positions.scale"),
            ),
            f"{key}_chart",
            pick(f"{key}_chart"),
        )
        st.markdown(f"**{t('positions.one', row=row, col=col)}** " + t("positions.one.text"))
        chart(
            cache.drawn_of_model(
                result,
                figures.enlarged,
                (),
                similarity[row - 1, col - 1],
                low,
                1.0,
                t("positions.scale"),
                t("positions.hover"),
                (row - 1, col - 1),
            ),
            f"{key}_one",
        )
    fold(t, "positions")


def filters(result: Result, *, key: str) -> None:
    """The patch embedding's principal filters."""
    t, (components, share) = state.t(), computed(result, "filters")
    titled(
        t("filters.title"),
        t("filters.text", count=len(components), dim=result.trace.config.dim, percent=percent(share.sum())),
    )
    st.image(
        cache.drawn_of_model(result, figures.filters, (components,)),
        width="stretch",
        alt=t("filters.alt", count=len(components), width=components.shape[2], height=components.shape[1]),
    )
    fold(t, "filters")


def describe(result: Result, values: np.ndarray) -> str:
    """What one rollout says, in numbers: `values` (N,), a token's shares."""
    t, on_grid = state.t(), result.on_grid(values)
    row, col = np.unravel_index(on_grid.argmax(), on_grid.shape)
    facts = dict(row=row + 1, col=col + 1, peak=percent(on_grid.max()))
    if not result.prefix_names:
        return t("rollout.one.all", **facts)
    return t("rollout.one.text", **facts, share=percent(on_grid.sum()), others=others(result))


def rollout(result: Result, *, key: str) -> None:
    """Attention rollout with its controls, by depth, and one depth enlarged."""
    t, trace = state.t(), result.trace
    token, patch, origin = place(result)
    first, last = state.bound_pair("span", 1, trace.depth, "depth")
    fits = result.strip_fits
    titled(t("rollout.title"), t("rollout.text" if fits else "rollout.text.one", origin=origin, first=first, last=last))
    with st.container(key=f"{key}_controls"):  # in a row, by style.css
        if trace.depth > 1:
            st.slider(t("rollout.span"), 1, trace.depth, key="span", persist_state="session")
        residual = st.slider(
            t("rollout.residual"),
            0.0,
            1.0,
            0.5,
            0.05,
            key="residual",
            help=t("rollout.residual.help"),
            persist_state="session",
        )
        discard = st.slider(
            t("rollout.discard"),
            0.0,
            0.95,
            0.0,
            0.05,
            format="percent",
            key="discard",
            help=t("rollout.discard.help"),
            persist_state="session",
        )
        fusion = st.segmented_control(
            t("rollout.fusion"),
            ("mean", "max", "min"),
            default="mean",
            required=True,
            key="fusion",
            format_func=lambda f: t(f"rollout.fusion.{f}"),
            persist_state="session",
        )
    depth = last
    if not fits and last > first:  # where every depth is there, the browser chooses among them
        state.bound("depth", first, last, last)
        depth = st.slider(t("rollout.depth"), first, last, key="depth", persist_state="session")
    options = Rollout(fusion, residual, discard, first - 1, depth - 1, token)
    rows = result.rolled.get(options)
    if rows is None:
        rows = cache.derived(
            result,
            cache.run_saying,
            (result.name, "rollout", fusion, discard > 0),
            figure_busy,
            result.rollouts,
            options,
        )
    maps, layers = result.on_grid(rows), range(depth + 1 - len(rows), depth + 1)
    depths.rollout(
        computed(result, "atlas"),
        maps,
        key=f"{key}_maps",
        first=layers[0],
        patch=patch,
        labels=[t("rollout.label", layer=layer, peak=percent(m.max())) for layer, m in zip(layers, maps, strict=True)],
        said=[(t("rollout.one", layer=layer), describe(result, row)) for layer, row in zip(layers, rows, strict=True)],
        words={
            "depths": t("rollout.depth"),
            "stage": t("rollout.stage"),
            "place": t("map.place"),
            "opacity": t("map.opacity"),
            "shared": t("map.shared"),
            "help": t("map.shared.help"),
        },
    )
    fold(t, "rollout")


def distances(result: Result, *, key: str) -> None:
    """Mean attention distance of each head, by layer."""
    t, chosen, values = state.t(), at_head(result), computed(result, "distances")
    titled(
        t("distances.title"),
        t("distances.text", layer=chosen[0] + 1, head=chosen[1] + 1, value=number(float(values[chosen])))
        if chosen
        else t("distances.text.mean"),
    )
    chart(
        cache.drawn(
            result, figures.per_head, (), values, t("distances.x"), t("distances.y"), t("distances.hover"), chosen, None
        ),
        f"{key}_chart",
    )
    fold(t, "distances")


def entropies(result: Result, *, key: str) -> None:
    """Mean attention entropy of each head, by layer."""
    t, most, values = state.t(), float(np.log2(result.trace.num_tokens)), computed(result, "entropies")
    titled(t("entropies.title"), t("entropies.text", most=number(most), tokens=f"{result.trace.num_tokens:,}"))
    chart(
        cache.drawn(
            result,
            figures.per_head,
            (),
            values,
            t("distances.x"),
            t("entropies.y"),
            t("entropies.hover"),
            at_head(result),
            most,
        ),
        f"{key}_chart",
    )
    fold(t, "entropies")


def at_head(result: Result) -> tuple[int, int] | None:
    """The layer and head that are chosen, counted from 0; None while it is the mean or the rollout."""
    layer, head = address.cell(result, state.get)
    return (layer, head) if head >= 0 else None


def norms(result: Result, *, key: str) -> None:
    """How long the tokens' vectors are at each depth."""
    t = state.t()
    titled(t("norms.title"), t("norms.text"))
    names = [*map(t.token, result.prefix_names), t("norms.median"), t("norms.range")]
    chart(
        cache.drawn(
            result,
            figures.norms,
            (),
            computed(result, "norms"),
            result.prefix_names,
            names,
            t("norms.x"),
            t("norms.y"),
            t("norms.hover"),
        ),
        f"{key}_chart",
    )
    fold(t, "norms")
