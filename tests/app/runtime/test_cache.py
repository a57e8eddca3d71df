"""Caches bounded by what they hold; one model and one forward pass, however many ask at once."""

import contextlib
import dataclasses
import gc
import os
import pkgutil
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

import vit_core as vc
from app import lecture, text
from app.explore import cached, figures
from app.explore.result import Result, Rollout
from app.lecture import cached as lecture_cached
from app.lecture.scenes import cnn
from app.mistakes import cached as mistakes_cached
from app.runtime import cache
from app.runtime.bounded import BoundedCache
from vit_core.attention.trace import forward
from vit_core.checkpoints import embedded
from vit_core.serving import queue as queue_module

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def fresh():
    yield
    st.cache_resource.clear()


def picture(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8))


def test_the_least_recently_used_goes_when_it_is_too_much():
    held = BoundedCache(2**20, len)
    half = bytes(2**19)
    for key in "ab":
        held.get(key, lambda: half)
    held.get("a", None)  # there, so nothing is made
    held.get("c", lambda: half)
    assert held.total == 2**20
    made = []
    assert held.get("a", lambda: made.append("a")) is half
    held.get("b", lambda: made.append("b") or half)
    assert made == ["b"]


def test_an_error_is_gone_with_who_caught_it(uncollected):
    def fails():
        raise vc.InputError("busy", "no")

    def waits():
        cache.run_with_waiting((), contextlib.nullcontext, fails)

    for ask in (lambda: BoundedCache(1, len).get("a", fails), waits):
        with pytest.raises(vc.InputError) as caught:
            ask()
        error = weakref.ref(caught.value)
        del caught
        assert error() is None


@pytest.mark.parametrize("screen", ["explore", "lecture"])
def test_a_picture_is_gone_once_another_is_shown(screen, monkeypatch, uncollected):
    monkeypatch.setenv("VITRINE_TRACES_MB", "0")  # the last one is kept all the same
    app = AppTest.from_file(str(ROOT / "app/main.py"), default_timeout=120)
    app.query_params["lang"] = "en"
    app.run()
    app.switch_page(f"{screen}/page.py").run()
    pictures, alive = app.sidebar.selectbox(key="sample_en"), []
    for title in pictures.options[:5]:
        app.sidebar.selectbox(key="sample_en").select(title).run()
        assert not app.exception
        alive.append(sum(type(one) is Result for one in gc.get_objects()))
    assert alive[-1] <= 2, alive  # the one that is kept, and the one that the last run of the page showed


def loosely():
    import streamlit as st

    from app import state

    @st.fragment(key="part")
    def part(shown):
        st.session_state.ran.append("part")
        st.write(str(shown()))

    st.session_state.setdefault("ran", []).append("page")
    st.button("part", on_click=lambda: st.rerun(["part"]))
    value = frozenset([1])  # which the caches have let go of, once the page is drawn
    part(state.CachedValue(value))
    if st.session_state.get("kept"):
        st.session_state.value = value
    del value


def test_a_fragment_whose_value_was_let_go_has_the_whole_page_drawn_anew():
    app = AppTest.from_function(loosely, default_timeout=60).run()
    app.button[0].click().run()
    assert app.session_state.ran == ["page", "part", "part", "page", "part"]
    app.session_state.kept = True
    app.run()
    app.session_state.ran.clear()
    app.button[0].click().run()
    assert app.session_state.ran == ["part"]
    assert not app.exception


@pytest.mark.parametrize("screen", ["explore", "lecture"])
def test_open_pages_keep_no_picture_that_the_limit_let_go(screen, monkeypatch):
    monkeypatch.setenv("VITRINE_TRACES_MB", "0")  # the last one is kept all the same
    monkeypatch.setenv("VITRINE_NO_FREEZE", "1")
    pages = []
    for number in range(4):
        app = AppTest.from_file(str(ROOT / "app/main.py"), default_timeout=120)
        app.query_params |= {"lang": "en", "view": "flow"}
        app.run()
        app.switch_page(f"{screen}/page.py")
        pictures = app.sidebar.selectbox(key="sample_en")
        pictures.select(pictures.options[number]).run()
        assert not app.exception
        pages.append(app)
    gc.collect()
    assert sum(type(one) is Result for one in gc.get_objects()) <= 2  # the one that is kept, and a stage's
    if screen == "explore":
        pages[0].slider(key="residual").set_value(0.3).run()
        assert not pages[0].exception


