"""Makes names that other people wrote (classes, files) safe to show in sentences."""

from __future__ import annotations

import re
import string

#: Control characters, and characters that change the writing direction.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_PUNCTUATION = re.compile(f"([{re.escape(string.punctuation)}])")


def plain(name: object, limit: int = 120) -> str:
    """A name as one short line of plain text."""
    line = _UNSEEN.sub("\ufffd", re.sub(r"[\t\r\n]+", " ", str(name)))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def escaped(name: object, limit: int = 120) -> str:
    """A name for a sentence in Markdown, escaped so that it is no HTML, emphasis, link, formula or icon.

    Backslashes escape Markdown. Streamlit then still replaces :icons: and :colours[], so a character without width
    follows each colon. The name is isolated, so that a right-to-left name does not reorder the sentence.
    """
    line = _PUNCTUATION.sub(r"\\\1", plain(name, limit)).replace(r"\:", "\\:\u2060")
    return f"\u2068{line}\u2069"
