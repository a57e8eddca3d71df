"""`python -m vit_core serve`: one model behind replicas of Ray Serve, for many apps. `client.Remote` is its client.

Each replica is a process with the model and a Queue, which batches waiting pictures. With `depth` pictures waiting, the
server answers 429 with Retry-After. A killed replica is started again, and clients repeat the requests it lost.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from contextlib import ExitStack
from typing import Any

import vit_core as vc
from vit_core.models.digest import cached_weights_digest
from vit_core.ray_cluster import join_or_start  # before ray, which reads its settings on import
from vit_core.serving import client
from vit_core.serving.queue import MAX_BATCH, Queue

try:
    from ray import serve
    from starlette.requests import Request
    from starlette.responses import Response
except ImportError as error:
    raise vc.InputError(
        "ray-missing",
        "This needs Ray Serve, which is not installed; run `pip install -r requirements-ray.txt`.",
    ) from error

RETRY_SECONDS = 2  # after which a refused client may try again


class Recorder:
    """A replica: records the traces of the pictures that clients send."""

    def __init__(self, name: str, device: str | None, threads: int):
        self.model = vc.load(name, device=device)
        self.queue = Queue(depth=2 * MAX_BATCH, threads=threads)
        self.digest = cached_weights_digest(self.model)

    async def __call__(self, request: Request) -> Response:
        if request.url.path != client.PATH or request.method != "POST":
            return Response(status_code=404)
        if request.headers.get(client.MODEL_HEADER) != self.digest:
            return Response(status_code=409)
        data = bytearray()
        async for part in request.stream():
            data += part
            if len(data) > client.MAX_INPUT_BYTES:
                return Response(status_code=413)
        try:
            return Response(await asyncio.to_thread(self._record, bytes(data)), media_type="application/octet-stream")
        except vc.InputError as error:
            return Response(error.to_json(), status_code=400, media_type="application/json")

    def _record(self, data: bytes) -> bytes:
        return client.pack_trace(self.queue.record(self.model, client.unpack_input(self.model, data)))


def serve_model(name: str, replicas: int, port: int, host: str, depth: int, device: str | None) -> int:
    """Serve until SIGINT or SIGTERM. Raises InputError as `load` does."""
    model = vc.load(name, device=device)
    device = next(model.parameters()).device.type
    threads = max(1, (os.cpu_count() or 1) // replicas)
    options: dict[str, Any] = dict(
        num_replicas=replicas,
        max_ongoing_requests=MAX_BATCH,
        max_queued_requests=depth,
        backpressure_config={"status_code": 429, "retry_after_s": RETRY_SECONDS},
        health_check_period_s=1,
        health_check_timeout_s=10,
        graceful_shutdown_timeout_s=5,
        ray_actor_options={"num_cpus": 1, "num_gpus": 1 / replicas if device == "cuda" else 0},
    )
    if not port:
        with socket.socket() as free:
            free.bind((host, 0))
            port = free.getsockname()[1]
    stop = threading.Event()
    for number in signal.SIGINT, signal.SIGTERM:
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        join_or_start(model, replicas + 2, stack)  # two for Serve's controller and proxy
        del model
        serve.start(proxy_location="HeadOnly", http_options={"host": host, "port": port})
        stack.callback(serve.shutdown)
        app = serve.deployment(Recorder, name="recorder", **options).bind(name, device, threads)
        serve.run(app, name="vitrine", route_prefix="/")
        print(f"{name} on {device}, {replicas} replicas: http://{host}:{port}", flush=True)
        stop.wait()
    return 0
