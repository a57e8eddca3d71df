"""Style elements for Streamlit pages."""

from __future__ import annotations

import functools
import json
from pathlib import Path


class Html(str):
    """HTML for `st.html`, which would otherwise look on the disk for a file of that name."""

    def _repr_html_(self) -> str:
        return str(self)


@functools.cache
def style(*files: Path) -> Html:
    """Style sheets as one element; the files are read once."""
    return Html(f"<style>{''.join(file.read_text(encoding='utf-8') for file in files)}</style>")


def css_words(selector: str, **words: str) -> Html:
    """A style element that sets --name to each word beneath `selector`, for style sheets' `content: var(--name)`."""
    values = "".join(f"--{name}: {json.dumps(word, ensure_ascii=False)};" for name, word in words.items())
    return Html(f"<style>{selector} {{{values}}}</style>")
