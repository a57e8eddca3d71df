"""An evaluation on Ray gives the same rows as a local one, bit for bit, even if processes were killed.

Each test starts Ray in a process of its own.
"""

import copy
import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from app import text
from tests.evaluation.test_run import Poison
from vit_core.checkpoints import embedded
from vit_core.cli import main
from vit_core.data import open_dataset
from vit_core.errors import InputError
from vit_core.evaluation import evaluate, read_progress, read_run
from vit_core.evaluation.folder import RAY_FOLDER
from vit_core.evaluation.store import Store, arrow_schema
from vit_core.images import Preprocess
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer

ROOT = Path(__file__).resolve().parents[2]
RETRIES = 1  # of a block whose actor was killed, in place of the default; each takes some seconds
BATCH, COUNT = 8, 481  # the last batch has one picture, so its sums are added in another order


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with pictures/, two of them unreadable, and model.safetensors."""
    home = tmp_path_factory.mktemp("rây files")  # a space and an accent, as in real folder names
    config = ViTConfig(
        image_size=(16, 16), patch_size=(4, 4), classes=5, dim=24, depth=2, heads=2, head_dim=12, mlp_dim=48
    )
    torch.manual_seed(0)
    names = [f"class {i}" for i in range(5)]
    model = VisionTransformer(config, names, Preprocess((16, 16), (0.5, 0.4, 0.3), (0.3, 0.2, 0.25)))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    embedded.save(model, home / "model.safetensors", {})
    draw = np.random.default_rng(0)
    for i in range(COUNT):
        folder = home / "pictures" / [*names, "낯선"][i % 6]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (20, 30, 3), np.uint8)).save(folder / f"{i:05}.png")
    for name in ("class 0/00000.png", "class 1/00109.png"):
        (home / "pictures" / name).write_bytes(b"no picture")
    return home


def local(home: Path, out: Path) -> Path:
    """The table of a local evaluation with one thread, as `ray` has."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return evaluate(
            f"file:{home / 'model.safetensors'}",
            open_dataset(home / "pictures"),
            out,
            batch=BATCH,
            workers=0,
            device="cpu",
        )
    finally:
        torch.set_num_threads(threads)


#: The command line, with pictures slow enough that it can be stopped between two of them.
SLOWLY = """
import sys
from vit_core import data
from tests.evaluation.test_run import Slow
whole = data.open_dataset
data.open_dataset = lambda *names: Slow(whole(*names), -1, 0, None)
from vit_core.__main__ import main
sys.exit(main())
"""


def evaluation(made: Path, out: Path) -> list[str]:
    """Arguments of `python -m vit_core`."""
    model = f"file:{made / 'model.safetensors'}"
    options = {"--model": model, "--out": out, "--batch": BATCH, "--device": "cpu"}
    return ["evaluate", str(made / "pictures"), *(str(part) for option in options.items() for part in option)]


