"""Every sentence the app shows, by language with equal keys. The equations are in `equations`."""

from __future__ import annotations

import re
import string

from vit_core import InputError

from . import (
    atlas,
    compare,
    en,
    errors_ko,
    features,
    ko,
    mistakes,
    mistakes_earlier,
    mistakes_maps,
    mistakes_start,
    models,
    reasons,
)

LANGUAGES = {"ko": "한국어", "en": "English"}
#: No line break inside a size or a share, or between a share and its Korean particle (U+2060).
SENTENCES = {
    language: {
        key: re.sub(
            r"(%|{(?:peak|percent|share|threshold)})(?=[가-힣])",
            "\\1\u2060",
            said.replace(" × ", "\u00a0×\u00a0").replace(" %", "\u00a0%"),
        )
        for key, said in both.items()
    }
    for language, both in (
        (
            "en",
            en.SENTENCES
            | compare.EN
            | mistakes.EN
            | mistakes_earlier.EN
            | mistakes_maps.EN
            | mistakes_start.EN
            | models.EN
            | reasons.EN,
        ),
        (
            "ko",
            ko.SENTENCES
            | compare.KO
            | mistakes.KO
            | mistakes_earlier.KO
            | mistakes_maps.KO
            | mistakes_start.KO
            | models.KO
            | reasons.KO,
        ),
    )
}
ERRORS = {"en": {}, "ko": errors_ko.SENTENCES}  # by code
WORDS = {"en": atlas.EN, "ko": atlas.KO}  # the browser fills them in
#: Of the view Features, likewise; its kinds of features are the atlas'.
FEATURE_WORDS = {
    language: words | {key: word for key, word in WORDS[language].items() if key.startswith("facet")}
    for language, words in (("en", features.EN), ("ko", features.KO))
}
PAIR_WORDS = {"en": compare.PAIR_EN, "ko": compare.PAIR_KO}  # of a comparison, in addition to the atlas'

LISTED = 12  # names spelt out in one message; the others are counted


class _Counted(string.Formatter):
    """Formats "{count:picture|pictures}": a number and its noun, in the singular or the plural."""

    def format_field(self, value, format_spec: str) -> str:
        one, bar, more = format_spec.partition("|")
        return f"{value} {one if str(value) == '1' else more}" if bar else super().format_field(value, format_spec)


class Text:
    """The sentences in one language: `t("key", number=3)`."""

    def __init__(self, language: str):
        self.language = language
        self._sentences = SENTENCES[language]

    def __call__(self, key: str, **values) -> str:
        """The sentence of that key with its placeholders filled in; unchanged without values (plotly's templates)."""
        sentence = self._sentences[key]
        if not values:
            return sentence
        return _Counted().format(sentence, **values) if "|" in sentence else sentence.format(**values)

    def error(self, error: InputError) -> str:
        """An InputError's sentence in this language: its own in English, and where there is no translation."""
        values = {
            name: self._listed(value) if isinstance(value, list) else value for name, value in error.values.items()
        }
        if "differs" in values:
            values["differs"] = self._listed([errors_ko.DIFFERENCES.get(n, n) for n in error.values["differs"]])
        if error.code == "checkpoint-foreign":
            values["kind"] = errors_ko.FOREIGN[error.values["kind"]].format(found=error.values["found"])
        try:
            return ERRORS[self.language][error.code].format(**values)
        except (KeyError, IndexError, ValueError):
            return str(error)

    def origin(self, origin: str) -> str:
        """Where a fact about a model came from: a file or a setting as it is, a phrase of the core in this language."""
        for phrase, translated in errors_ko.ORIGINS.items() if self.language == "ko" else ():
            if match := re.fullmatch(re.escape(phrase).replace(r"\{\}", "(.*)"), origin, re.DOTALL):
                return translated.format(*match.groups())
        return origin

    def _listed(self, names: list) -> str:
        """Names for a sentence: the first dozen, then the number of others."""
        joined = ", ".join(map(str, names[:LISTED]))
        return (
            self("list.more", names=joined, count=len(names) - LISTED)
            if len(names) > LISTED
            else joined or self("list.none")
        )

    def token(self, name: str) -> str:
        """A prefix token's name: "class", "distillation" or "register 3"."""
        kind, _, number = name.partition(" ")
        return self(f"token.{kind}", number=number)
