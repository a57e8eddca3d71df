"""Which rows of an evaluation, and in which order: conditions that become SQL and fit into a URL."""

from __future__ import annotations

import re
from dataclasses import dataclass

OUTCOMES = {  # an unreadable picture is neither right, wrong nor unknown
    "right": "error IS NULL AND label >= 0 AND predicted = label",
    "wrong": "error IS NULL AND label >= 0 AND predicted <> label",
    "unreadable": "error IS NOT NULL",
    "unknown": "error IS NULL AND coalesce(label, -1) < 0",
}
#: The path decides between equal rows, so every order is total and pages never overlap.
ORDERS = {
    "confident": "probability DESC NULLS LAST, ",
    "margin": "margin ASC NULLS LAST, ",
    "loss": "loss DESC NULLS LAST, ",
    "entropy": "entropy DESC NULLS LAST, ",
    "path": "",
}


@dataclass(frozen=True)
class Filter:
    """Which rows, and in which order. All conditions must hold."""

    label: int | None = None  # column label, the model's class; -1: no class of the model
    predicted: int | None = None  # the model's class
    outcome: str | None = None  # one of OUTCOMES
    confidence: tuple[float, float] = (0.0, 1.0)  # of the prediction, both ends included
    query: str = ""  # part of the path; case and Unicode normal form are ignored
    order: str = "confident"  # one of ORDERS

    def __post_init__(self):
        low, high = (float(v) for v in self.confidence)
        if not 0 <= low <= high <= 1:
            raise ValueError(f"confidence must be two numbers, 0 <= low <= high <= 1, not {self.confidence}")
        if self.order not in ORDERS or not (self.outcome is None or self.outcome in OUTCOMES):
            raise ValueError(f"order is one of {[*ORDERS]}, outcome one of {[*OUTCOMES]} or None")
        object.__setattr__(self, "confidence", (low, high))

    def sql(self, several: bool = False) -> tuple[str, list]:
        """An SQL condition with a question mark for each value, and the values. No user's text is in the condition.

        `several`: whether rows have a column "labels"; then a picture passes `label` if it is one of them.
        """
        parts, values = ["true"], []
        if self.label is not None:
            named = several and self.label >= 0
            condition = "list_contains(labels, ?)" if named else "coalesce(label, -1) = ?"
            parts, values = [*parts, condition], [*values, int(self.label)]
        if self.predicted is not None:
            parts, values = [*parts, "predicted = ?"], [*values, int(self.predicted)]
        if self.outcome is not None:
            parts.append(OUTCOMES[self.outcome])
        if self.confidence != (0.0, 1.0):
            parts, values = [*parts, "probability BETWEEN ? AND ?"], [*values, *self.confidence]
        if self.query:  # macOS stores decomposed names, keyboards write composed ones
            parts.append("contains(lower(nfc_normalize(path)), lower(nfc_normalize(?)))")
            values.append(utf8(self.query))
        return " AND ".join(f"({part})" for part in parts), values

    def to_address(self) -> dict[str, str]:
        """The fields that differ from Filter(), as strings for a URL's query."""
        low, high = self.confidence
        values = {
            "label": self.label,
            "predicted": self.predicted,
            "outcome": self.outcome,
            "query": self.query or None,
            "confidence": f"{low!r}-{high!r}" if (low, high) != (0.0, 1.0) else None,
            "order": self.order if self.order != "confident" else None,
        }
        return {key: str(value) for key, value in values.items() if value is not None}

    @classmethod
    def from_address(cls, address: dict) -> Filter:
        """The filter of a URL's query. Unknown keys and invalid values are ignored; never raises."""
        found = {}
        for key, value in dict(address).items():
            if not isinstance(value, str):
                continue
            number = re.fullmatch(r"-1|\d{1,9}", value, re.ASCII)
            if (key in ("label", "predicted") and number) and (key, value) != ("predicted", "-1"):
                found[key] = int(value)
            elif (key == "outcome" and value in OUTCOMES) or (key == "order" and value in ORDERS):
                found[key] = value
            elif key == "confidence" and (ends := re.fullmatch(rf"({_NUMBER})-({_NUMBER})", value, re.ASCII)):
                low, high = float(ends[1]), float(ends[2])
                if low <= high <= 1:
                    found[key] = low, high
            elif key == "query" and value and utf8(value) == value:
                found[key] = value
        return cls(**found)


_NUMBER = r"\d+(?:\.\d+)?(?:e-\d+)?"  # a float from 0 to 1 as `repr` writes it


def utf8(text: str) -> str:
    """The text without lone surrogates, which DuckDB refuses."""
    return text.encode("utf-8", "replace").decode("utf-8")
