"""The InputErrors that several checkpoint readers raise, and how a file's names and texts appear in sentences."""

from __future__ import annotations

from collections.abc import Iterable

from vit_core.errors import InputError

_MAX_NAMES = 12  # spelt out in one sentence; the rest is counted
_MAX_CHARACTERS = 200  # of a file's text in a sentence
_SENTENCES = {
    "checkpoint-format": "{source} cannot be read as a checkpoint: {why}. Choose a .safetensors, .pth, .pt, .bin, "
    ".ckpt or .pth.tar file of named floating-point weights.",
    "checkpoint-header": "{source} is not a valid safetensors file: {why}. Download it again, or save the weights "
    "again.",
    "checkpoint-architecture": "{source} is not a Vision Transformer that can be shown: {why}. ViT, DeiT, DINOv2, "
    "DINOv3, CLIP and SigLIP of timm or transformers can.",
    "checkpoint-config": "{source}: its configuration describes no model that can be built: {why}. Use the files "
    "published with these weights.",
}


def shorten(text: object) -> str:
    """A text from a file, short enough for a sentence."""
    text = str(text)
    return text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + "…"


def join_names(names: Iterable) -> str:
    """Names for a sentence: the first dozen, then how many more."""
    names = list(names)
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(shorten(n) for n in names[:_MAX_NAMES]) + more


def first_line(error: Exception) -> str:
    """The first line of an exception's text, shortened; its type if it has no text."""
    return shorten((str(error).splitlines() or [""])[0] or type(error).__name__)


def refusal(code: str, source: str, why: object, reason: str | None = None, **values) -> InputError:
    """The InputError `code` (one of `_SENTENCES`) about the checkpoint called `source`.

    `why` completes the English sentence. `reason` is the same in the file's own terms, which a translation can quote;
    without it, `why` is.
    """
    why = shorten(why) if isinstance(why, Exception) else why
    sentence = _SENTENCES[code].format(source=source, why=why)
    return InputError(code, sentence, source=source, reason=why if reason is None else reason, **values)


def windowed(source: str, size: str) -> InputError:
    """The InputError "checkpoint-windowed", which names a plain Vision Transformer of about that size ("small", "base"
    or "large")."""
    plain = f"timm:vit_{size if size in ('small', 'base') else 'large'}_patch16_224"
    return InputError(
        "checkpoint-windowed",
        f"{source} has windowed attention: its tokens look only at their own window of the picture, which Vitrine does "
        f"not support. Choose a plain Vision Transformer, for example {plain}.",
        source=source,
        plain=plain,
    )


def not_found(what: str, source: str, why: str = "") -> InputError:
    """The InputError "checkpoint-not-found" for the file or folder `what`."""
    return InputError(
        "checkpoint-not-found",
        f"There is no file that can be read: {what}{why}. Check its name, its folder and its permissions; a model on "
        "the Hugging Face hub is written hf:owner/name.",
        source=source,
        path=what,
    )
