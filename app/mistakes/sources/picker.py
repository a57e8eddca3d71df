"""Choosing a folder, a table or an archive by walking through the server's folders. Widgets only."""

from __future__ import annotations

import os

import streamlit as st

from app import state
from app.components.folders.component import folder_list
from app.mistakes import requests
from app.mistakes.sources import folders
from app.mistakes.sources.folders import ARCHIVES, TABLES, Entry, FolderError, Listing
from app.runtime.guard import is_public
from app.state import Key
from app.text.plain import escaped, plain

#: The files that each field takes, by their endings; the first field takes folders too.
ENDINGS = {"source": (*TABLES, *ARCHIVES), "labels": TABLES, "table": TABLES}


def roots() -> list[str]:
    """The folders that may be browsed; none on a public server whose owner named none."""
    return folders.allowed_roots(is_public())


def button(field: str) -> None:
    """A button that opens or closes the picker of a field, which begins at the path that the field then holds."""
    t, shown = state.t(), state.get(Key.BROWSING) == field

    def toggle() -> None:
        state.put(Key.BROWSING, None if shown else field)
        state.put(Key.BROWSED, folders.nearest_folder(typed_path(field), roots()))

    label = t("mistakes.browse.close" if shown else "mistakes.browse")
    st.button(label, key=f"browse_{field}", icon=":material/folder_open:", on_click=toggle)


def typed_path(field: str) -> str:
    """What a field holds: the name of a source, or a path, made absolute."""
    name = (state.get(f"new_{field}") or "").strip()
    return name if not name or requests.is_named(name) else os.path.abspath(os.path.expanduser(name))


@st.fragment(key="picker")
def show(field: str) -> None:
    """The folder that is being browsed for this field. Choosing puts it into the field."""
    if state.get(Key.BROWSING) != field:  # just chosen: the page draws the field
        st.rerun()
    t, allowed = state.t(), roots()
    path = str(state.get(Key.BROWSED) or "")
    with st.container(key="browse_bar", horizontal=True, vertical_alignment="center", gap="small"):
        try:
            listing = folders.list_entries(path, allowed, ENDINGS[field])
        except FolderError as error:
            listing = None
            st.error(error_markdown(error))
        up = listing.up if listing else None
        st.button(
            t("mistakes.browse.up"),
            icon=":material/arrow_upward:",
            key="browse_up",
            disabled=up is None,
            on_click=state.put,
            args=(Key.BROWSED, up),
        )
        for number, place in enumerate(folders.places(allowed)):
            st.button(
                escaped(os.path.basename(place) or place, 20),
                help=escaped(place, 300),
                type="tertiary",
                key=f"browse_place_{number}",
                disabled=place == path,
                on_click=state.put,
                args=(Key.BROWSED, place),
            )
    if listing:
        _show_listing(listing, field)


def _show_listing(listing: Listing, field: str) -> None:
    t = state.t()
    # A path longer than the line is cut in front: its end says more.
    st.markdown(f"**{escaped(listing.path if len(listing.path) < 70 else '…' + listing.path[-69:])}**")
    rows = [{"name": one.name, "kind": "folder", "detail": _detail(one)} for one in listing.folders]
    rows += [{"name": name, "kind": "file", "detail": ""} for name in listing.files]

    def opened() -> None:
        asked = state.get("browse_list")["open"] or {}
        name = asked.get("name")
        if asked.get("path") != listing.path:
            return
        if name in listing.files:
            _choose(field, os.path.join(listing.path, name))
        elif any(one.name == name for one in listing.folders):
            state.put(Key.BROWSED, os.path.join(listing.path, name))

    folder_list(
        listing.path, rows, t("mistakes.browse.list", path=plain(listing.path)), key="browse_list", on_open=opened
    )
    if listing.here.more:
        st.caption(t("mistakes.browse.cut", count=f"{folders.MAX_ENTRIES:,}"))
    elif listing.left_out:
        st.caption(t("mistakes.browse.left_out", count=f"{listing.left_out:,}"))
    elif not rows:
        st.caption(t("mistakes.browse.empty"))
    if field == "source":
        found = _detail(listing.here)
        st.button(
            t("mistakes.browse.choose", what=found or t("mistakes.browse.nothing")),
            key="browse_choose",
            type="primary",
            disabled=not found,
            on_click=_choose,
            args=(field, listing.path),
        )


def error_markdown(error: FolderError) -> str:
    """The sentence about a path that cannot be listed."""
    return state.t()(f"mistakes.browse.{error.why}", path=escaped(error.path, 300))


def _detail(one: Entry) -> str:
    """How many pictures and folders lie directly in a folder; empty if that was not counted."""
    t, plus = state.t(), "+" if one.more else ""
    counts = {"pictures": one.pictures, "folders": one.folders}
    return " · ".join(t(f"mistakes.browse.{what}", count=f"{n:,}{plus}") for what, n in counts.items() if n)


def _choose(field: str, path: str) -> None:
    state.put(f"new_{field}", path)
    state.put(Key.BROWSING, None)
