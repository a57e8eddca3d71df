"""A download's button, progress and outcome, for every page."""

from __future__ import annotations

import streamlit as st

from app import state
from app.figures import two_digits
from app.runtime import cache
from app.runtime.downloads import Download, Fetch
from app.text.plain import escaped

REFRESH_SECONDS = 0.5


def download_box(key: str, fetch: Fetch, label: str, *, help: str | None = None) -> Download | None:
    """Draw a button called `label` that starts the download `key`, or the progress of the running one with a button
    that cancels it. Returns the last Download of that key, which other sessions may have started.

    The whole page is drawn again when the download has ended. Where it failed or was cancelled, the box says so and has
    a button that continues it.
    """
    download = cache.downloads().find(key)
    if download is not None and download.running:
        st.fragment(_progress, run_every=REFRESH_SECONDS)(key)
        return download
    if download is not None and download.state != "finished":
        label = _outcome(download)
    st.button(
        label,
        key=f"download {key}",
        on_click=lambda: cache.downloads().start(key, fetch),
        icon=":material/download:",
        width="stretch",
        help=help,
    )
    return download


def _progress(key: str) -> None:
    """How far the download is. Reruns the page once it has ended."""
    t, download = state.t(), cache.downloads().find(key)
    if download is None or not download.running:
        st.rerun()
    if download.total:
        share = min(1.0, download.done / download.total)
    else:
        share = 0.0
    st.progress(share, text=progress_text(download))
    if st.button(t("download.cancel"), key=f"cancel {key}", icon=":material/close:", width="stretch"):
        download.cancel()
        st.rerun()


def progress_text(download: Download) -> str:
    """What is there, of how much, how fast, and how long the rest takes."""
    t = state.t()
    if not download.done and not download.total:
        return t("download.starts")
    done = f"{download.done / 1e6:,.0f}"
    if download.total is None:
        parts = [t("download.done", done=done)]
    else:
        parts = [t("download.done.of", done=done, total=f"{download.total / 1e6:,.0f}")]
    if rate := download.rate:
        parts.append(t("download.rate", rate=two_digits(rate / 1e6)))
        if download.total:
            parts.append(t("download.left", time=_duration((download.total - download.done) / rate)))
    return " · ".join(parts)


def _duration(seconds: float) -> str:
    t = state.t()
    if seconds >= 90:
        return t("download.minutes", value=f"{seconds / 60:,.0f}")
    return t("time.s", value=f"{seconds:.0f}")


def _outcome(download: Download) -> str:
    """Say why there is no file. Returns the label of the button that continues."""
    t = state.t()
    if download.error:
        st.error(escaped(t.error(download.error), 2000), icon=":material/cloud_off:")
        return t("download.again")
    if download.done >= 1e6:
        st.caption(t("download.cancelled.kept", done=f"{download.done / 1e6:,.0f}"))
    else:
        st.caption(t("download.cancelled"))
    return t("download.resume")
