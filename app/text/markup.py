"""HTML that is escaped by how it is made: text becomes markup through `tag` alone."""

from __future__ import annotations

import functools
import html
import json
import re
from pathlib import Path

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # HTML has no place for them


class Markup(str):
    """Text that is HTML already."""

    def _repr_html_(self) -> str:
        """What Streamlit asks for, or it would look on the disk for a file of that name."""
        return str(self)


def tag(element: str, /, *inside: str | Markup | None, **attributes) -> Markup:
    """An element. Text inside and attributes' values are escaped, whatever they are. In attributes' names `_` is `-`,
    and one at the end is nothing; those that are None are left out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{element}{given}>{joined(*inside)}</{element}>")


def alone(element: str, /, **attributes) -> Markup:
    """An element that has no inside."""
    return Markup(tag(element, **attributes).removesuffix(f"</{element}>"))


def joined(*parts: str | Markup | None) -> Markup:
    return Markup("".join(part if isinstance(part, Markup) else text(part) for part in parts if part is not None))


@functools.cache
def style(file: Path) -> Markup:
    """A style sheet as an element; it is read once."""
    return Markup(f"<style>{file.read_text(encoding='utf-8')}</style>")


def css_words(selector: str, **words: str) -> Markup:
    """A style element that sets --name to each word beneath `selector`, for style sheets' `content: var(--name)`."""
    values = "".join(f"--{name}: {json.dumps(word, ensure_ascii=False)};" for name, word in words.items())
    return Markup(f"<style>{selector} {{{values}}}</style>")


def text(value: object) -> str:
    """Anything as HTML's text, or an attribute's value."""
    return html.escape(_UNSEEN.sub("\ufffd", str(value)))
