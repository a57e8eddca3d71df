"""Which class of the pictures is which of the model's: one select box for each, before anything runs. Widgets only."""

from __future__ import annotations

import streamlit as st

from app import state
from app.mistakes.sources.preview import EvaluationPreview, mapping_text, table_name
from app.state import Key
from app.text.class_names import translations
from app.text.plain import escaped, plain
from vit_core.data.named import class_title

SHOWN = 5  # select boxes at a time


def current(preview: EvaluationPreview) -> dict[str, int]:
    """{class of the pictures: number of the model's class, -1 for none}, as the boxes have it."""
    asked, chosen = state.get(Key.MAPPING) or (None, {})
    found = dict(zip(preview.names, preview.target, strict=True))
    return found | chosen if asked == preview.request else found


def is_changed(preview: EvaluationPreview) -> bool:
    """Whether somebody has chosen something else than what was found."""
    return tuple(current(preview).values()) != preview.target


def _choose(preview: EvaluationPreview, chosen: dict[str, int]) -> None:
    state.put(Key.MAPPING, (preview.request, current(preview) | chosen))


def show(preview: EvaluationPreview) -> None:
    """The boxes, those of unknown classes first, a few at a time; suggestions stand first in each."""
    t, mapping = state.t(), current(preview)
    unknown = [name for name, number in zip(preview.names, preview.target, strict=True) if number < 0]
    order = unknown + [name for name in preview.names if name not in set(unknown)]
    open_ones = {name: found[0] for name in unknown if mapping[name] < 0 and (found := preview.suggestions.get(name))}
    st.caption(t("mistakes.map.classes.text"))
    with st.container(horizontal=True, vertical_alignment="center"):
        if open_ones:
            st.button(
                t("mistakes.map.classes.accept", count=f"{len(open_ones):,}"),
                icon=":material/done_all:",
                key="mapping_accept",
                on_click=_accept,
                args=(preview, open_ones),
            )
        if is_changed(preview):
            st.download_button(
                t("mistakes.map.classes.save"),
                mapping_text(preview, mapping).encode("utf-8-sig", "backslashreplace"),
                table_name(preview),
                "text/csv",
                icon=":material/download:",
                key="mapping_save",
                on_click="ignore",
            )
    pages = -(-len(order) // SHOWN)
    page = 0
    if pages > 1:
        page = (
            st.segmented_control(
                t("mistakes.map.classes.page"),
                range(pages),
                default=0,
                required=True,
                format_func=lambda number: f"{number * SHOWN + 1}–{min(len(order), (number + 1) * SHOWN)}",
                key=f"mapping_page_{len(order)}",
                label_visibility="collapsed",
            )
            if pages <= 8
            else st.number_input(t("mistakes.map.classes.page"), 1, pages, key=f"mapping_page_{len(order)}") - 1
        )
    words = translations(preview.request.model, t.language, preview.labels)
    titles = [plain(words.get(label, label), 60) for label in preview.labels]
    for place, name in enumerate(order[page * SHOWN : (page + 1) * SHOWN], page * SHOWN):
        _box(preview, place, name, mapping[name], titles)


def _accept(preview: EvaluationPreview, suggested: dict[str, int]) -> None:
    _choose(preview, suggested)
    state.put(Key.MAPPING_VERSION, state.get(Key.MAPPING_VERSION, 0) + 1)


def _box(preview: EvaluationPreview, place: int, name: str, number: int, titles: list[str]) -> None:
    """One class of the pictures at the left, a searchable box with the model's classes at the right."""
    t, suggested = state.t(), preview.suggestions.get(name, [])
    rest = sorted(set(range(len(titles))) - set(suggested), key=lambda n: titles[n].casefold())
    options = [*suggested, *rest]
    key = f"mapping_{place}_{t.language}_{preview.request.id}_{state.get(Key.MAPPING_VERSION, 0)}"

    def changed() -> None:
        chosen = state.get(key)
        _choose(preview, {name: -1 if chosen is None else chosen})

    left, right = st.columns([2, 3], vertical_alignment="center", gap="small")
    left.markdown(escaped(class_title(name), 60))
    right.selectbox(
        plain(name),
        options,
        index=options.index(number) if number >= 0 else None,
        key=key,
        format_func=lambda n: f"★ {titles[n]}" if n in suggested else titles[n],
        placeholder=t("mistakes.map.classes.none"),
        label_visibility="collapsed",
        on_change=changed,
    )
