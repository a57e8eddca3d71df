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
def style(file: Path) -> Html:
    """A style sheet as an element; the file is read once."""
    return Html(f"<style>{file.read_text(encoding='utf-8')}</style>")


def css_words(selector: str, **words: str) -> Html:
    """A style element that sets --name to each word beneath `selector`, for style sheets' `content: var(--name)`."""
    values = "".join(f"--{name}: {json.dumps(word, ensure_ascii=False)};" for name, word in words.items())
    return Html(f"<style>{selector} {{{values}}}</style>")
