"""Connects to the cluster of RAY_ADDRESS, or starts one of this machine that ends with its driver.

Imports ray, after the settings that ray reads when it is imported. Raises InputError "ray-missing" without it.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, cast

import torch

from vit_core.errors import InputError

#: No usage reports, CUDA_VISIBLE_DEVICES left alone in processes without a GPU, no log output.
SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
#: On this machine alone, Ray listens at the loopback address and only this run has the token.
LOCAL_SETTINGS = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
for name, value in (SETTINGS if os.environ.get("RAY_ADDRESS") else SETTINGS | LOCAL_SETTINGS).items():
    os.environ.setdefault(name, value)

try:
    import ray
except ImportError as error:
    raise InputError(
        "ray-missing",
        "This needs Ray, which is not installed; run `pip install -r requirements-ray.txt`.",
    ) from error

STORE_BYTES = 200 << 20  # shared memory for data in transit, beside two copies of the weights
#: Logical CPUs beside the actors': reading, filtering and writing need one each and would wait for ever without.
HELPER_CPUS = 6


@contextmanager
def _keep_signal_handlers() -> Iterator[None]:
    """Restores the handlers of SIGINT and SIGTERM: Ray's own handler of SIGTERM aborts the process."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    if threading.current_thread() is threading.main_thread():
        for number, handler in before.items():
            signal.signal(number, handler)


@_keep_signal_handlers()
def join_or_start(model: torch.nn.Module, actors: int, stack: ExitStack) -> None:
    """Connect to the cluster of RAY_ADDRESS, or start one with room for the actors; `stack` disconnects or ends it.

    Raises InputError "evaluate-ray" if the cluster does not start.
    """
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    quiet: dict[str, Any] = dict(log_to_driver=False, configure_logging=False)
    if os.environ.get("RAY_ADDRESS"):
        stack.callback(ray.shutdown)
        ray.init(**quiet)
        return
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    cpus = actors + max(HELPER_CPUS, 8 - actors)
    store = STORE_BYTES + 2 * sum(t.nbytes for t in model.state_dict().values())
    if sys.platform != "linux":  # the guard needs Linux's "child subreaper"
        stack.callback(ray.shutdown)
        ray.init(
            address="local",
            num_cpus=cpus,
            include_dashboard=False,
            object_store_memory=store,
            _node_ip_address="127.0.0.1",
            **quiet,
        )
        return
    command = [
        *(sys.executable, str(Path(__file__).with_name("guard.py")), "--node-ip-address=127.0.0.1"),
        *(f"--num-cpus={cpus}", f"--object-store-memory={store}", "--include-dashboard=false"),
    ]
    guard = stack.enter_context(
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    )
    address, output = json.loads(cast(IO[bytes], guard.stdout).readline() or '[null, ""]')
    if address is None:
        raise ray_error(output.strip().rpartition("\n")[2] or "its cluster did not start")
    stack.callback(ray.shutdown)  # disconnects; the guard then ends the cluster
    ray.init(address=address, _node_ip_address="127.0.0.1", **quiet)


def ray_error(reason: str) -> InputError:
    return InputError(
        "evaluate-ray",
        f"Ray could not finish the evaluation ({reason}). Start it again to continue from what is there.",
        reason=reason,
    )
