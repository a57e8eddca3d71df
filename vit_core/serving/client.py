"""Forward passes in another process: the client of `server`, and what both send. Needs no ray.

A model input is sent and a trace's tensors come back, both as safetensors, which cannot run code. Both ends have the
model; its digest is sent along, so that no other model answers. The same input gives the same trace, so a request that
a killed replica or a cut connection loses is repeated.
"""

from __future__ import annotations

import dataclasses
import http.client
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from vit_core.attention.trace import Picture, Trace, prepare
from vit_core.errors import InputError
from vit_core.models.digest import cached_weights_digest
from vit_core.models.vit import VisionTransformer

PATH = "/v1/record"
MODEL_HEADER = "X-Vitrine-Model"  # the model's digest
MAX_INPUT_BYTES = 64 << 20  # of a model input: 2,364 x 2,364 pixels
TIMEOUT_SECONDS = 120.0  # for one answer
RETRY_SECONDS = 30.0  # for which a lost request is repeated
TRACE_TENSORS = ("queries", "keys", "token_norms", "tokens", "logits", "mean_attention")


def pack_input(images: Tensor) -> bytes:
    """A model input (1, C, height, width) as bytes."""
    return save({"images": images.detach().cpu().contiguous()})


def unpack_input(model: VisionTransformer, data: bytes) -> Tensor:
    """The model input that `pack_input` packed. Raises InputError "serve-format", "tensor-shape"."""
    images = _load_tensors(data).get("images")
    if images is None:
        raise _format_error("no images")
    return prepare(model, images)[0]


def pack_trace(trace: Trace) -> bytes:
    """A trace's tensors as bytes. The receiver knows its grid, config and crop."""
    found = {name: getattr(trace, name) for name in TRACE_TENSORS}
    return save({name: tensor.detach().cpu().contiguous() for name, tensor in found.items() if tensor is not None})


def unpack_trace(model: VisionTransformer, images: Tensor, crop, data: bytes) -> Trace:
    """The trace that `pack_trace` packed, for the input that was sent; on the model's device, or on the CPU if that has
    no memory left. Raises InputError "serve-format" if its tensors do not fit the model and the input."""
    config, grid, found = model.config, model.grid(images), _load_tensors(data)
    tokens = config.num_prefix_tokens + grid[0] * grid[1]
    inside = (config.depth, config.heads, tokens, config.head_dim)
    shapes = {
        "queries": inside,
        "keys": inside,
        "token_norms": (config.depth + 1, tokens),
        "tokens": (tokens, config.dim),
    }
    if {name: tuple(found[name].shape) for name in shapes if name in found} != shapes:
        raise _format_error("its tensors are not those of this model and picture")
    if "mean_attention" in found and tuple(found["mean_attention"].shape) != (config.depth, tokens, tokens):
        raise _format_error("its attention is not that of this model and picture")
    if ("logits" in found) != (model.head is not None) or not all(t.is_floating_point() for t in found.values()):
        raise _format_error("its tensors are not those of this model")
    with suppress(torch.OutOfMemoryError):  # further computations use the model's weights
        found = {name: tensor.to(next(model.parameters()).device) for name, tensor in found.items()}
    fields: dict[str, Any] = {name: found.get(name) for name in TRACE_TENSORS}
    return Trace(config, grid, crop=crop, **fields)


def _load_tensors(data: bytes) -> dict[str, Tensor]:
    try:
        return load(data)
    except SafetensorError as error:
        raise _format_error(str(error)) from error


def _refusal(body: bytes) -> InputError:
    """The error in the server's answer 400: it could not use the picture, or too many wait in the replica's queue."""
    try:
        error = InputError.from_json(body.decode())
    except (ValueError, TypeError, LookupError, RecursionError):
        return _format_error("HTTP 400")
    return error if error.code == "busy" else _format_error(str(error))


def _format_error(reason: str) -> InputError:
    return InputError(
        "serve-format",
        f"The data received is not a picture or trace ({reason}); use the same version of Vitrine at both ends.",
        reason=reason,
    )


class Remote:
    """Forward passes at `url` (http://host:port), with a Queue's `record`. `local` is a Queue for other models, and for
    inputs larger than MAX_INPUT_BYTES."""

    def __init__(self, url: str, local):
        try:
            parts = urlsplit(url)
            good = parts.scheme == "http" and parts.hostname and parts.path in ("", "/")
            port = parts.port or 80
        except ValueError:  # an invalid port, an open bracket
            good = False
        if not good:
            raise InputError(
                "serve-url",
                f"{url} is not the address of a model server. Write http://127.0.0.1:8000, with the host and port that "
                "it printed.",
                url=url,
            )
        self.url, self.host, self.port, self.local = url, parts.hostname or "", port, local

    def record(self, model: VisionTransformer, picture: Picture) -> Trace:
        """`vit_core.record` of one picture. Raises InputError "busy" if too many wait there, "serve-gone" if no server
        answers for RETRY_SECONDS."""
        images, crop = prepare(model, picture)
        if images.nbytes < MAX_INPUT_BYTES - 4096:
            status, retry, body = self._post(pack_input(images), cached_weights_digest(model))
            if status == 200:
                return unpack_trace(model, images, crop, body)
            if status == 429:
                raise InputError(
                    "busy",
                    f"Too many pictures are waiting for the model; try again in {retry} s.",
                    seconds=retry,
                )
            if status != 409:  # another model's server
                raise _refusal(body) if status == 400 else self._gone_error(f"HTTP {status}")
        found = self.local.record(model, images)
        return dataclasses.replace(found, crop=crop)

    def _post(self, data: bytes, model: str) -> tuple[int, int, bytes]:
        """(status, seconds to wait, body) of the answer; repeats a request that a replica or a connection lost."""
        until, pause = time.monotonic() + RETRY_SECONDS, 0.05
        while True:
            link = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_SECONDS)
            try:
                link.request("POST", PATH, data, {MODEL_HEADER: model, "Content-Type": "application/octet-stream"})
                answer = link.getresponse()
                status, retry, body = answer.status, answer.headers.get("Retry-After", ""), answer.read()
                if status not in (500, 502, 503, 504):
                    return status, int(retry) if retry.isascii() and retry.isdigit() else 1, body
                reason = f"HTTP {status}"
            except ConnectionRefusedError as error:  # no server at all
                raise self._gone_error(error.strerror or str(error)) from error
            except (OSError, http.client.HTTPException) as error:
                reason = f"{type(error).__name__}: {error}"
            finally:
                link.close()
            if time.monotonic() + pause > until:
                raise self._gone_error(reason)
            time.sleep(pause)
            pause = min(1.0, 2 * pause)

    def _gone_error(self, reason: str) -> InputError:
        return InputError(
            "serve-gone",
            f"The server of the model at {self.url} does not answer ({reason}). Try again, or start it.",
            url=self.url,
            reason=reason,
        )
