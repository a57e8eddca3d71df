"""Forward passes in another process: what is sent there and what comes back, and who sends it. Needs no ray.

A model input goes out and a trace's tensors come back, both as safetensors: nothing in them can run. The model itself
is at both ends; its fingerprint goes along, so that no other one answers. Same input, same trace: whatever is lost on
the way, a killed replica or a cut connection, is asked for again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import http.client
import json
import time
import weakref
from contextlib import suppress
from urllib.parse import urlsplit

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from vit_core.attention.trace import Picture, Trace, prepare
from vit_core.errors import InputError
from vit_core.models.vit import VisionTransformer

PATH = "/v1/record"
MODEL = "X-Vitrine-Model"  # the header with the fingerprint
LIMIT = 64 << 20  # bytes of a model input: 2,364 x 2,364 pixels
TIMEOUT = 120.0  # seconds for one answer
PATIENCE = 30.0  # seconds for which what is lost is asked for again
PARTS = ("queries", "keys", "token_norms", "tokens", "logits", "mean_attention")


_fingerprints: weakref.WeakKeyDictionary[VisionTransformer, str] = weakref.WeakKeyDictionary()


def fingerprint(model: VisionTransformer) -> str:
    """Of architecture and weights; equal only for models that answer alike. Computed once a model."""
    if model not in _fingerprints:
        _fingerprints[model] = _digest(model)
    return _fingerprints[model]


def _digest(model: VisionTransformer) -> str:
    digest = hashlib.sha256(repr(model.config).encode())
    for name, weight in sorted(model.state_dict().items()):
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        digest.update(weight.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def packed_input(images: Tensor) -> bytes:
    """A model input (1, C, height, width) for the way."""
    return save({"images": images.detach().cpu().contiguous()})


def unpacked_input(model: VisionTransformer, data: bytes) -> Tensor:
    """The other way. Raises InputError "serve-format", "tensor-shape"."""
    images = _loaded(data).get("images")
    if images is None:
        raise _format("no images")
    return prepare(model, images)[0]


def packed_trace(trace: Trace) -> bytes:
    """A trace's tensors for the way; its grid, config and crop are known at the other end."""
    found = {name: getattr(trace, name) for name in PARTS}
    return save({name: tensor.detach().cpu().contiguous() for name, tensor in found.items() if tensor is not None})


def unpacked_trace(model: VisionTransformer, images: Tensor, crop, data: bytes) -> Trace:
    """The other way, for the input that was sent: on the model's device, or where that has no memory on the CPU. Raises
    InputError "serve-format" where it cannot be its trace."""
    config, grid, found = model.config, model.grid(images), _loaded(data)
    length = config.num_prefix_tokens + grid[0] * grid[1]
    inside = (config.depth, config.heads, length, config.head_dim)
    shapes = {
        "queries": inside,
        "keys": inside,
        "token_norms": (config.depth + 1, length),
        "tokens": (length, config.dim),
    }
    if {name: tuple(found[name].shape) for name in shapes if name in found} != shapes:
        raise _format("its tensors are not those of this model and picture")
    if "mean_attention" in found and tuple(found["mean_attention"].shape) != (config.depth, length, length):
        raise _format("its attention is not that of this model and picture")
    if ("logits" in found) != (model.head is not None) or not all(t.is_floating_point() for t in found.values()):
        raise _format("its tensors are not those of this model")
    with suppress(torch.OutOfMemoryError):  # what is derived from it meets the model's weights
        found = {name: tensor.to(next(model.parameters()).device) for name, tensor in found.items()}
    return Trace(config, grid, crop=crop, **{name: found.get(name) for name in PARTS})


def _loaded(data: bytes) -> dict[str, Tensor]:
    try:
        return load(data)
    except SafetensorError as error:
        raise _format(str(error)) from error


def _refused(body: bytes) -> InputError:
    """What the server says of a picture that it could not use, or that one too many waits in its own line."""
    try:
        said = json.loads(body)
        code, sentence = said["code"], str(said["sentence"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return _format("HTTP 400")
    return InputError("busy", sentence) if code == "busy" else _format(sentence)


def _format(reason: str) -> InputError:
    return InputError("serve-format", f"What came over the network is no picture or trace ({reason}).", reason=reason)


class Remote:
    """Forward passes at `url` (http://host:port), with a Queue's `record`; `local` is a Queue, and runs what is not
    served there: other models, and inputs past LIMIT."""

    def __init__(self, url: str, local):
        try:
            parts = urlsplit(url)
            good = parts.scheme == "http" and parts.hostname and parts.path in ("", "/")
            port = parts.port or 80
        except ValueError:  # a port that is none, an open bracket
            good = False
        if not good:
            raise InputError(
                "serve-url",
                f"{url} is no address of a server of models. Write http://127.0.0.1:8000, "
                "with the host and port that it said.",
                url=url,
            )
        self.url, self.host, self.port, self.local = url, parts.hostname, port, local

    def record(self, model: VisionTransformer, picture: Picture) -> Trace:
        """As `vit_core.record` of one picture. Raises InputError, "busy" where too many wait there, "serve-gone" where
        no server is, or none answers for PATIENCE seconds."""
        images, crop = prepare(model, picture)
        if images.nbytes < LIMIT - 4096:
            status, retry, body = self._asked(packed_input(images), fingerprint(model))
            if status == 200:
                return unpacked_trace(model, images, crop, body)
            if status == 429:
                raise InputError(
                    "busy",
                    f"As many pictures as may are waiting for the model already; try again in {retry} s.",
                    seconds=retry,
                )
            if status != 409:  # another model's server
                raise _refused(body) if status == 400 else self._gone(f"HTTP {status}")
        found = self.local.record(model, images)
        return dataclasses.replace(found, crop=crop)

    def _asked(self, data: bytes, model: str) -> tuple[int, int, bytes]:
        """Status, seconds to wait, and body; asked again where a replica or a connection was lost."""
        until, pause = time.monotonic() + PATIENCE, 0.05
        while True:
            link = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT)
            try:
                link.request("POST", PATH, data, {MODEL: model, "Content-Type": "application/octet-stream"})
                answer = link.getresponse()
                status, retry, body = answer.status, answer.headers.get("Retry-After", ""), answer.read()
                if status not in (500, 502, 503, 504):
                    return status, int(retry) if retry.isascii() and retry.isdigit() else 1, body
                reason = f"HTTP {status}"
            except ConnectionRefusedError as error:  # nobody is there at all: no replica that comes back
                raise self._gone(error.strerror or str(error)) from error
            except (OSError, http.client.HTTPException) as error:
                reason = f"{type(error).__name__}: {error}"
            finally:
                link.close()
            if time.monotonic() + pause > until:
                raise self._gone(reason)
            time.sleep(pause)
            pause = min(1.0, 2 * pause)

    def _gone(self, reason: str) -> InputError:
        return InputError(
            "serve-gone",
            f"The server of the model at {self.url} does not answer ({reason}). Try again, or start it.",
            url=self.url,
            reason=reason,
        )
