"""The one error that bad input raises."""

from __future__ import annotations


class InputError(ValueError):
    """Something a person gave us (a picture, a checkpoint, a name, an option) cannot be used.

    str(error) is an English sentence they can act on. `code` is a stable identifier such as
    "image-truncated", by which a front end finds its own wording; `values` are the facts the
    sentence was made from. Command line tools print the sentence and exit with 2.
    """

    def __init__(self, code: str, sentence: str, **values):
        super().__init__(sentence)
        self.code, self.values = code, values
