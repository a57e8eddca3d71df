"""Computing ahead: step by step, given up for newer steps, silent about errors."""

import threading

from app.runtime.ahead import Ahead
from tests.serving.test_queue import held
from vit_core.serving.queue import Queue


def test_newer_steps_replace_the_rest_of_the_earlier_ones():
    queue, done = Queue(), []
    ahead, let = Ahead(queue), held(queue)
    first = ahead.run([lambda: done.append("a 1"), lambda: done.append("a 2")])
    second = ahead.run([lambda: done.append("b 1"), lambda: done.append("b 2")])
    let.set()
    first.join(30), second.join(30)
    assert [one for one in done if one.startswith("b")] == ["b 1", "b 2"]
    assert "a 2" not in done


def test_an_error_ends_its_steps_alone():
    queue, done = Queue(), []
    ahead = Ahead(queue)
    ahead.run([lambda: 1 / 0, lambda: done.append("after the error")]).join(30)
    ahead.run([lambda: done.append(threading.current_thread().name)]).join(30)
    assert done == ["vitrine"]
