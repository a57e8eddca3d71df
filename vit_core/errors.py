"""InputError, which everything raises for input that cannot be used."""

from __future__ import annotations

import json


class InputError(ValueError):
    """Input from outside (a picture, a checkpoint, a name, an option) cannot be used.

    `str(error)` is an English sentence that says what to do. `code` is a stable identifier such as "image-truncated",
    `values` are the facts in the sentence; a front end translates from both. Command line tools print the sentence and
    exit with 2.
    """

    def __init__(self, code: str, sentence: str, **values):
        super().__init__(sentence)
        self.code, self.values = code, values

    def to_json(self) -> str:
        """Code, sentence and values as a JSON object, for files and tables. Values without a JSON form become text."""
        stored = {"code": self.code, "sentence": str(self), "values": self.values}
        # A file name may hold bytes that are not UTF-8; JSON's escapes keep them.
        return json.dumps(stored, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace").decode("utf-8")

    @classmethod
    def from_json(cls, text: str) -> InputError:
        """The error that `to_json` wrote."""
        stored = json.loads(text)
        return cls(stored["code"], stored["sentence"], **stored["values"])