def test_what_grows_is_measured_again_and_one_too_large_is_kept_alone():
    held, grows = BoundedCache(2**20, len, remeasure=True), bytearray(10)
    held.get("small", lambda: bytes(2**19))
    assert held.get("grows", lambda: grows) is grows
    grows.extend(bytes(2**21))
    held.get("grows", None)
    assert len(held) == 1
    assert held.get("grows", None) is grows
    held.get("small", lambda: b"x")
    assert len(held) == 1


def test_twenty_who_ask_at_once_get_one_and_a_failure_is_not_kept():
    held, made, begun = BoundedCache(2**20, len), [], threading.Barrier(20)

    def make():
        made.append(1)
        threading.Event().wait(0.2)
        if len(made) == 1:
            raise vc.InputError("busy", "try again")
        return b"value"

    def ask(_):
        begun.wait(10)
        try:
            return held.get("k", make)
        except vc.InputError as error:
            return error.code

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(ask, range(20))) == {"busy"}
        assert len(made) == 1
        found = list(pool.map(ask, range(20)))
    assert len(made) == 2
    assert all(value is found[0] for value in found)


def test_twenty_browsers_load_one_model_and_run_one_pass(monkeypatch):
    loads, passes, image = [], [], picture(0)
    real_load, real_forward = vc.load, forward
    monkeypatch.setattr(vc, "load", lambda name, device: loads.append(name) or real_load(name, device))
    monkeypatch.setattr("vit_core.serving.queue.forward", lambda *a: passes.append(1) or real_forward(*a))
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: cached.result("embedded:fashion", "digest", image), range(20)))
    assert loads == ["embedded:fashion"]
    assert passes == [1]
    assert all(result is found[0] for result in found)


def test_limits_are_the_environments(monkeypatch):
    monkeypatch.setenv("VITRINE_TRACES_MB", "1")
    monkeypatch.setenv("VITRINE_QUEUE", "3")
    assert cache.queue().depth == 3
    for seed in range(4):  # each 0.55 MB and more
        cached.result("embedded:tiny", str(seed), picture(seed))
    assert len(cache.outputs()) == 1 or cache.outputs().total <= 2**20
    for wrong in "", "-3", "x", "１２":
        monkeypatch.setenv("VITRINE_QUEUE", wrong)
        assert cache.limit("VITRINE_QUEUE", 32) == 32


def test_a_result_counts_what_is_derived_from_it_and_hands_out_what_nobody_can_change(build):
    model, image = build(), picture(1)
    result = Result("small", image, model, vc.record(model, image), 0.0)
    before = result.nbytes
    assert before >= result.trace.nbytes + 40 * 60 * 3
    mean = result.rollouts(Rollout(last=2))
    before += mean.nbytes  # the means over heads are in the trace already
    assert result.nbytes == before
    rows = result.rollouts(Rollout("max", last=2))
    before += 3 * 36 * 36 * 4 + rows.nbytes  # each layer's fused attention, and what was asked
    assert result.rollouts(Rollout("max", last=2)) is rows
    assert result.nbytes == before
    packed = len(result.atlas.payload)
    grown = result.nbytes
    assert grown == before + packed
    for array in (rows, result.norms, result.position_similarity):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert result.nbytes > grown


def captions(app: AppTest) -> str:
    """All captions of the sidebar."""
    return "\n".join(caption.value for caption in app.sidebar.caption)


def test_what_is_read_from_a_model_is_counted_with_it_and_not_with_each_picture(build, monkeypatch):
    monkeypatch.setattr(cache, "_load", lambda name: build())
    cache.model("other")
    model = cache.model("one")
    results = [Result("one", picture(seed), model, vc.record(model, picture(seed)), 0.0) for seed in (1, 2)]
    before, total = [one.nbytes for one in results], cache.models().total
    similarity, filters = [(one.position_similarity, one.filters) for one in results][0]
    assert [one.nbytes for one in results] == before
    kept = similarity.nbytes + sum(array.nbytes for array in filters)
    assert cache.models().total == total + kept
    assert [(f"class {i}", p) for i, p in results[0].predictions()] == vc.top_k(model, results[0].trace)
    assert results[0].nbytes == before[0] + 11 * (8 + 4)  # the classes, ranked
    monkeypatch.setattr(cache.models()._values, "_Cache__maxsize", total + kept - 1)
    assert cache.model("one") is model
    assert ("one", "best") in cache.models()
    assert ("other", "best") not in cache.models()


