"""The queue in front of a model: equal traces in a batch or alone, refusals, halved batches without memory."""

import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import vit_core as vc
from app import text
from vit_core.attention import trace as tracing
from vit_core.models.device import cpu_copy
from vit_core.serving import queue as module
from vit_core.serving.queue import Queue


def held(queue) -> threading.Event:
    """Keeps the queue's thread until it is set; returns when it is kept."""
    begun, let = threading.Event(), threading.Event()
    threading.Thread(target=queue.run, args=(lambda: (begun.set(), let.wait(30)),), daemon=True).start()
    assert begun.wait(10)
    return let


def waiting(queue, count: int) -> None:
    until = time.monotonic() + 10
    while len(queue._waiting) < count:
        assert time.monotonic() < until
        time.sleep(0.002)


def test_what_waits_goes_together_and_nothing_is_swapped(build, pictures, monkeypatch):
    models = [build(0), build(1)]
    asked = [(models[i % 2], pictures(1) + i, pictures(1, 18, 24) - i)[:: 1 if i % 3 else 2] for i in range(12)]
    sizes = []
    monkeypatch.setattr(module, "forward", lambda m, x, c: sizes.append(len(x)) or tracing.forward(m, x, c))
    queue = Queue(depth=99, batch=4)
    let = held(queue)
    with ThreadPoolExecutor(12) as pool:
        futures = []
        for i, (model, picture) in enumerate((m, x) for m, x, *_ in asked):
            futures.append(pool.submit(queue.record, model, picture))
            waiting(queue, i + 1)
        let.set()
        traces = [future.result(30) for future in futures]
    assert sum(sizes) == 12
    assert max(sizes) == 4
    for (model, picture, *_), trace in zip(asked, traces, strict=True):
        alone = vc.record(model, picture)
        torch.testing.assert_close(trace.logits, alone.logits, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(trace.queries, alone.queries, atol=1e-5, rtol=1e-5)
        assert trace.grid == alone.grid
        assert trace.nbytes == alone.nbytes


def test_past_its_depth_it_refuses_at_once_and_goes_on(build, pictures):
    model, queue = build(), Queue(depth=3)
    let = held(queue)
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(queue.record, model, pictures(1)) for _ in range(3)]
        waiting(queue, 3)
        derived = pool.submit(queue.run, lambda: "derived")  # is not refused
        waiting(queue, 4)
        with pytest.raises(vc.InputError, match="try again") as caught:  # while the thread is still held
            queue.record(model, pictures(1))
        assert caught.value.code == "busy"
        let.set()
        assert all(future.result(30).logits.isfinite().all() for future in futures)
        assert derived.result(30) == "derived"
    assert queue.record(model, pictures(1)).logits.isfinite().all()
    assert "busy" in text.ERRORS["ko"]


def test_who_gives_up_leaves_the_line_and_it_goes_on(build, pictures):
    queue, calls = Queue(), []
    let = held(queue)
    given_up = queue.submit(calls.append, 1)
    assert given_up.cancel()
    let.set()
    assert queue.run(lambda: "on") == "on"
    assert calls == []


def test_idle_work_starts_while_nothing_else_waits():
    queue, done = Queue(), []
    let = held(queue)
    idle = [queue.submit_idle(done.append, name) for name in ("idle 1", "idle 2")]
    asked = queue.submit(done.append, "asked")
    let.set()
    for future in (asked, *idle):
        future.result(30)
    assert done == ["asked", "idle 1", "idle 2"]


def test_an_answer_is_kept_by_nobody(build, pictures):
    model, queue = build(), Queue()
    let, kept = held(queue), []
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(lambda: kept.append(weakref.ref(queue.record(model, pictures(1))))) for _ in range(3)]
        waiting(queue, 3)
        let.set()
        assert [one.result(30) for one in asked] == [None] * 3
    until = time.monotonic() + 10
    while any(trace() for trace in kept):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_an_error_is_gone_with_who_caught_it(build, pictures, uncollected, monkeypatch):
    queue = Queue()

    def fails():
        raise vc.InputError("busy", "no")

    monkeypatch.setattr(module, "run_passes", lambda *_: fails())
    for ask in (lambda: queue.run(fails), lambda: queue.record(build(), pictures(1))):
        with pytest.raises(vc.InputError) as caught:
            ask()
        error, until = weakref.ref(caught.value), time.monotonic() + 10
        del caught
        while error() is not None and time.monotonic() < until:
            time.sleep(0.01)  # the thread lays down what it has answered
        assert error() is None


def test_one_picture_s_failure_is_its_own(build, pictures, monkeypatch):
    def forward(model, images, crops):
        if (images == 7).all((1, 2, 3)).any():
            raise ValueError("seven")
        return tracing.forward(model, images, crops)

    monkeypatch.setattr(module, "forward", forward)
    model, queue = build(), Queue()
    let = held(queue)
    with ThreadPoolExecutor(3) as pool:
        futures = [
            pool.submit(queue.record, model, x) for x in (pictures(1), torch.full((1, 3, 15, 21), 7.0), pictures(1))
        ]
        waiting(queue, 3)
        let.set()
        assert [type(future.exception(30)) for future in futures] == [type(None), ValueError, type(None)]
    with pytest.raises(ZeroDivisionError):
        queue.run(lambda: 1 / 0)
    with pytest.raises(vc.InputError):
        queue.record(model, b"no picture")  # in the caller's thread: the line never sees it
    assert queue.run(threading.current_thread).name == "vitrine"


@pytest.mark.parametrize("room", [4, 1, 0])
def test_without_memory_the_batch_is_halved_down_to_one_and_then_the_cpu(build, pictures, monkeypatch, room):
    tried, model = [], build()

    def forward(asked, images, crops):
        tried.append(len(images))
        if asked is model and len(images) > room:  # the copy on the CPU has room
            raise torch.OutOfMemoryError("no room")
        return tracing.forward(asked, images, crops)

    monkeypatch.setattr(module, "forward", forward)
    images = torch.cat([pictures(1) + i for i in range(5)])
    traces = module.run_passes(model, images, [None] * 5)
    assert tried == {4: [5, 2, 3], 1: [5, 2, 1, 1, 3, 1, 2, 1, 1], 0: [5, 2, *[1] * 4, 3, 1, 1, 2, *[1] * 4]}[room]
    for i, trace in enumerate(traces):
        torch.testing.assert_close(trace.logits, vc.record(model, images[i : i + 1]).logits, atol=1e-5, rtol=1e-5)


def test_the_way_to_the_cpu_copies_nothing_on_the_full_device(build):
    model = build()
    moved = cpu_copy(model)
    assert moved is not model
    assert not moved.training
    for (name, before), after in zip(model.state_dict().items(), moved.state_dict().values(), strict=True):
        assert after.data_ptr() == before.data_ptr(), name  # here the device is the CPU, and has all of it already


def test_the_thread_has_the_threads_it_was_given(build):
    before = torch.get_num_threads()
    assert Queue(threads=1).run(torch.get_num_threads) == 1
    assert torch.get_num_threads() == before
