"""Input size and framing: what is offered, what is chosen, and how long it will take. The control beside the atlas."""

from __future__ import annotations

import streamlit as st
from PIL import Image

from app import state
from app.explore.result import Result
from app.figures import two_digits
from app.runtime import cache
from app.state import Key
from vit_core import VisionTransformer
from vit_core.checkpoints import split_input
from vit_core.images import FRAMINGS, reframed
from vit_core.images.framing import is_size, largest_size, native_size, size_step
from vit_core.models.parameters import multiplications

SIDES = (224, 336, 448, 518, 768, 1024)  # pixels of what is offered, before rounding to whole patches
SMALL_SIDE = 150  # pixels; models with a smaller input of their own are offered multiples of it
FACTORS = (1.5, 2, 3, 4)
MAX_PATCHES = {"cpu": 1_500, "other": 5_500}  # by device: 518 and 1,022 pixels with patches of 14


def offered(model: VisionTransformer) -> list[int | None]:
    """The input sizes to choose from, pixels of the side; the model's own, None, first."""
    own, step = native_size(model), size_step(model.config)
    sides = [own * factor for factor in FACTORS] if own and own < SMALL_SIDE else SIDES
    most = largest_size(model.config)
    sizes = {min(most, step * max(1, round(side / step))) for side in sides}
    return [None, *sorted(size for size in sizes - {own} if _is_offered(model, size))]


def _is_offered(model: VisionTransformer, size: int) -> bool:
    """Whether the model can have this size, and its device is fast enough for it."""
    ph, pw = model.config.patch_size
    device = next(model.parameters()).device.type
    limit = MAX_PATCHES.get(device, MAX_PATCHES["other"])
    return is_size(model.config, size) and (size // ph) * (size // pw) <= limit


def allows_whole(model: VisionTransformer) -> bool:
    """Whether the model can take grids that are not square."""
    return model.config.position != "rope"


def fitting(model: VisionTransformer) -> tuple[int | None, str]:
    """(size, framing) that the session asks for; this model's own in place of what it cannot have."""
    size, framing = state.get(Key.SIZE), state.get(Key.FRAMING)
    if not isinstance(size, int) or size == native_size(model) or not _is_offered(model, size):
        size = None
    if framing not in FRAMINGS or not allows_whole(model):
        framing = "crop"
    return size, framing


def corrected(model: VisionTransformer) -> tuple[int | None, str]:
    """As `fitting`, which then is also what the session asks for."""
    size, framing = fitting(model)
    _choose(size, framing)
    return size, framing


def _choose(size: int | None, framing: str) -> None:
    state.put(Key.SIZE, size)
    state.put(Key.FRAMING, None if framing == "crop" else framing)


def input_shape(model: VisionTransformer, picture: Image.Image, size: int | None, framing: str) -> tuple[int, int]:
    """(height, width) of the input that the picture becomes, pixels."""
    return reframed(model, size, framing).transform.input_size((picture.height, picture.width))


def grid_of(model: VisionTransformer, shape: tuple[int, int]) -> tuple[int, int]:
    """(rows, cols) of patches of an input of that shape."""
    return shape[0] // model.config.patch_size[0], shape[1] // model.config.patch_size[1]


def estimated_seconds(name: str, picture: Image.Image, size: int | None, framing: str) -> float | None:
    """About how long a forward pass takes, from this model's passes so far; None before the first."""
    model, plain = cache.model(name), split_input(name)[0]
    rows, cols = grid_of(model, input_shape(model, picture, size, framing))
    tokens = model.config.num_prefix_tokens + rows * cols
    known = [(key, seconds) for key, seconds in list(cache.last_durations().items()) if isinstance(key, tuple)]
    passes = [(key[1], seconds) for key, seconds in known if key[0] == plain and isinstance(key[1], int)]
    work = multiplications(model, tokens)
    # The fastest of them: a model's first pass, and those that waited for others, took longer than passes take.
    return min((seconds * work / multiplications(model, before) for before, seconds in passes), default=None)


def control(result: Result, *, key: str) -> None:
    """A button that names the input, and under it the choice of size and framing."""
    t, picture = state.t(), result.picture
    name, chosen, framing = split_input(result.name)
    model = cache.model(name)
    height, width = result.trace.crop.input
    label = t("input.button.whole" if framing == "whole" else "input.button", height=height, width=width)
    sizes = offered(model)
    if chosen not in sizes:  # from the address
        sizes = [None, *sorted([*sizes[1:], chosen])]
    # Each choice has a popover of its own, so that choosing closes it.
    widget = f"{key}_{t.language}_{result.name}_{result.digest[:8]}"
    with st.container(key=key, width="content"), st.popover(label, icon=":material/aspect_ratio:", key=widget):
        st.markdown(t("input.text"))
        names, captions = [], []
        for size in sizes:
            shape = input_shape(model, picture, size, framing)
            rows, cols = grid_of(model, shape)
            parts = [t("input.grid" if rows == cols else "input.grid.oblong", rows=rows, cols=cols)]
            if seconds := estimated_seconds(name, picture, size, framing):
                parts.append(t("input.time", time=t("time.s", value=two_digits(seconds))))
            names.append(t("input.size", height=shape[0], width=shape[1]))
            captions.append(" · ".join(parts + [t("input.own")] * (size is None)))
        size = st.radio(
            t("input.sizes"),
            range(len(sizes)),
            index=sizes.index(chosen),
            format_func=names.__getitem__,
            captions=captions,
            key=f"{widget}_size",
        )
        extent = st.segmented_control(
            t("input.framing"),
            FRAMINGS,
            default=framing,
            required=True,
            format_func=lambda one: t(f"input.framing.{one}"),
            key=f"{widget}_framing",
            disabled=not allows_whole(model),
        )
        if not allows_whole(model):
            st.caption(t("input.framing.rotary"))
    if (sizes[size], extent) != (chosen, framing):
        _choose(sizes[size], extent)
        st.rerun()


def fields(*, key: str) -> tuple[int | None, str]:
    """Input size and framing for an evaluation, whose model need not be loaded yet: two fields side by side."""
    t = state.t()
    left, right = st.columns(2)
    size = left.number_input(
        t("input.pixels"),
        min_value=1,
        value=None,
        step=1,
        placeholder=t("input.pixels.own"),
        help=t("input.pixels.help"),
        key=f"{key}_size",
        persist_state="session",
    )
    framing = right.segmented_control(
        t("input.framing"),
        FRAMINGS,
        default="crop",
        required=True,
        format_func=lambda one: t(f"input.framing.{one}"),
        key=f"{key}_framing",
        persist_state="session",
    )
    return size, framing