def test_of_rollouts_the_last_are_kept(build):
    model, image = build(), picture(1)
    result = Result("small", image, model, vc.record(model, image), 0.0)
    for token in range(20):
        result.rollouts(Rollout(last=2, token=token))
    assert [options.token for options in result.recent_rollouts] == list(range(4, 20))


def test_a_figure_is_drawn_once_for_each_picture_and_what_is_asked_of_it(build):
    model, drawn = build(), []

    def make(own, values, name, *, high):
        drawn.append((own, name, high, values.sum()))
        return figures.norms(values, [], ["median", "range"], "x", "y", "hover")

    one, other = (Result("small", picture(seed), model, vc.record(model, picture(seed)), 0.0) for seed in (1, 2))
    values = np.ones((3, 4), np.float32)
    first = cached.drawn(one, make, (1,), values, "a", high=1)
    assert cached.drawn(one, make, (1,), values.copy(), "a", high=1) is first
    assert len(drawn) == 1
    for result, changed, name, high in (
        (other, values, "a", 1),
        (one, values * 2, "a", 1),
        (one, values, "b", 1),
        (one, values, "a", 2),
        (one, values.reshape(4, 3), "a", 1),
    ):
        assert cached.drawn(result, make, (1,), changed, name, high=high) is not first
    assert len(drawn) == 6
    image = cached.drawn(one, lambda: picture(3), ())
    assert image.startswith("data:image/png;base64,")


def test_what_is_the_model_s_is_worked_out_and_drawn_once_for_all_pictures(build, monkeypatch):
    model, another, drawn = build(), build(seed=1), []
    results = [
        Result(name, picture(seed), of, vc.record(of, picture(seed)), 0.0)
        for name, of, seed in (("one", model, 1), ("one", model, 2), ("other", another, 1))
    ]
    for name in ("filters", "position_similarity", "parameters"):
        first, second, other = (getattr(result, name) for result in results)
        assert first is second
        assert name == "parameters" or not np.array_equal(first[0], other[0])

    def make(own, chosen):
        drawn.append((own, chosen))
        return figures.norms(np.ones((3, 4), np.float32), [], ["median", "range"], "x", "y", "hover")

    first, second, other = (cached.drawn_of_model(result, make, (1,), 5) for result in results)
    assert first is second is not other
    assert cached.drawn_of_model(results[0], make, (1,), 6) is not first
    larger = Result("one", picture(1), model, vc.record(model, torch.zeros(1, 3, 30, 21)), 0.0)
    assert larger.grid != results[0].grid
    assert cached.drawn_of_model(larger, make, (1,), 5) is not first
    assert len(drawn) == 4
    gone = weakref.ref(model)
    del model, results, first, second, other, larger
    gc.collect()
    assert gone() is None, "what is kept of a model keeps the model"


def test_a_model_s_figures_go_with_it(build, monkeypatch):
    monkeypatch.setattr(cache, "_load", lambda name: build())
    monkeypatch.setattr(cache, "limit", lambda name, default: 0)  # room for one model
    model = cache.model("one")
    result = Result("one", picture(1), model, vc.record(model, picture(1)), 0.0)
    before = cached.drawn(result, picture, (), 3)
    assert cached.drawn(result, picture, (), 3) is before
    cache.model("other")
    assert not len(cache.drawings())


def test_a_model_that_was_trained_on_is_read_again_and_what_it_made_is_gone(build, tmp_path):
    file, image = tmp_path / "mine.safetensors", picture(1)
    name = f"file:{file}"
    embedded.save(build(), file, {})
    first, shown = cache.model(name), cached.result(name, "digest", image)
    before = cached.drawn(shown, picture, (), 3)
    assert cache.model(name) is first
    assert cached.result(name, "digest", image) is shown
    other = build(seed=1)
    other.labels = [f"other {i}" for i in range(11)]
    embedded.save(other, file, {})
    assert not cached.has_result(name, "digest")
    assert cache.model(name).labels == other.labels
    again = cached.result(name, "digest", image)
    assert not torch.equal(again.trace.logits, shown.trace.logits)
    assert cached.drawn(again, picture, (), 3) is not before


