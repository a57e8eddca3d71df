"""Stop an evaluation on Ray once, kill it twice, finish it: `python -m pytest tests/bench/ray_kills.py`.

Not part of the test suite: Ray allows a node only 30 seconds to start, which a busy machine may exceed.
"""

import os
import shutil
import signal
import time

import pyarrow.parquet as pq
import pytest

from tests.evaluation.test_ray_engine import (
    BATCH,
    COUNT,
    committed,
    home,
    kill_family,
    listening,
    local,
    made,
    ray,
    wait_for_pictures,
    wait_until_gone,
)
from vit_core.data import open_dataset
from vit_core.evaluation import read_progress, read_run
from vit_core.evaluation.folder import RAY_FOLDER

__all__ = ["made", "ray"]  # fixtures


@pytest.mark.timeout(900)
def test_rows_equal_the_local_ones_after_a_stop_and_two_kills(made, ray, tmp_path, measured):
    begun, out = time.monotonic(), tmp_path / "out"
    process = ray(out)
    wait_for_pictures(process, out, 40)
    assert listening() == {"0100007F"}, "a port is open to other machines"
    folder = home()
    process.send_signal(signal.SIGTERM)  # a clean stop
    said = process.communicate(timeout=240)[0]
    assert process.returncode == 130, said
    assert "not known to the model: 낯선\n" in said
    wait_until_gone()
    assert not folder.exists()
    first = committed(out)
    assert read_progress(out).state == "cancelled"
    assert 40 <= read_progress(out).done < COUNT
    assert read_progress(out).done in (BATCH * len(first), BATCH * len(first) - BATCH + 1)

    process = ray(out)
    wait_for_pictures(process, out, read_progress(out).done + 2 * BATCH)
    folder = home()
    process.kill()  # only the driver; its cluster has to end by itself
    assert process.wait() == -signal.SIGKILL
    assert read_progress(out).state == "interrupted"
    wait_until_gone(60)
    assert not folder.exists()
    second = committed(out)
    assert first < second, "finished parts were computed again"

    changed = made / "pictures" / pq.read_table(out / RAY_FOLDER / "parts", columns=["path"])["path"][0].as_py()
    os.utime(changed, ns=(1, 1))
    process = ray(out)
    wait_for_pictures(process, out, BATCH * (len(second) + 1))
    folder = home()
    kill_family()  # every process at once, including the watchdog
    shutil.rmtree(folder)
    assert process.wait() == -signal.SIGKILL
    third = committed(out)
    assert len(second - third) == 1, "not only the changed picture's part was computed again"
    assert len(third) > len(second)
    assert len(third) <= COUNT // BATCH, "it ended before it could be killed"

    process = ray(out)
    said = process.communicate(timeout=240)[0]
    assert process.returncode == 0, said
    wait_until_gone()
    assert (out / "rows.parquet").read_bytes() == local(made, tmp_path / "local").read_bytes()
    paths = pq.read_table(out / "rows.parquet")["path"].to_pylist()
    assert paths == sorted(open_dataset(made / "pictures").names)
    assert not [p.name for p in out.iterdir() if p.name not in (".lock", "run.json", "rows.parquet")]
    end, whole = read_run(out), read_run(tmp_path / "local")
    assert (end["engine"], end["errors"]) == ("ray", 2)
    assert {k: end[k] for k in ("done", "errors", "right", "known")} == {
        k: whole[k] for k in ("done", "errors", "right", "known")
    }
    measured(f"evaluation on Ray stopped once, killed twice, finished, to the bit: {time.monotonic() - begun:.0f} s")
