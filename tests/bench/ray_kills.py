"""An evaluation on Ray stopped once, killed twice and finished: `python -m pytest tests/bench/ray_kills.py`.

Not among the tests: Ray gives a node 30 seconds to start, whatever else the machine does.
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
    gone,
    home,
    listening,
    local,
    made,
    ray,
    reached,
    slay,
)
from vit_core.data import open_dataset
from vit_core.evaluation import read_progress, read_run
from vit_core.evaluation.folder import RAY_FOLDER

__all__ = ["made", "ray"]  # fixtures


@pytest.mark.timeout(900)
def test_stopped_and_killed_it_ends_with_the_local_rows(made, ray, tmp_path, measured):
    begun, out = time.monotonic(), tmp_path / "out"
    process = ray(out)
    reached(process, out, 40)
    assert listening() == {"0100007F"}, "a port is open to other machines"
    folder = home()
    process.send_signal(signal.SIGTERM)  # asked to stop, it does so in order
    said = process.communicate(timeout=240)[0]
    assert process.returncode == 130, said
    assert "not known to the model: 낯선\n" in said
    gone()
    assert not folder.exists()
    first = committed(out)
    assert read_progress(out).state == "cancelled"
    assert 40 <= read_progress(out).done < COUNT
    assert read_progress(out).done in (BATCH * len(first), BATCH * len(first) - BATCH + 1)

    process = ray(out)
    reached(process, out, read_progress(out).done + 2 * BATCH)
    folder = home()
    process.kill()  # the driver alone: its cluster has to end by itself
    assert process.wait() == -signal.SIGKILL
    assert read_progress(out).state == "interrupted"
    gone(within=60)
    assert not folder.exists()
    second = committed(out)
    assert first < second, "what was done before is done again"

    changed = made / "pictures" / pq.read_table(out / RAY_FOLDER / "parts", columns=["path"])["path"][0].as_py()
    os.utime(changed, ns=(1, 1))
    process = ray(out)
    reached(process, out, BATCH * (len(second) + 1))
    folder = home()
    slay()  # every process at once, the guard too
    shutil.rmtree(folder)
    assert process.wait() == -signal.SIGKILL
    third = committed(out)
    assert len(second - third) == 1, "the part of the changed picture alone is done again"
    assert len(third) > len(second)
    assert len(third) <= COUNT // BATCH, "it ended before it could be killed"

    process = ray(out)
    said = process.communicate(timeout=240)[0]
    assert process.returncode == 0, said
    gone()
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