@pytest.fixture
def halted(monkeypatch):
    """halted(owner, name) -> (begun, let): `owner.name`, the first time it is called, begins and waits for `let`."""

    def make(owner, name: str) -> tuple[threading.Event, threading.Event]:
        begun, let, real = threading.Event(), threading.Event(), getattr(owner, name)

        def wrapped(*args):
            found = real(*args)
            if not begun.is_set():
                begun.set()
                assert let.wait(30)
            return found

        monkeypatch.setattr(owner, name, wrapped)
        return begun, let

    return make


@pytest.mark.parametrize("when", ["read", "run"])
def test_what_is_under_way_when_a_model_s_file_changes_is_of_the_old_one_and_not_kept(build, tmp_path, halted, when):
    file, image = tmp_path / "mine.safetensors", picture(1)
    name = f"file:{file}"
    embedded.save(build(), file, {})
    begun, let = halted(*{"read": (vc, "load"), "run": (queue_module, "forward")}[when])
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(cached.result, name, "digest", image)
        assert begun.wait(30)
        other = build(seed=1)
        embedded.save(other, file, {})
        assert not cached.has_result(name, "digest")
        let.set()
        old = asked.result(30)
    again = cached.result(name, "digest", image)
    assert not torch.equal(again.trace.logits, old.trace.logits)
    torch.testing.assert_close(again.trace.logits, vc.record(other, image).logits)
    assert cached.result(name, "digest", image) is again


def test_a_page_that_still_shows_a_model_s_last_weights_leaves_nothing_to_those_of_the_next(build, tmp_path):
    file, image = tmp_path / "mine.safetensors", picture(1)
    name = f"file:{file}"
    embedded.save(build(), file, {})
    shown = cached.result(name, "digest", image)
    embedded.save(build(seed=1), file, {})
    again = cached.result(name, "digest", image)
    for draw in (
        lambda of: cached.drawn(of, picture, (), 3),
        lambda of: cached.drawn_of_model(of, picture, (), 3),
        lambda of: lecture_cached.scene(of, "digest", "summary", "{}", "en", None),
    ):
        old = draw(shown)
        assert draw(again) is not old
        assert draw(again) is draw(again)


def test_a_model_that_is_let_go_in_the_middle_of_its_pass_or_scene_is_gone_with_it(build, monkeypatch, halted):
    monkeypatch.setattr(cache, "_load", lambda name: build())
    monkeypatch.setattr(cache, "limit", lambda name, default: 0 if name == "VITRINE_MODELS_MB" else default)  # one
    begun, let = halted(queue_module, "forward")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(cached.result, "one", "digest", picture(1))
        assert begun.wait(30)
        cache.model("other")
        let.set()
        shown = asked.result(30)
        del asked
    assert not len(cache.outputs())
    assert lecture_cached.scene(shown, "digest", "summary", "{}", "en", None)
    gone = weakref.ref(shown.model)
    del shown
    gc.collect()
    assert gone() is None


def test_what_stands_beside_a_model_s_file_belongs_to_it(tmp_path):
    file = tmp_path / "mine.pth"
    file.write_bytes(b"x")
    seen = [cache.stamp(f"file:{file}")]
    for beside in "mine.labels.txt", "config.json":
        (tmp_path / beside).write_text("{}")
        seen.append(cache.stamp(f"file:{file}"))
    (tmp_path / "another.pth").write_bytes(b"y")
    assert cache.stamp(f"file:{file}") == seen[-1]
    assert len(set(seen)) == 3
    assert cache.stamp(f"hf:{tmp_path}") != cache.stamp("hf:google/vit") == cache.stamp("embedded:tiny") == ()
    assert cache.stamp("file:\0") == cache.stamp(f"hf:{tmp_path}/none") == ()


def test_nobody_waits_for_another_s_model_to_be_read(monkeypatch):
    reading, let = threading.Event(), threading.Event()
    real = vc.load
    monkeypatch.setattr(vc, "load", lambda *a: (reading.set(), let.wait(30), real(*a))[2])
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(cache.model, "embedded:fashion")
        assert reading.wait(10)
        assert cache.queue().submit(divmod, 7, 2).result(10) == (3, 1)
        let.set()
        assert asked.result(30).config.classes == 10


