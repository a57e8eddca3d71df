"""What the gallery sends to the browser, as one binary. No Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.components.binary import assemble


def pack(
    items: Sequence[Mapping], thumbnails: Sequence[bytes | None], focus: str | None = None, reports: bool = True
) -> bytes:
    """One page of thumbnails.

    Args:
        items: of each picture "path", "label", "predicted", "detail" (a probability, or why there is none), "outcome"
            and "title".
        thumbnails: WebP; None for a picture that cannot be shown.
        focus: the path that is scrolled into view.
        reports: whether the browser tells once that the thumbnails are on the screen.
    """
    sections = {f"thumbnail {i}": data for i, data in enumerate(thumbnails) if data}
    return assemble({"items": [dict(item) for item in items], "focus": focus, "reports": reports}, sections)
