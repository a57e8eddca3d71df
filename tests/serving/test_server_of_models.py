"""Forward passes in other processes: what is sent is safe, what is lost is asked for again, the answers are right."""

import copy
import dataclasses
import http.client
import json
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import streamlit as st
import torch

import vit_core as vc
from app import text
from tests.evaluation.test_ray_engine import OTHERS, adopt_orphans, family, kill_family
from vit_core.models.digest import cached_weights_digest
from vit_core.serving import client
from vit_core.serving.queue import Queue

ROOT = Path(__file__).resolve().parents[2]


def same(trace, alone) -> None:
    for name in client.TRACE_TENSORS:
        torch.testing.assert_close(getattr(trace, name), getattr(alone, name), atol=1e-5, rtol=1e-5)
    assert (trace.grid, trace.crop, trace.config) == (alone.grid, alone.crop, alone.config)


@pytest.fixture
def fake():
    """fake(model, *what) -> URL of a server that does `what` one after the other, the last of them for ever."""
    servers = []

    def make(model, *what):
        left = list(what)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                data = self.rfile.read(int(self.headers["Content-Length"]))
                now = left.pop(0) if len(left) > 1 else left[0]
                if now == "cut":
                    self.connection.close()
                    return
                now, body = now if isinstance(now, tuple) else (now, b"")
                body = now if isinstance(now, bytes) else body
                if now == 200:
                    body = client.pack_trace(vc.record(model, client.unpack_input(model, data)))
                self.send_response(200 if isinstance(now, bytes) else now)
                self.send_header("Content-Length", str(len(body)))
                if now == 429:
                    self.send_header("Retry-After", "3")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

            def handle(self):
                with suppress(ValueError, OSError):  # of the connection that was cut
                    super().handle()

            def finish(self):
                with suppress(ValueError, OSError):
                    super().finish()

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("fields", [{}, {"classes": 0}])
def test_what_is_lost_is_asked_for_again_and_the_trace_is_the_local_one(build, pictures, fake, fields):
    model = build(**fields)
    for what in ([200], [500, "cut", 503, 200]):
        same(client.Remote(fake(model, *what), None).record(model, pictures(1)), vc.record(model, pictures(1)))


def test_a_trace_from_elsewhere_is_where_the_model_is_as_one_from_the_line_here(build, pictures, monkeypatch):
    model = build()
    sent, device = client.pack_trace(vc.record(model, pictures(1))), build().to("meta")  # no CPU, and holds nothing
    assert client.unpack_trace(model, pictures(1), None, sent).tokens.device.type == "cpu"
    trace = client.unpack_trace(device, pictures(1), None, sent)
    assert {getattr(trace, name).device.type for name in client.TRACE_TENSORS} == {"meta"}

    def full(tensor, *args):
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(torch.Tensor, "to", full)
    assert client.unpack_trace(device, pictures(1), None, sent).tokens.device.type == "cpu"


def test_another_models_server_leaves_it_to_the_line_here(build, pictures, fake):
    model = build()
    same(client.Remote(fake(model, 409), Queue()).record(model, pictures(1)), vc.record(model, pictures(1)))
    other = copy.deepcopy(model)
    assert cached_weights_digest(model) == cached_weights_digest(other)
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.blocks[1].mlp.fc1.bias[3] += 1e-6
    assert cached_weights_digest(model) != cached_weights_digest(other)
    gone = weakref.ref(other)
    del other
    assert gone() is None  # what is remembered of a model does not keep it


def test_what_a_server_refuses_or_breaks_has_its_sentence(build, pictures, fake, monkeypatch):
    monkeypatch.setattr(client, "RETRY_SECONDS", 0.2)
    model = build()
    other = client.pack_trace(vc.record(model, pictures(1, 18, 24)))
    good = vc.record(model, pictures(1))
    short = client.pack_trace(dataclasses.replace(good, mean_attention=good.mean_attention[:2]))
    full = json.dumps({"code": "busy", "sentence": "Try again.", "values": {}}).encode()
    cases = {
        429: "busy",
        (400, full): "busy",
        (400, b"[]"): "serve-format",
        (400, b"{"): "serve-format",
        500: "serve-gone",
        404: "serve-gone",
        b"no tensors": "serve-format",
        other: "serve-format",
        short: "serve-format",
        (2**63).to_bytes(8, "little"): "serve-format",
        pickle.dumps(1): "serve-format",
    }
    for what, code in cases.items():
        with pytest.raises(vc.InputError) as caught:
            client.Remote(fake(model, what), None).record(model, pictures(1))
        assert caught.value.code == code
        for language in text.LANGUAGES:
            assert text.Text(language).error(caught.value)
    for url in "ftp://here", "http://", "127.0.0.1:8000", "http://a/b", "http://a:99999", "http://a:b", "http://[::1":
        with pytest.raises(vc.InputError) as caught:
            client.Remote(url, None)
        assert caught.value.code == "serve-url"


def test_without_a_server_the_client_does_not_retry(build, pictures, monkeypatch):
    monkeypatch.setattr(client.time, "sleep", lambda _: pytest.fail("it waits"))
    with socket.socket() as free:  # bound and not listening: refused
        free.bind(("127.0.0.1", 0))
        with pytest.raises(vc.InputError) as caught:
            client.Remote(f"http://127.0.0.1:{free.getsockname()[1]}", None).record(build(), pictures(1))
    assert caught.value.code == "serve-gone"