def test_a_picture_or_a_table_that_changed_is_looked_into_again(tmp_path, monkeypatch):
    made, row = [], {"hash": "a"}
    monkeypatch.setattr(mistakes_cached, "Why", lambda *a: made.append(a) or b"why")
    table = tmp_path / "rows.parquet"
    table.write_bytes(b"1")
    evaluation = SimpleNamespace(rows=SimpleNamespace(path=table, row=lambda path: row), model_name="embedded:tiny")
    for _ in range(2):
        mistakes_cached.explanation(evaluation, "p")
    assert len(made) == 1
    row["hash"] = "b"
    mistakes_cached.explanation(evaluation, "p")
    assert len(made) == 2
    os.utime(table, (1, 1))
    mistakes_cached.explanation(evaluation, "p")
    mistakes_cached.explanation(evaluation, "q")
    assert len(made) == 4


def test_a_page_says_that_it_waits_only_if_it_takes_a_moment():
    said, let = [], threading.Event()

    def waiting(seconds):
        said.append(seconds)
        let.set()
        return contextlib.nullcontext()

    assert cache.run_with_waiting(("a",), waiting, divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        cache.run_with_waiting(("a",), waiting, divmod, 7, 0)
    assert not said
    assert cache.run_with_waiting(("b",), waiting, let.wait, 30)  # until that is shown
    assert said == [0]
    let.clear()
    before = cache.last_durations()["b",]
    assert cache.run_with_waiting(("b",), waiting, let.wait, 30)
    assert said == [0, before]  # as long as the last time
    assert before >= cache.SHOWN_AFTER_S > cache.last_durations()["a",]


def test_who_goes_away_while_waiting_leaves_the_line():
    class Gone(BaseException):
        """As Streamlit's, where a browser has left or asks for something else."""

    def waiting(seconds):
        raise Gone

    begun, let, calls = threading.Event(), threading.Event(), []
    first = cache.queue().submit(lambda: (begun.set(), let.wait(30)))
    assert begun.wait(10)
    with pytest.raises(Gone):
        cache.run_with_waiting((), waiting, calls.append, 1)
    let.set()
    assert first.result(30)
    assert cache.run(lambda: "on") == "on"
    assert not calls


def test_nobody_is_told_to_wait_for_what_is_there():
    assert not cached.has_result("embedded:fashion", "digest")
    cached.result("embedded:fashion", "digest", picture(0))
    assert cached.has_result("embedded:fashion", "digest")
    assert not cached.has_result("embedded:tiny", "digest")


def test_pages_wait_for_their_turn():
    turns, page = cache.page_slots(), AppTest.from_file(str(ROOT / "app/main.py"), default_timeout=60)
    for _ in range(cache.MAX_PAGES_AT_ONCE):
        turns.acquire()
    with ThreadPoolExecutor(1) as pool:
        drawn = pool.submit(page.run)
        threading.Event().wait(2)
        assert not drawn.done()
        turns.release()
        assert not drawn.result(60).exception
    assert turns.acquire(timeout=10)  # which it gave back
    assert not turns.acquire(blocking=False)


@pytest.mark.parametrize("fails", [False, True])
def test_who_waits_for_a_model_lets_others_draw_their_pages(monkeypatch, fails):
    turns, load, free = cache.page_slots(), vc.load, []

    def slow(name, device):
        free.append(sum(turns.acquire(blocking=False) for _ in range(cache.MAX_PAGES_AT_ONCE + 1)))
        turns.release(free[0])
        if fails:
            raise vc.InputError("hub-unreachable", "No hub.", name=name, reason="")
        return load(name, device)

    monkeypatch.setattr(vc, "load", slow)
    assert not AppTest.from_file(str(ROOT / "app/main.py"), default_timeout=60).run().exception
    assert free == [cache.MAX_PAGES_AT_ONCE]
    assert all(turns.acquire(timeout=10) for _ in range(cache.MAX_PAGES_AT_ONCE))  # and one each, whatever came
    assert not turns.acquire(blocking=False)


def test_a_model_that_is_let_go_is_gone_with_all_it_made_though_frozen(monkeypatch):
    monkeypatch.setenv("VITRINE_MODELS_MB", "1")
    monkeypatch.delenv("VITRINE_NO_FREEZE", raising=False)
    try:
        first, image = weakref.ref(cache.model("embedded:tiny")), picture(0)  # 3 MB
        assert gc.get_freeze_count() > 0
        made = cached.result("embedded:tiny", "digest", image)
        lecture_cached.scene(made, "digest", "summary", "{}", "en", None)
        cycle = [made]  # as an object that knows itself does, it outlives its last user until it is collected
        cycle.append(cycle)
        gc.freeze()
        assert len(cache.outputs()) == 3  # result, stage and scene
        del made, cycle
        cache.model("embedded:fashion")
        assert len(cache.outputs()) == 0
        assert first() is None
    finally:
        gc.unfreeze()


def test_in_development_nothing_is_frozen(monkeypatch):
    gc.unfreeze()
    monkeypatch.setenv("VITRINE_NO_FREEZE", "1")
    cache.model("embedded:fashion")
    assert gc.get_freeze_count() == 0


def test_all_that_a_stage_holds_is_counted(stage):
    made = stage()
    before = made.nbytes
    assert before == made.result.nbytes
    kept = made.images.nbytes + made.streams.nbytes + sum(tensor.nbytes for tensor in made.block_steps(1))
    assert made.nbytes == before + kept


def test_a_result_is_counted_once_though_its_stage_holds_it():
    shown = cached.result("embedded:fashion", "digest", picture(1))
    made, alone = cache.outputs(), shown.nbytes
    sent = len(lecture_cached.scene(shown, "digest", "patches", "{}", "en", None))
    stage = lecture_cached.stage_of(shown, "digest")
    assert stage.nbytes > shown.nbytes >= alone
    assert made.total == stage.nbytes + sent
    made.drop(lambda key: key[1] == "result")
    assert lecture_cached.stage_of(shown, "digest") is stage
    assert made.total == made._values.currsize == stage.nbytes + sent


def test_what_scenes_keep_with_a_stage_is_counted(stage):
    made = stage()
    depth, N = made.config.depth, made.result.trace.num_tokens

    def own() -> int:
        inside = [tensor for found in made._block_steps.values() for tensor in found]
        return made.result.nbytes + sum(t.nbytes for t in (made.images, made.streams, *inside) if t is not None)

    lecture.build("encoder", made, {"language": "en"})
    kept = 3 * depth * made.streams[0].nbytes + 4 * (depth + 1) * N * 4  # the model's own pass is the stage's
    assert made.nbytes == own() + kept
    lecture.build("cnn", made, {"language": "en"})
    pair = cnn.pair_of(made)
    kept += pair.results[1].nbytes + pair.picture.nbytes + sum(given.nbytes for given in pair.inputs)
    assert pair.results[1].nbytes > pair.results[1].trace.nbytes > 0
    assert made.nbytes == own() + kept
    before = made.nbytes - own()
    for scene, least in (("bias", 35 * 35 * 4 + 3 * 15 * 21 * 3), ("positions", 2 * N * made.config.dim * 4)):
        lecture.build(scene, made, {"language": "en"})
        assert made.nbytes - own() >= before + least
        before = made.nbytes - own()


def test_a_picture_that_the_device_has_no_memory_for_is_on_the_page_from_the_cpu_and_it_says_so(monkeypatch):
    from streamlit.testing.v1 import AppTest

    real, run_forward, tried = vc.load("embedded:tiny"), forward, []
    device = vc.load("embedded:tiny").to("meta")  # a device that is not the CPU, and holds nothing

    def full(model, images, crops):
        if model is device:
            tried.append(len(images))
            raise torch.OutOfMemoryError("no room")
        return run_forward(model, images, crops)

    monkeypatch.setattr(vc, "load", lambda name, device_: device)
    monkeypatch.setattr("vit_core.serving.queue.forward", full)
    for module in "vit_core.serving.queue", "app.runtime.cache":
        monkeypatch.setattr(f"{module}.cpu_copy", lambda model: real)
    app = AppTest.from_file(str(ROOT / "app/main.py"), default_timeout=120)
    app.query_params["lang"] = "en"
    app.run()
    assert not app.exception
    assert tried == [1]
    assert text.Text("en")("side.model.fell") in captions(app)
    assert app.main.markdown[-1].value.endswith(text.Text("en")("attention.not"))
    app.switch_page("lecture/page.py").run()
    assert not app.exception


def test_predictions_need_no_memory_of_the_device(monkeypatch):
    shown = cached.result("embedded:fashion", "digest", picture(1))
    logits = shown.trace.logits
    away = dataclasses.replace(shown, trace=dataclasses.replace(shown.trace, logits=logits.to("meta")))
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: logits if tensor.device.type == "meta" else tensor)
    assert away.predictions() == shown.predictions()


