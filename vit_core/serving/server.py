"""`python -m vit_core serve`: one model behind replicas of Ray Serve, for many apps. `client.Remote` asks it.

Each replica is a process with the model and a Queue of its own, so that what waits goes together. Past `depth` waiting
it answers 429 with Retry-After. A replica that is killed is started again; who waited for it asks again.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from contextlib import ExitStack

import vit_core as vc
from vit_core.evaluation import ray_engine  # the settings of ray come with it, before ray
from vit_core.serving import client  # the settings of ray come with it, before ray
from vit_core.serving.queue import BATCH, Queue

try:
    from ray import serve
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
except ImportError as error:
    raise vc.InputError(
        "serve-missing",
        "Serving models needs Ray Serve, which is not installed; run `pip install -r requirements-ray.txt`.",
    ) from error

AGAIN = 2  # seconds after which a refused picture may come again


class Recorder:
    """A replica."""

    def __init__(self, name: str, device: str | None, threads: int):
        self.model = vc.load(name, device=device)
        self.queue = Queue(depth=2 * BATCH, threads=threads)
        self.fingerprint = client.fingerprint(self.model)

    async def __call__(self, request: Request) -> Response:
        if request.url.path != client.PATH or request.method != "POST":
            return Response(status_code=404)
        if request.headers.get(client.MODEL) != self.fingerprint:
            return Response(status_code=409)
        data = bytearray()
        async for part in request.stream():
            data += part
            if len(data) > client.LIMIT:
                return Response(status_code=413)
        try:
            return Response(await asyncio.to_thread(self._record, bytes(data)), media_type="application/octet-stream")
        except vc.InputError as error:
            return JSONResponse({"code": error.code, "sentence": str(error)}, status_code=400)

    def _record(self, data: bytes) -> bytes:
        return client.packed_trace(self.queue.record(self.model, client.unpacked_input(self.model, data)))


def run(name: str, replicas: int, port: int, host: str, depth: int, device: str | None) -> int:
    """Serve until SIGINT or SIGTERM. Raises InputError for a model that cannot be had."""
    model = vc.load(name, device=device)
    device = next(model.parameters()).device.type
    threads = max(1, (os.cpu_count() or 1) // replicas)
    options = dict(
        num_replicas=replicas,
        max_ongoing_requests=BATCH,
        max_queued_requests=depth,
        backpressure_config={"status_code": 429, "retry_after_s": AGAIN},
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
    with ExitStack() as closing:
        ray_engine._cluster(model, replicas + 2, closing)  # Serve's controller and proxy too
        del model
        serve.start(proxy_location="HeadOnly", http_options={"host": host, "port": port})
        closing.callback(serve.shutdown)
        app = serve.deployment(Recorder, name="recorder", **options).bind(name, device, threads)
        serve.run(app, name="vitrine", route_prefix="/")
        print(f"{name} on {device}, {replicas} replicas: http://{host}:{port}", flush=True)
        stop.wait()
    return 0