def test_the_page_says_that_nothing_answers_and_goes_on_when_it_does(fake, monkeypatch):
    from streamlit.testing.v1 import AppTest

    st.cache_resource.clear()
    monkeypatch.setattr(client, "RETRY_SECONDS", 0.1)
    model = vc.load("embedded:tiny")
    monkeypatch.setenv("VITRINE_SERVE", fake(model, *[503] * 2, 429, 200))
    app = AppTest.from_file(str(ROOT / "app/main.py"), default_timeout=120)
    app.query_params["lang"], app.query_params["model"] = "en", "embedded:tiny"
    try:
        app.run()
        assert not app.exception
        assert "does not answer \\(HTTP 503\\)" in app.warning[0].value  # a name in it is text
        app.button(key="busy_again").click().run()
        assert "pictures are waiting" in app.warning[0].value
        app.button(key="busy_again").click().run()
        assert not app.exception
        assert any(m.value.startswith("The model's answer") for m in app.main.markdown)
    finally:
        st.cache_resource.clear()


class Served:
    """A `python -m vit_core serve` of two replicas. What it starts becomes this process's child where its parent ends:
    some of Ray's write over their environment, so that no mark in it finds them."""

    def __init__(self):
        OTHERS.update(family())
        adopt_orphans(True)
        env = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vit_core", "serve", "--model", "embedded:tiny", "--port", "0", "--queue", "4"],
            cwd=ROOT,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        said = ""
        for line in self.process.stdout:
            said += line
            if found := re.search(r"http://127\.0\.0\.1:(\d+)$", line.strip()):
                self.port = int(found[1])
                return
        raise AssertionError(said)

    def listening(self) -> dict[tuple[bool, int], str]:
        """{(whether at loopback, port): what process} of everything that listens."""
        inodes = {}
        for pid in family():
            with suppress(OSError):
                for link in Path(f"/proc/{pid}/fd").iterdir():
                    with suppress(OSError):
                        if (where := os.readlink(link)).startswith("socket:"):
                            inodes[where[8:-1]] = Path(f"/proc/{pid}/comm").read_text().strip()
        found = {}
        for line in (Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()).splitlines():
            parts = line.split()
            if parts[3] == "0A" and parts[9] in inodes:
                address, port = parts[1].split(":")
                loopback = address.endswith("0100007F") or address == f"{1 << 24:032X}"  # 127.0.0.1, ::1
                found[loopback, int(port, 16)] = inodes[parts[9]]
        return found

    def post(self, data: bytes, model: str, path: str = client.PATH) -> tuple[int, str | None]:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            link.request("POST", path, data, {client.MODEL_HEADER: model})
            answer = link.getresponse()
            answer.read()
            return answer.status, answer.headers.get("Retry-After")
        finally:
            link.close()

    def close(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(40)
        finally:
            self.left = family()
            kill_family()
            adopt_orphans(False)
            self.process.stdout.close()


def a_killed_replica_loses_nothing(served):
    model = vc.load("embedded:tiny")
    remote = client.Remote(f"http://127.0.0.1:{served.port}", None)
    draw = torch.Generator().manual_seed(0)
    inputs = [torch.randn(1, 3, *model.transform.size, generator=draw) for _ in range(80)]
    answers, killed = {}, []
    replicas = family("ray::ServeReplica")
    assert len(replicas) == 2

    def ask(number: int) -> None:
        answers[number] = remote.record(model, inputs[number])
        if len(answers) > 30 and not killed:
            killed.append(len(answers))
            os.kill(replicas[0], signal.SIGKILL)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(len(inputs))))
    assert killed[0] < len(inputs) - 30
    for number, trace in answers.items():
        same(trace, vc.record(model, inputs[number]))


def past_the_limit_it_says_when_to_come_again(served):
    model = vc.load("embedded:tiny")
    data, mine = client.pack_input(torch.zeros(1, 3, *model.transform.size)), cached_weights_digest(model)
    begun = threading.Barrier(80)
    with ThreadPoolExecutor(80) as pool:
        found = Counter(pool.map(lambda _: (begun.wait(30), served.post(data, mine))[1], range(80)))
    assert found[429, "2"] >= 1
    assert found[200, None] >= 1
    assert set(found) <= {(429, "2"), (200, None), (500, None)}  # 500: of the one that was killed
    assert served.post(b"no tensors", mine)[0] == 400
    assert served.post(client.pack_input(torch.zeros(3, 3)), mine)[0] == 400
    assert served.post(data, "0" * 64)[0] == 409
    assert served.post(data, mine, "/other")[0] == 404
    assert served.post(bytes(client.MAX_INPUT_BYTES + 1), mine)[0] == 413


class Touch:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def what_listens_beyond_loopback_wants_a_token(served, tmp_path):
    import grpc

    listening = served.listening()
    assert {"raylet", "gcs_server", "ray::DashboardA", "ray::RuntimeEnv", "ray::ProxyActor"} <= set(listening.values())
    beyond = {port: name for (loopback, port), name in listening.items() if not loopback}
    assert list(beyond.values()) == ["ray::ServeRepli"] * 2  # one port each, bound so whatever it is told
    bomb = pickle.dumps(Touch(tmp_path / "run"))
    bomb = b"\x0a" + bytes([len(bomb) & 127 | 128, len(bomb) >> 7]) + bomb  # field 1 of a protobuf message
    for port in beyond:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary("/ray.serve.ASGIService/HandleRequest")(bomb, timeout=10)
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert not (tmp_path / "run").exists()


@pytest.mark.load
def test_a_server_of_two_replicas(tmp_path):
    server = Served()  # one for all: it takes longer to start than to be asked
    try:
        what_listens_beyond_loopback_wants_a_token(server, tmp_path)
        a_killed_replica_loses_nothing(server)
        past_the_limit_it_says_when_to_come_again(server)
        assert server.close() == 0
        assert server.left == []
    finally:
        if server.process.poll() is None:
            server.close()