@pytest.mark.parametrize(
    ("where", "page"),
    [
        ("app.components.atlas.payload.pack", "heads"),
        ("vit_core.attention.statistics.attention_entropy", "inside"),
        ("app.explore.result.fused_layers", "flow"),
        ("app.components.atlas.payload.Source.answer", "heads"),
        ("app.components.save.files.answer", "heads"),
        ("app.lecture.stage.residual_streams", "lecture"),
        ("app.lecture.scenes.cnn.record", "lecture"),
    ],
)
def test_what_the_device_has_no_memory_to_derive_the_cpu_derives_and_the_page_says_so(where, page, monkeypatch):
    name, _, function = where.rpartition(".")
    of = pkgutil.resolve_name(name)
    real, asked, told = getattr(of, function), [], text.Text("en")("side.model.fell")

    def full(first, *rest, **more):
        asked.append(first)
        if first is asked[0]:  # the copy on the CPU has room
            raise torch.OutOfMemoryError("no room")
        return real(first, *rest, **more)

    app = AppTest.from_file(str(ROOT / "app/main.py"), default_timeout=120)
    app.query_params |= {"lang": "en", "scene": "summary" if function == "residual_streams" else "cnn"}
    app.query_params |= {"view": page, "inside": "entropies"}  # which the lecture does not read
    app.run()
    before = [result for key, result in cache.outputs().items() if key[1] == "result"]
    assert told not in captions(app)
    for derived in ("atlas", "entropies"):
        vars(before[0]).pop(derived, None)
    if function == "answer":  # the browser asks for more, as it does of a large picture, or for a file
        monkeypatch.setattr(of, "whole", property(lambda self: False, lambda self, value: None), raising=False)
        monkeypatch.setattr(
            "app.components.atlas.component._view",
            lambda **_: SimpleNamespace(want={"of": ""}, save={"of": ""}, like=None, view=None),
        )
    monkeypatch.setattr(of, function, full)
    if page == "lecture":
        app.switch_page("lecture/page.py").run()
    elif function == "fused_layers":
        app.segmented_control(key="fusion").set_value("max").run()
    else:
        app.run()
    assert not app.exception
    assert len(set(map(id, asked))) == 2
    assert told in captions(app)
    after = [result for key, result in cache.outputs().items() if key[1] == "result"]
    assert len(before) == len(after) == 1
    assert after[0].trace is not before[0].trace
    assert after[0].model is cache.models().get((after[0].name, "cpu"), None) is not before[0].model
    gone = weakref.ref(before.pop())
    del asked[:]
    gc.collect()
    assert gone() is None  # the device has its memory back


