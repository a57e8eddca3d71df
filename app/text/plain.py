"""Names that other people wrote (classes, files), made fit to stand among sentences."""

from __future__ import annotations

import re
import string

#: Control characters, and those that turn the direction of the text around them.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_PUNCTUATION = re.compile(f"([{re.escape(string.punctuation)}])")


def plain(name: object, limit: int = 120) -> str:
    """A name as one short line of text, for places where text is text."""
    line = _UNSEEN.sub("\ufffd", re.sub(r"[\t\r\n]+", " ", str(name)))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def escaped(name: object, limit: int = 120) -> str:
    """A name for a sentence in Markdown, where it means itself: no HTML, emphasis, link, formula or icon.

    A backslash does for Markdown. Streamlit looks for :icons: and :colours[] in the text that comes out of that, so a
    colon is followed by a character without width; and the name is isolated, so that one written from right to left
    leaves the sentence as it is.
    """
    line = _PUNCTUATION.sub(r"\\\1", plain(name, limit)).replace(r"\:", "\\:\u2060")
    return f"\u2068{line}\u2069"