@pytest.fixture
def ray(made):
    """ray(out) -> the running command.

    Processes that outlive their parent become this process's children, so that `family` finds them all. Those that are
    left at the end are killed.
    """
    adopt_orphans(True)
    env = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    env |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": ""}
    begun = []

    def begin(out: Path, *command: str) -> subprocess.Popen:
        command = command or ("-c", SLOWLY, *evaluation(made, out), "--workers", "1", "--engine", "ray")
        begun.append(
            subprocess.Popen(
                [sys.executable, *command],
                env=env,
                stdout=subprocess.PIPE,
                text=True,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        )
        return begun[-1]

    OTHERS.update(family())
    yield begin
    kill_family()
    for process in begun:
        process.communicate()
    adopt_orphans(False)


#: Children of this process from before the test.
OTHERS: set[int] = set()


def adopt_orphans(on: bool) -> None:
    assert ctypes.CDLL(None).prctl(36, int(on), 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER


def family(name: str = "") -> list[int]:
    """The running descendants of this process with `name` in their command line."""
    children, found, ours = {}, set(), [os.getpid()]
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, parent = (process / "stat").read_text().rpartition(")")[2].split()[:2]
            children.setdefault(int(parent), []).append(int(process.name))
            if state not in "ZX" and name.encode() in (process / "cmdline").read_bytes():
                found.add(int(process.name))
    for pid in ours:
        ours += [child for child in children.get(pid, []) if child not in OTHERS]
    return [pid for pid in ours[1:] if pid in found]


def home() -> Path:
    """The temporary folder of the running cluster."""
    (raylet,) = family("/raylet/raylet")
    return Path(re.search(rb"--temp_dir=([^\0]+)", Path(f"/proc/{raylet}/cmdline").read_bytes())[1].decode())


def kill_family() -> None:
    until = time.monotonic() + 60
    while left := family():
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert time.monotonic() < until
        time.sleep(0.02)


def wait_until_gone(timeout_s: float = 0) -> None:
    """Wait until no process of the run is left."""
    until = time.monotonic() + timeout_s
    while left := family():
        assert time.monotonic() < until, [Path(f"/proc/{pid}/cmdline").read_bytes()[:80] for pid in left]
        time.sleep(0.05)


def wait_for_pictures(process: subprocess.Popen, out: Path, done: int) -> None:
    until = time.monotonic() + 240
    while read_progress(out).done < done:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.02)


def committed(out: Path) -> set[str]:
    return {p.name for p in (out / RAY_FOLDER / "commits").glob("*.parquet") if not p.name.endswith(".pending.parquet")}


def listening() -> set[str]:
    """The addresses that the family listens on, as in /proc/net; IPv4-mapped IPv6 addresses as IPv4."""
    sockets = set()
    for pid in family():
        for handle in Path(f"/proc/{pid}/fd").glob("*"):
            with suppress(OSError):
                sockets.add(os.readlink(handle).removeprefix("socket:[").rstrip("]"))
    lines = [line.split() for kind in ("tcp", "tcp6") for line in Path(f"/proc/net/{kind}").read_text().splitlines()]
    return {
        line[1].rpartition(":")[0].removeprefix("0000000000000000FFFF0000")
        for line in lines
        if line[3] == "0A" and line[9] in sockets
    }


POISONED = """
import sys
from pathlib import Path
from tests.evaluation.test_run import Poison
from vit_core.evaluation import evaluate
from vit_core.data import open_dataset

home, out = map(Path, sys.argv[1:])
source = Poison(open_dataset(home / "pictures"), 20, 99, out.with_name("count"))
evaluate(f"file:{home / 'model.safetensors'}", source, out, batch=64, workers=1, device="cpu", engine="ray")
"""


@pytest.mark.load
@pytest.mark.timeout(600)
def test_a_picture_that_crashes_its_process_becomes_an_error_row(made, ray, tmp_path):
    out = tmp_path / "out"
    process = ray(out, "-c", POISONED, str(made), str(out))
    said = process.communicate(timeout=400)[0]
    wait_until_gone()
    assert process.returncode == 0, said
    rows = pq.read_table(out / "rows.parquet").to_pylist()
    assert len(rows) == COUNT
    assert InputError.from_json(rows[20]["error"]).code == "evaluate-crash"
    assert sum(row["error"] is not None for row in rows) == 3


class Deadly(Poison):
    """A data set that kills the actor computing a row, the first `times` times."""

    @property
    def labels(self):
        if Path("/proc/self/comm").read_text().startswith("ray::"):
            with open(self.count, "a") as file:
                file.write("x")
            if self.count.stat().st_size <= self.times:
                os.kill(os.getpid(), signal.SIGKILL)
        return self.source.labels


DEADLY = """
import sys
from pathlib import Path
from tests.evaluation.test_ray_engine import BATCH, RETRIES, Deadly
from vit_core.evaluation import evaluate, ray_engine
from vit_core.data import open_dataset

ray_engine.MAX_BLOCK_RETRIES = RETRIES
home, out, count = map(Path, sys.argv[1:4])
source = Deadly(open_dataset(home / "pictures"), -1, int(sys.argv[4]), count)
evaluate(f"file:{home / 'model.safetensors'}", source, out, batch=BATCH, workers=1, device="cpu", engine="ray")
"""


@pytest.mark.load
@pytest.mark.timeout(900)
def test_a_block_whose_actor_is_killed_is_retried_a_limited_number_of_times(made, ray, tmp_path):
    from vit_core.evaluation.ray_engine import MAX_BLOCK_RETRIES

    assert MAX_BLOCK_RETRIES > 0
    out, count = tmp_path / "out", tmp_path / "count"
    process = ray(out, "-c", DEADLY, str(made), str(out), str(count), str(RETRIES + 2))
    said = process.communicate(timeout=400)[0]
    assert process.returncode == 1, said
    assert "Ray could not finish the evaluation (" in said
    assert count.exists(), said
    assert count.stat().st_size > RETRIES
    assert read_progress(out).state == "failed"
    wait_until_gone()
    count.unlink()
    process = ray(out, "-c", DEADLY, str(made), str(out), str(count), str(RETRIES))
    said = process.communicate(timeout=400)[0]
    assert process.returncode == 0, said
    assert (out / "rows.parquet").read_bytes() == local(made, tmp_path / "local").read_bytes()


def test_missing_ray_is_an_error_with_install_instructions(made, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    for name in "evaluation.ray_engine", "ray_cluster", "ray_cluster.cluster":
        monkeypatch.delitem(sys.modules, f"vit_core.{name}", raising=False)
    with pytest.raises(InputError) as caught:
        evaluate("embedded:fashion", open_dataset(made / "pictures"), tmp_path / "out", engine="ray")
    assert caught.value.code == "ray-missing"
    assert main(["evaluate", str(made / "pictures"), "--out", str(tmp_path / "out"), "--engine", "ray"]) == 2
    assert "pip install -r requirements-ray.txt" in capsys.readouterr().err
    assert read_progress(tmp_path / "out").state == "failed"
    for code in "ray-missing", "evaluate-ray":
        assert code in text.ERRORS["ko"]


def test_ray_is_imported_only_on_request():
    code = (
        "import sys, vit_core.cli, vit_core.evaluation.run, vit_core.evaluation.folder; sys.exit('ray' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_ray_extra_pins_the_tested_version():
    extra = [line for line in (ROOT / "requirements-ray.txt").read_text().splitlines() if line and line[0] != "#"]
    version = subprocess.run([sys.executable, "-m", "pip", "show", "ray"], capture_output=True, text=True).stdout
    assert extra == [f"ray[data,serve]=={version.split('Version: ')[1].split()[0]}"]
    assert "-r ../requirements-ray.txt" in (ROOT / "tests/requirements.txt").read_text().splitlines()


@pytest.mark.load
def test_an_engine_refuses_the_other_engines_unfinished_rows(made, tmp_path):
    file, source, out = f"file:{made / 'model.safetensors'}", open_dataset(made / "pictures"), tmp_path / "out"
    seen = []
    with pytest.raises(InputError, match="stopped after"):
        evaluate(
            file,
            source,
            out,
            batch=BATCH,
            workers=0,
            device="cpu",
            on_progress=seen.append,
            should_stop=lambda: len(seen) == 2,
        )
    command = [sys.executable, "-m", "vit_core", *evaluation(made, out), "--engine", "ray"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert "something else (different: engine)" in done.stderr
    assert read_progress(out).done == 2 * BATCH


def part(folder: Path, name: str, positions, pictures: list[str], commit: bool = True) -> None:
    """Write a part as Ray does, with its commit; without, as if it had been killed in between."""
    rows = [
        {
            "path": pictures[p],
            "size": 1,
            "mtime_ns": 0,
            "source_label": 0,
            "label": 0,
            "position": p,
            "error": "image-format: No." if p == 3 else None,
            "top_p": [0.75, 0.25],
        }
        for p in positions
    ]
    for kind in "parts", "commits":
        (folder / RAY_FOLDER / kind).mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(rows, arrow_schema().append(pa.field("position", pa.int64())))
    pq.write_table(table, folder / RAY_FOLDER / "parts" / f"{name}-0.parquet")
    end = ".parquet" if commit else ".pending.parquet"
    pq.write_table(table.select(["path"]), folder / RAY_FOLDER / "commits" / f"{name}{end}")


def test_only_committed_parts_count_and_each_row_once(tmp_path):
    from vit_core.evaluation.ray_engine import Parts

    names = [f"{i}.png" for i in range(10)]
    part(tmp_path, "a_0", [4, 5, 0, 1], names)  # Ray guarantees no order
    part(tmp_path, "b_0", [2, 3], names)
    part(tmp_path, "c_0", [6, 7], names, commit=False)
    part(tmp_path, "d_0", [0, 1], names)  # again, as if a cluster had outlived its killed driver
    (tmp_path / RAY_FOLDER / "parts" / "e_0-0.parquet").write_bytes(b"PAR1 half of a file")
    parts, store = Parts(tmp_path), Store(tmp_path / "rows.sqlite")
    assert parts.copy_into(store, 10) == [6, 7, 8, 9]
    assert sorted(row[0] for row in store.stats()) == [0, 1, 2, 3, 4, 5]
    part(tmp_path, "f_0", range(6, 10), names)
    assert parts.copy_into(store, 10) == []
    store.to_parquet(tmp_path / "rows.parquet", {})
    store.close()
    rows = pq.read_table(tmp_path / "rows.parquet")
    assert rows["path"].to_pylist() == names
    assert rows["top_p"].to_pylist() == [[0.75, 0.25]] * 10
    assert rows["error"].to_pylist()[3] == "image-format: No."


def test_rows_are_counted_from_the_footers(tmp_path):
    from vit_core.evaluation.ray_engine import Parts

    names, parts = [f"{i}.png" for i in range(10)], Parts(tmp_path)
    assert parts.count() == (0, 0)
    part(tmp_path, "a_0", [0, 1, 4], names)
    part(tmp_path, "c_0", [6, 7], names, commit=False)
    assert parts.count() == (3, 0)
    part(tmp_path, "b_0", [2, 3], names)
    assert parts.count() == (5, 1)


def test_part_of_a_batch_gives_the_same_numbers_as_the_whole(made, tmp_path, monkeypatch):
    from vit_core.evaluation import ray_engine

    model, source = embedded.load_saved(made / "model.safetensors"), open_dataset(made / "pictures")
    sent = copy.deepcopy(model), ray_engine._alignment(model), source
    monkeypatch.setattr(ray_engine.ray, "get", lambda what: what)
    rows = pq.read_table(local(made, tmp_path / "local")).to_pylist()
    target = np.asarray(read_run(tmp_path / "local")["match"]["target"])
    threads = torch.get_num_threads()
    try:
        actor = ray_engine.Evaluator(sent, target, BATCH, 1, "cpu", tmp_path / "cancel")
        found = actor(pa.table({"path": ["a"] * 4, "position": [5, 12, 2, 480]})).to_pylist()
    finally:
        torch.set_num_threads(threads)
    assert found == [rows[p] | {"position": p} for p in (5, 2, 12, 480)]