def test_a_model_that_the_device_has_no_memory_for_is_kept_on_the_cpu_and_the_page_says_so(monkeypatch):
    def full(model, device):
        if str(device) == "cuda":
            raise torch.OutOfMemoryError("no room")
        return model

    app = AppTest.from_file(str(ROOT / "app/main.py"), default_timeout=120)
    app.query_params["lang"] = "en"
    app.run()
    assert text.Text("en")("side.model.kept") not in captions(app)
    st.cache_resource.clear()
    for module in "vit_core", "vit_core.checkpoints", "app.components.panel":
        monkeypatch.setattr(f"{module}.best_device", lambda: torch.device("cuda"))
    monkeypatch.setattr(vc.VisionTransformer, "to", full)
    app.run()
    assert not app.exception
    said = captions(app)
    assert text.Text("en")("side.model.kept") in said
    assert text.Text("en")("device.cpu") in said
    assert app.main.markdown[-1].value.endswith(text.Text("en")("attention.not"))


def test_a_hall_that_is_too_full_is_told_so_and_may_try_again(monkeypatch):
    from streamlit.testing.v1 import AppTest

    full = [True]
    real = cached.result

    def result(*args):
        if full[0]:
            raise vc.InputError("busy", "32 pictures are waiting", depth=32)
        return real(*args)

    monkeypatch.setattr(cached, "result", result)
    app = AppTest.from_file(str(ROOT / "app/main.py"), default_timeout=120)
    app.query_params["lang"] = "en"
    app.run()
    assert not app.exception
    assert "32 pictures are waiting" in app.warning[0].value
    full[0] = False
    app.button(key="busy_again").click().run()
    assert not app.exception
    assert not app.warning
    assert app.main.markdown[-1].value.endswith(text.Text("en")("attention.not"))
