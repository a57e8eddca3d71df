"""An evaluation gives the numbers of `predict`, and loses none of them whatever happens to it."""

import hashlib
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

import vit_core as vc
from vit_core.checkpoints import embedded
from vit_core.cli import main
from vit_core.data import open_dataset
from vit_core.data.arrays import read_idx
from vit_core.errors import InputError
from vit_core.evaluation import cancel, decode, evaluate, read_progress, read_run, start_process
from vit_core.evaluation.batch import TOP_CLASSES, batch_rows, normalise
from vit_core.evaluation.plan import default_batch, differs_from_run
from vit_core.evaluation.store import COLUMNS, Store
from vit_core.images import Preprocess
from vit_core.models.config import VARIANTS, ViTConfig
from vit_core.models.vit import VisionTransformer

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = embedded.ASSETS / "fashion-mnist" / "t10k-images-idx3-ubyte.gz"
NAMES = [f"class {i}" for i in range(7)]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Tiny models: threads would wait for each other longer than they compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def network(side: int = 16, classes: int = 7, depth: int = 2, dim: int = 24, channels: int = 3) -> VisionTransformer:
    config = ViTConfig(
        image_size=(side, side),
        patch_size=(4, 4),
        classes=classes,
        dim=dim,
        depth=depth,
        heads=2,
        head_dim=dim // 2,
        mlp_dim=2 * dim,
        channels=channels,
    )
    torch.manual_seed(0)
    model = VisionTransformer(
        config,
        [f"class {i}" for i in range(classes)],
        Preprocess(config.image_size, (0.5, 0.4, 0.3)[:channels], (0.3, 0.2, 0.25)[:channels]),
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    """The name of a small model with random weights, in the app's own format."""
    path = tmp_path_factory.mktemp("weights")
    embedded.save(network(), path / "tiny.safetensors", {})
    return str(path / "tiny.safetensors")


@pytest.fixture
def loaded(model):
    return embedded.load_saved(Path(model))


def photographs(root: Path, count: int, per_class: int = 9, side: tuple[int, int] = (21, 30)) -> Path:
    """`count` noisy pictures, JPEG and PNG, in folders of the model's classes and one that it does not know."""
    draw = np.random.default_rng(0)
    for i in range(count):
        folder = root / ([*NAMES, "stranger"][i // per_class % 8])
        folder.mkdir(parents=True, exist_ok=True)
        pixels = draw.integers(0, 256, (*side, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:05}.{'png' if i % 3 else 'jpg'}")
    return root


def garments(root: Path, count: int) -> Path:
    """The first `count` pictures of the bundled test set as files, in folders named by NAMES."""
    for i, pixels in enumerate(read_idx(BUNDLED)[:count]):
        (root / NAMES[i % 7]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / NAMES[i % 7] / f"{i:05}.png")
    return root


def refused(code: str, call, *args, **kwargs) -> InputError:
    with pytest.raises(InputError) as caught:
        call(*args, **kwargs)
    assert caught.value.code == code, str(caught.value)
    return caught.value


def table(path: Path) -> list[dict]:
    return pq.read_table(path).to_pylist()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_rows_are_what_predict_says(tmp_path, loaded):
    root = photographs(tmp_path / "p", 70)
    (root / "class 0" / "broken.jpg").write_bytes((root / "class 0" / "00000.jpg").read_bytes()[:200])
    source = open_dataset(root)
    rows = table(evaluate(loaded, source, tmp_path / "out", batch=16, workers=2))
    assert list(rows[0]) == list(COLUMNS)
    assert [row["path"] for row in rows] == sorted(source.names)
    assert [source.classes[row["source_label"]] for row in rows] == [row["path"].split("/")[0] for row in rows]
    for i, row in enumerate(rows):
        file = root / row["path"]
        assert (row["size"], row["mtime_ns"]) == (file.stat().st_size, file.stat().st_mtime_ns)
        assert row["hash"] == hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest()
        known = source.classes[row["source_label"]] != "stranger"
        assert row["label"] == (loaded.labels.index(source.classes[row["source_label"]]) if known else -1)
        if "broken" in row["path"]:
            error = InputError.from_json(row["error"])
            assert (error.code, str(error)[:23]) == ("image-truncated", "The JPEG file is damage")
            assert {k for k, v in row.items() if v is None} == set(list(COLUMNS)[6:-1])
            continue
        trace = vc.record(loaded, source.read(i))
        said = vc.top_k(loaded, trace, TOP_CLASSES)
        assert [loaded.labels[c] for c in row["top"]] == [label for label, _ in said]
        assert row["top_p"] == pytest.approx([p for _, p in said], rel=1e-5)
        assert (row["predicted"], row["probability"]) == (row["top"][0], row["top_p"][0])
        assert row["margin"] == pytest.approx(row["top_p"][0] - row["top_p"][1])
        p = trace.logits.double().softmax(-1)
        assert row["entropy"] == pytest.approx(-(p * p.log2()).sum().item(), rel=1e-5)
        assert row["embedding"] == pytest.approx(loaded.pooled(trace.tokens[None])[0].tolist(), rel=1e-4, abs=1e-5)
        if known:
            assert row["p_label"] == pytest.approx(p[row["label"]].item(), rel=1e-5)
            assert row["loss"] == pytest.approx(-np.log(row["p_label"]))
        else:
            assert row["p_label"] is row["loss"] is None
        assert row["error"] is None
    counted = duckdb.sql(f"SELECT count(*), count(error) FROM '{tmp_path / 'out' / 'rows.parquet'}'").fetchall()
    assert counted == [(71, 1)]


def test_a_label_s_numbers_are_of_the_model_s_class_of_that_name():
    source = SimpleNamespace(labels=np.array([0, 1, 2]), names=["a", "b", "c"])  # classes 2, 0 and none of the model's
    facts = [decode.PictureFacts(1, 2, "3", None)] * 3
    p = [[0.5, 0.3, 0.2], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1]]
    rows = batch_rows(source, range(3), np.array([2, 0, -1]), facts, torch.tensor(p).log(), torch.zeros(3, 1))
    assert [row["p_label"] for row in rows[:2]] == pytest.approx([0.2, 0.6])
    assert [row["loss"] for row in rows[:2]] == pytest.approx([-math.log(0.2), -math.log(0.6)])
    assert [(row["source_label"], row["label"], row["predicted"]) for row in rows] == [(0, 2, 0), (1, 0, 0), (2, -1, 1)]
    assert "p_label" not in rows[2]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("workers", [0, 1])
def test_the_model_receives_what_its_transform_gives_to_the_bit(tmp_path, channels, workers):
    source = open_dataset(photographs(tmp_path, 20))
    transform = network(channels=channels).transform
    decoder = decode.DecoderPool(source, transform, workers)
    try:
        ((_, facts, pixels),) = decoder.batches([range(20)])
    finally:
        decoder.close()
    assert [f.error for f in facts] == [None] * 20
    expected = torch.cat([transform(source.read(i))[0] for i in range(20)])
    assert torch.equal(normalise(np.stack(pixels), transform, torch.device("cpu")), expected)


#: Starts runs in processes of their own, forked after the imports, which would take most of each short life.
STARTER = """
import json, os, signal, sys
from pathlib import Path
import pyarrow.parquet, torch
from vit_core.checkpoints import embedded
from vit_core.data import open_dataset
from vit_core.evaluation import evaluate

def live(root, model, out, workers=0, die=None, after=False):
    torch.set_num_threads(1)
    if die is not None:  # at the moving into place of the die-th file
        real, calls = os.replace, []
        def replace(old, new):
            calls.append(new)
            if after:
                real(old, new)
            if len(calls) == die:
                os.kill(os.getpid(), signal.SIGKILL)
            if not after:
                real(old, new)
        os.replace = replace
    evaluate(model, open_dataset(root), out, batch=8, workers=workers)

if __name__ == "__main__":
    for line in sys.stdin:
        asked = json.loads(line)
        asked["model"] = embedded.load_saved(Path(asked.pop("file")))  # imports a second's worth of torch by itself
        pid = os.fork()
        if not pid:
            try:
                live(**asked)
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)
"""


@pytest.fixture
def starter(tmp_path):
    """starter(**of live) -> (pid, wait), with wait() -> the status that the process ended with."""
    (tmp_path / "starter.py").write_text(STARTER, "utf-8")
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "VITRINE_TEST": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, tmp_path / "starter.py"], env=env, stdin=subprocess.PIPE, text=True, stdout=subprocess.PIPE
    ) as server:

        def begin(**asked):
            server.stdin.write(json.dumps({k: str(v) if isinstance(v, Path) else v for k, v in asked.items()}) + "\n")
            server.stdin.flush()
            return int(server.stdout.readline()), lambda: int(server.stdout.readline())

        yield begin
        server.stdin.close()
        server.wait(20)


def family(mark: Path) -> list[str]:
    """The processes that the starter and its runs have begun, workers too."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"VITRINE_TEST={mark}\0".encode() in (process / "environ").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found


@pytest.mark.load
def test_eight_kills_lose_nothing(tmp_path, starter):
    """kill -9 at random moments; the table is that of a run that was never stopped, to the bit."""
    draw = random.Random(0)
    root, file = garments(tmp_path / "p", 800), tmp_path / "model.safetensors"
    embedded.save(network(side=28, depth=3, dim=96), file, {})
    whole = evaluate(embedded.load_saved(file), open_dataset(root), tmp_path / "whole", batch=8, workers=0)
    out, done = tmp_path / "out", 0
    for kill in range(8):
        pid, wait = starter(root=root, file=file, out=out, workers=int(kill in (3, 5)))
        until = time.monotonic() + 60
        while read_progress(out).done <= done:  # each run must advance, or the loop would not end
            assert time.monotonic() < until
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.03))
        os.kill(pid, signal.SIGKILL)
        assert wait() == signal.SIGKILL, "the run ended before it could be killed"
        assert read_progress(out).state == "interrupted"
        done = read_progress(out).done
    assert 0 < done < 800
    while len(family(tmp_path)) > 1:  # all but the starter: a worker that outlives its killed parent waits for ever
        assert time.monotonic() < until + 60
        time.sleep(0.05)
    assert starter(root=root, file=file, out=out)[1]() == 0
    assert digest(out / "rows.parquet") == digest(whole)
    assert [row["path"] for row in table(whole)] == sorted(open_dataset(root).names)
    assert not list(out.glob("rows.sqlite*"))


@pytest.mark.load
def test_a_kill_while_finishing_loses_nothing(tmp_path, starter, loaded, model):
    root = photographs(tmp_path / "p", 30)
    whole = evaluate(loaded, open_dataset(root), tmp_path / "whole", batch=8, workers=0)
    # The files moved into place: 1 and 2 run.json, 3 rows.parquet, 4 run.json.
    for die, after in (1, False), (1, True), (2, False), (2, True), (3, False), (3, True), (4, False), (4, True):
        out = tmp_path / f"out {die} {after}"
        assert starter(root=root, file=Path(model), out=out, die=die, after=after)[1]() == signal.SIGKILL
        assert starter(root=root, file=Path(model), out=out)[1]() == 0
        assert digest(out / "rows.parquet") == digest(whole)
        assert read_progress(out).state == "done"
        assert read_progress(out).done == 30
        assert not list(out.glob("rows.sqlite*"))


def test_cancelled_it_goes_on_and_a_changed_file_takes_its_batch_along(tmp_path, loaded):
    root, out = photographs(tmp_path / "p", 40), tmp_path / "out"
    source, seen = open_dataset(root), []
    with pytest.raises(InputError) as caught:
        evaluate(loaded, source, out, batch=8, workers=0, on_progress=seen.append, should_stop=lambda: len(seen) == 3)
    assert (caught.value.code, caught.value.values) == ("evaluate-cancelled", {"done": 24, "total": 40})
    assert [p.done for p in seen] == [8, 16, 24]
    assert (read_progress(out).state, read_progress(out).done, read_progress(out).total) == ("cancelled", 24, 40)

    changed = root / source.names[10]
    Image.fromarray(np.zeros((21, 30, 3), np.uint8)).save(changed)
    os.utime(changed, ns=(1, 1))
    again = []
    path = evaluate(loaded, source, out, batch=8, workers=0, on_progress=again.append)
    assert [p.done for p in again] == [24, 32, 40]  # the changed one's batch, and the two that were left
    fresh = evaluate(loaded, source, tmp_path / "fresh", batch=8, workers=0)
    assert digest(path) == digest(fresh)
    assert table(path)[10]["mtime_ns"] == 1


def test_a_run_goes_on_with_the_batches_that_it_was_cut_into(tmp_path, loaded):
    source, out, seen = open_dataset(photographs(tmp_path / "p", 20)), tmp_path / "out", []
    with pytest.raises(InputError, match="stopped after 8 of 20"):
        evaluate(loaded, source, out, batch=8, workers=0, on_progress=seen.append, should_stop=lambda: bool(seen))
    assert differs_from_run(loaded, source, out) == []
    assert differs_from_run(loaded, source, out, batch=9) == ["batch"]
    evaluate(loaded, source, out, workers=0, on_progress=seen.append)
    assert [p.done for p in seen] == [8, 16, 20]
    evaluate(loaded, source, out, workers=0, restart=True)  # from the beginning, as if there were none
    assert read_run(out)["identity"]["batch"] == 64


@pytest.mark.parametrize(
    ("variant", "size", "batch"),
    [
        ("Ti/16", 224, 64),
        ("B/16", 224, 64),
        # multiplications per picture, about: 577 * 304 M + 2 * 577^2 * 1024 * 24 = 1.9e11
        ("L/16", 384, 5),
        ("S/16", 512, 35),
        ("S/16", 1024, 4),
        ("H/14", 1022, 1),
    ],
)
def test_a_batch_of_a_large_model_takes_no_longer_than_one_of_a_small(variant, size, batch):
    with torch.device("meta"):
        model = VisionTransformer(replace(VARIANTS[variant], image_size=(size, size)))
    assert default_batch(model) == batch


def test_a_finished_run_stays_and_another_one_is_refused(tmp_path, loaded):
    root, out = photographs(tmp_path / "p", 18), tmp_path / "out"
    source = open_dataset(root)
    path = evaluate(loaded, source, out, batch=8, workers=0)
    before = path.stat().st_mtime_ns
    assert evaluate(loaded, source, out, batch=8, workers=0) == path
    assert path.stat().st_mtime_ns == before
    with torch.no_grad():
        loaded.head.weight[0, 0] += 1
    table_of = {"class 1": "class 2"}
    for change, different in (dict(), "model"), (dict(batch=9), "batch"), (dict(table=table_of), "classes"):
        with pytest.raises(InputError) as caught:
            evaluate(loaded, source, out, **{"batch": 8, "workers": 0} | change)
        assert caught.value.code == "evaluate-other"
        assert different in caught.value.values["differs"]
    assert read_progress(out).state == "done"
    evaluate(loaded, source, out, batch=8, workers=0, restart=True, table=table_of)
    assert {row["label"] for row in table(path)} == {0, 2}


def everything(root: Path) -> dict[str, bytes | None]:
    """What is in a folder, and in the folders in it."""
    return {str(p.relative_to(root)): p.read_bytes() if p.is_file() else None for p in sorted(root.rglob("*"))}


@pytest.mark.parametrize("name", ["run.json", "rows.parquet", "rows.sqlite", "cancel"])
def test_a_file_that_no_run_wrote_is_never_touched(tmp_path, loaded, name):
    source, out = open_dataset(photographs(tmp_path / "p", 9)), tmp_path / "project"
    for content in (b"my own", b"[1]", b'{"name": "my own", "state": "draft"}'):
        out.mkdir(exist_ok=True)
        (out / name).write_bytes(content)
        before = everything(tmp_path)
        for restart in (False, True):
            for begin in (
                lambda: evaluate(loaded, source, out, workers=0, restart=restart),  # noqa: B023
                lambda: start_process("embedded:fashion", source.root, out, restart=restart),  # noqa: B023
            ):
                error = refused("evaluate-folder", begin)
                assert error.values == {"out": str(out), "names": [name]}
        assert main(["evaluate", str(source.root), "--out", str(out), "--restart"]) == 2
        assert everything(tmp_path) == before


def test_a_run_leaves_folders_of_other_peoples_names_alone(tmp_path, loaded):
    source, out = open_dataset(photographs(tmp_path / "p", 9)), tmp_path / "project"
    for name in ("parts/precious.step", "commits/a.txt", "rows.parquet.part", "run.json.part"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("my own")
    before = everything(out)
    evaluate(loaded, source, out, workers=0)
    evaluate(loaded, source, out, workers=0, restart=True)
    assert before.items() <= everything(out).items()


def test_nothing_is_written_among_the_pictures(tmp_path, loaded):
    root = photographs(tmp_path / "p", 30)
    for number, name in enumerate(("parts", "commits")):
        (root / f"class {number}").rename(root / name)
    (tmp_path / "link").symlink_to(root)
    (root / "t.csv").write_text("path,label\nparts/00000.jpg,class 0\n", "utf-8")
    before = everything(tmp_path)
    for out in (root, tmp_path / "link", root / "parts", root / "run", root / "class 2" / "new" / "run"):
        for restart in (False, True):
            error = refused("evaluate-among", evaluate, loaded, open_dataset(root), out, workers=0, restart=restart)
            assert error.values == {"out": str(out), "root": str(root)}
        assert main(["evaluate", str(root), "--out", str(out)]) == 2
        assert everything(tmp_path) == before
    for out in (root, root / "parts"):
        refused("evaluate-among", evaluate, loaded, open_dataset(root / "t.csv"), out, workers=0)
    assert everything(tmp_path) == before
    evaluate(loaded, open_dataset(root / "t.csv"), root / "run", workers=0)  # a table says which pictures are meant
    evaluate(loaded, open_dataset(root), root / ".cache" / "run", workers=0)  # hidden: passed over by whoever lists


def test_the_same_names_in_another_folder_are_another_source(tmp_path, loaded):
    roots = [photographs(tmp_path / name, 18) for name in ("clean", "corrupted")]
    out = tmp_path / "out"
    first = evaluate(loaded, open_dataset(roots[0]), out, batch=8, workers=0)
    error = refused("evaluate-other", evaluate, loaded, open_dataset(roots[1]), out, batch=8, workers=0)
    assert error.values["differs"] == ["pictures' folder"]
    assert "(different: pictures' folder)" in str(error)
    (tmp_path / "link").symlink_to(roots[0])
    assert (
        evaluate(loaded, open_dataset(tmp_path / "link"), out, batch=8, workers=0) == first
    )  # the same, by another name
    before = first.stat().st_mtime_ns
    evaluate(loaded, open_dataset(roots[0]), out, batch=8, workers=0)
    assert first.stat().st_mtime_ns == before
    evaluate(loaded, open_dataset(roots[1]), out, batch=8, workers=0, restart=True)
    assert json.loads((out / "run.json").read_text("utf-8"))["source"]["root"] == str(roots[1])


def test_a_finished_run_of_a_picture_that_changed_runs_its_batch_again(tmp_path, loaded):
    root, out, seen = photographs(tmp_path / "p", 40), tmp_path / "out", []
    (root / "class 0" / "gone.png").symlink_to("nowhere.png")  # has neither size nor time
    source = open_dataset(root)
    before = table(evaluate(loaded, source, out, batch=8, workers=0))
    Image.fromarray(np.zeros((21, 30, 3), np.uint8)).save(root / source.names[10])
    with pytest.raises(InputError, match="stopped after 33 of 41"):
        evaluate(loaded, source, out, batch=8, workers=0, should_stop=lambda: True)
    path = evaluate(loaded, source, out, batch=8, workers=0, on_progress=seen.append)
    assert [p.done for p in seen] == [41]
    assert digest(path) == digest(evaluate(loaded, source, tmp_path / "fresh", batch=8, workers=0))
    after = table(path)
    assert [i for i in range(41) if after[i] != before[i]] == [10]
    assert not list(out.glob("rows.sqlite*"))
    path.write_bytes(b"damaged")
    evaluate(loaded, source, out, batch=8, workers=0)
    assert table(path) == after


def test_a_file_of_pictures_that_was_replaced_is_another_source(tmp_path, loaded):
    pictures, truth = np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8), np.zeros(20, np.uint8)
    for name, fill in ("mnist", pictures), ("same", pictures), ("corrupted", 255 - pictures):
        (tmp_path / name).mkdir()
        for kind, values in ("images-idx3", fill), ("labels-idx1", truth):
            head = b"\0\0\x08" + bytes([values.ndim]) + np.array(values.shape, ">u4").tobytes()
            (tmp_path / name / f"t10k-{kind}-ubyte").write_bytes(head + values.tobytes())
    out, stop = tmp_path / "out", iter([False, True])
    with pytest.raises(InputError, match="stopped after"):
        evaluate(loaded, open_dataset(tmp_path / "mnist"), out, batch=8, workers=0, should_stop=lambda: next(stop))
    (tmp_path / "corrupted" / "t10k-images-idx3-ubyte").replace(tmp_path / "mnist" / "t10k-images-idx3-ubyte")
    error = refused("evaluate-other", evaluate, loaded, open_dataset(tmp_path / "mnist"), out, batch=8, workers=0)
    assert error.values["differs"] == ["pictures' file"]
    evaluate(loaded, open_dataset(tmp_path / "same"), out, batch=8, workers=0)  # wherever it lies, it holds the same


def test_a_finished_run_reads_no_picture_again(tmp_path, loaded, monkeypatch):
    source = open_dataset(photographs(tmp_path / "p", 30))
    path = evaluate(loaded, source, tmp_path / "out", batch=8, workers=0)
    for method in "data", "read", "stat":  # a plain os.stat of each file is enough
        monkeypatch.setattr(type(source), method, lambda *_, method=method: pytest.fail(method))
    assert evaluate(loaded, source, tmp_path / "out", batch=8, workers=0) == path


@pytest.mark.parametrize(
    "option",
    [
        {"engine": "Ray"},
        {"engine": None},
        {"batch": 0},
        {"batch": -1},
        {"batch": True},
        {"batch": 1.5},
        {"batch": "8"},
        {"workers": -1},
        {"workers": 0.5},
    ],
)
def test_an_option_that_means_nothing_is_refused(tmp_path, loaded, option):
    source, ((name, got),) = open_dataset(photographs(tmp_path / "p", 9)), option.items()
    error = refused("evaluate-option", evaluate, loaded, source, tmp_path / "out", **{"workers": 0} | option)
    assert (error.values["option"], error.values["got"]) == (name, repr(got))
    assert not (tmp_path / "out").exists()


def test_a_model_of_other_floats_or_without_its_preprocessing(tmp_path, loaded):
    source = open_dataset(photographs(tmp_path / "p", 9))
    expected = table(evaluate(loaded, source, tmp_path / "single", workers=0))
    double = table(evaluate(loaded.double(), source, tmp_path / "double", workers=0))
    assert [row["p_label"] for row in double] == pytest.approx([row["p_label"] for row in expected], abs=1e-5)
    loaded.transform = None
    refused("checkpoint-config", evaluate, loaded, source, tmp_path / "none", workers=0)


def test_labels_of_another_model_are_refused_before_anything_runs(tmp_path, loaded):
    loaded.labels = [*loaded.labels, "stranger"]  # the pictures have such a class, and the model has not
    source = open_dataset(photographs(tmp_path / "p", 72))
    refused("labels-count", evaluate, loaded, source, tmp_path / "out", workers=0)
    assert not (tmp_path / "out" / "rows.parquet").exists()


def test_names_that_are_not_utf_8_are_classes_and_folders_too(tmp_path, model, capsys):
    root = tmp_path / os.fsdecode(b"p\xe9")
    photographs(root, 27)
    os.rename(root / "class 1", root / os.fsdecode(b"caf\xe9"))
    stop, out = iter([False, True]), tmp_path / "out"
    refused(
        "evaluate-cancelled",
        evaluate,
        f"file:{model}",
        open_dataset(root),
        out,
        batch=9,
        workers=0,
        should_stop=lambda: next(stop),
    )
    assert main(["evaluate", str(root), "--model", f"file:{model}", "--out", str(out), "--workers", "0"]) == 0
    assert "not known to the model: caf\\udce9\n" in capsys.readouterr().out
    assert [row["path"] for row in table(out / "rows.parquet")][:2] == ["caf\\udce9/00009.jpg", "caf\\udce9/00010.png"]
    said = read_run(out)["source"]
    assert (said["title"], said["classes"][0], os.fsencode(said["root"])) == ("p\\udce9", "caf\\udce9", bytes(root))


@pytest.mark.load
def test_a_refusal_leaves_the_run_that_is_there_as_it_was(tmp_path, loaded):
    source, out, stop = open_dataset(photographs(tmp_path / "p", 18)), tmp_path / "out", iter([False, True])
    with pytest.raises(InputError, match="stopped after"):
        evaluate(loaded, source, out, batch=8, workers=0, should_stop=lambda: next(stop))
    before = (out / "run.json").read_bytes()
    refused("evaluate-other", evaluate, loaded, source, out, batch=9, workers=0)
    assert (out / "run.json").read_bytes() == before
    assert (read_progress(out).state, read_progress(out).done) == ("cancelled", 8)
    began = start_process("embedded:fashion", source.root, out, batch=8)  # who started it is told by the state alone
    assert began.wait(60) == 2
    assert read_progress(out).state == "failed"
    assert read_progress(out).error.code == "evaluate-other"
    evaluate(loaded, source, out, batch=8, workers=0)
    assert read_progress(out).state == "done"


@pytest.mark.parametrize("content", ["[1]", "null", "1", '"x"', "{", "{}"])
def test_a_run_json_of_another_kind_is_no_run(tmp_path, content):
    (tmp_path / "run.json").write_text(content, "utf-8")
    assert read_run(tmp_path) == {}
    assert read_progress(tmp_path).state == "none"


class Poison:
    """A source one of whose pictures ends the worker that reads it, `times` times."""

    def __init__(self, source, index: int, times: int, count: Path):
        self.source, self.index, self.times, self.count = source, index, times, count

    def __getattr__(self, name):
        if name.startswith("__") or "source" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.source, name)

    def __len__(self):
        return len(self.source)

    def data(self, index):
        if index == self.index:
            with open(self.count, "a") as file:
                file.write("x")
            if self.count.stat().st_size <= self.times:
                os.kill(os.getpid(), signal.SIGKILL)
        return self.source.data(index)


class Slow(Poison):
    """A source whose pictures take a while: there is time to stop what reads them."""

    def data(self, index):
        time.sleep(0.04)
        return self.source.data(index)


@pytest.mark.parametrize("times", [1, 2, 99])  # with others, then alone, then alone again
def test_the_evaluation_goes_on_when_a_worker_dies(tmp_path, loaded, times):
    source = open_dataset(photographs(tmp_path / "p", 60))
    whole = table(evaluate(loaded, source, tmp_path / "whole", batch=8, workers=0))
    rows = table(evaluate(loaded, Poison(source, 20, times, tmp_path / "count"), tmp_path / "out", batch=8, workers=2))
    if times < 3:
        assert rows == whole
        return
    assert InputError.from_json(rows[20]["error"]).code == "evaluate-crash"
    assert rows[20]["predicted"] is None
    assert rows[:20] + rows[21:] == whole[:20] + whole[21:]


def test_incomplete_batches_do_not_count(tmp_path):
    store = Store(tmp_path / "rows.sqlite")
    for first, count in (0, 4), (4, 3), (8, 2):
        rows = [dict(path=str(first + i), error="reason") for i in range(count)]
        store.write(first, rows, (0, 0, None, None))
    assert store.complete_batches(10, 4) == {0, 2}
    assert store.count_errors({0, 2}, 4) == 6
    store.close()


def test_a_full_disk_keeps_the_rows_written_so_far(tmp_path, loaded, monkeypatch):
    source, out, real = open_dataset(photographs(tmp_path / "p", 60)), tmp_path / "out", Store.__init__

    def small(self, path, *columns):
        real(self, path, *columns)
        self._db.execute("PRAGMA max_page_count=8")  # SQLite's own way to have a small disk

    with monkeypatch.context() as patch:
        patch.setattr(Store, "__init__", small)
        with pytest.raises(InputError, match="database or disk is full") as caught:
            evaluate(loaded, source, out, batch=8, workers=0)
    assert caught.value.code == "evaluate-disk"
    assert read_progress(out).state == "failed"
    assert read_progress(out).error.code == "evaluate-disk"
    assert 0 < read_progress(out).done < 60
    kept, seen = read_progress(out).done, []
    path = evaluate(loaded, source, out, batch=8, workers=0, on_progress=seen.append)
    assert seen[0].done == kept + 8
    assert digest(path) == digest(evaluate(loaded, source, tmp_path / "whole", batch=8, workers=0))
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        evaluate(loaded, source, tmp_path / "file" / "out")


def test_a_full_disk_at_the_table_keeps_the_rows(tmp_path, loaded):
    source, out = open_dataset(photographs(tmp_path / "p", 20)), tmp_path / "out"
    out.mkdir()
    (out / ".rows.parquet.part").symlink_to("/dev/full")  # there is no room in it
    with pytest.raises(InputError, match="No space left on device") as caught:
        evaluate(loaded, source, out, batch=8, workers=0)
    assert caught.value.code == "evaluate-disk"
    assert (read_progress(out).state, read_progress(out).done) == ("failed", 20)
    assert not list(out.glob("*rows.parquet*"))
    seen = []
    evaluate(loaded, source, out, batch=8, workers=0, on_progress=seen.append)
    assert not seen  # nothing was to be computed again
    assert pq.read_table(out / "rows.parquet").num_rows == 20


def test_5_000_empty_files_give_5_000_error_rows(tmp_path, loaded):
    (tmp_path / "nothing").touch()
    for part in range(20):
        folder = tmp_path / "p" / f"class {part % 7}" / str(part)
        folder.mkdir(parents=True)
        for number in range(250):  # links are faster to make than files
            os.link(tmp_path / "nothing", folder / f"{number}.png")
    source = open_dataset(tmp_path / "p")
    path = evaluate(loaded, source, tmp_path / "out", batch=1_000, workers=0)
    assert len(source) == 5_000
    errors = pq.read_table(path, columns=["error"])["error"].to_pylist()
    assert {InputError.from_json(error).code for error in errors} == {"image-empty"}


def test_a_file_without_read_permission_becomes_an_error_row(tmp_path, loaded, monkeypatch):
    source, real = open_dataset(photographs(tmp_path / "p", 20)), os.open

    def refusing(path, *args, **kwargs):  # to root, who may run this, no permission is lacking
        if path == "00007.png":
            raise PermissionError(13, "Permission denied", path)
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", refusing)
    table = pq.read_table(evaluate(loaded, source, tmp_path / "out", batch=8, workers=0)).to_pylist()
    errors = {row["path"]: InputError.from_json(row["error"]) for row in table if row["error"]}
    assert {path: (error.code, error.values) for path, error in errors.items()} == {
        "class 0/00007.png": ("image-missing", {"name": "class 0/00007.png"})
    }


@pytest.mark.load
def test_a_started_process_runs_on_its_own_and_only_once(tmp_path):
    out = tmp_path / "out"
    assert read_progress(out).state == "none"
    began = start_process("embedded:fashion", "bundled:fashion", out, batch=16, workers=1, device="cpu")
    try:
        with pytest.raises(InputError) as caught:
            start_process("embedded:fashion", "bundled:fashion", out)
        assert caught.value.code == "evaluate-running"
        assert os.getsid(began.pid) == began.pid
        assert read_progress(out).state == "starting"
        until, before = time.monotonic() + 60, 0
        while (seen := read_progress(out)).done < 64:
            assert time.monotonic() < until, (out / "log.txt").read_text("utf-8")
            assert seen.done >= before
            before = seen.done
            time.sleep(0.02)
        assert (seen.state, seen.total, seen.errors) == ("running", 10_000, 0)
        assert seen.rate > 0
        assert seen.seconds_left == pytest.approx((seen.total - seen.done) / seen.rate)
        with pytest.raises(InputError, match="already running"):
            evaluate("embedded:fashion", open_dataset("bundled:fashion"), out)
        cancel(out)
        assert began.wait(30) == 130
        assert read_progress(out).state == "cancelled"
        assert 64 <= read_progress(out).done < 10_000
        said = (out / "log.txt").read_text("utf-8")
        assert said.index("the model knows 10 of them") < said.index("stopped after")
    finally:
        began.kill()
        began.wait()


def test_an_error_at_the_start_is_recorded(tmp_path):
    began = start_process("file:none.pth", "bundled:fashion", tmp_path / "out")
    assert began.wait(60) == 2
    assert read_progress(tmp_path / "out").state == "failed"
    assert read_progress(tmp_path / "out").error.code == "checkpoint-not-found"


@pytest.mark.load
def test_a_process_that_is_stopped_while_it_starts_runs_nothing(tmp_path):
    out = tmp_path / "out"
    began = start_process("embedded:fashion", "bundled:fashion", out, device="cpu")
    cancel(out)  # it imports torch now
    assert began.wait(60) == 130
    assert (read_progress(out).state, read_progress(out).done) == ("cancelled", 0)


def evaluation(root: Path, model: str, out: Path, *options: str) -> list[str]:
    """Arguments of `main` for an evaluation in this process."""
    return ["evaluate", str(root), "--model", model, "--out", str(out), "--workers", "0", "--device", "cpu", *options]


def test_the_command_reports_mapped_classes_and_accuracy(tmp_path, capsys, monkeypatch):
    root = tmp_path / "p"
    for i, pixels in enumerate(read_idx(BUNDLED)[:12]):
        (root / ("Bag" if i % 2 else "Hat")).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / ("Bag" if i % 2 else "Hat") / f"{i}.png")
    (root / "Bag" / "empty.png").touch()
    command = evaluation(root, "embedded:fashion", tmp_path / "out", "--batch", "5")
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "not known to the model: Hat\n" in said
    assert "of 6; 1 unreadable, 6 of classes that the model does not know)" in said
    assert str(tmp_path / "out" / "rows.parquet") in said
    (tmp_path / "map.csv").write_text("Hat,Dress\n", "utf-8")
    assert main([*command, "--table", str(tmp_path / "map.csv")]) == 2
    assert "something else (different: classes)" in capsys.readouterr().err
    assert main([*command, "--table", str(tmp_path / "map.csv"), "--restart"]) == 0
    assert "of 12; 1 unreadable, 0 of" in capsys.readouterr().out
    assert main([*command, "--table", str(tmp_path / "none.csv")]) == 2


def test_the_command_prints_no_accuracy_without_known_labels(tmp_path, capsys):
    (tmp_path / "p" / "Hat").mkdir(parents=True)
    Image.fromarray(read_idx(BUNDLED)[0]).save(tmp_path / "p" / "Hat" / "0.png")
    command = evaluation(tmp_path / "p", "embedded:fashion", tmp_path / "out")
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "accuracy none (0 of 0; 0 unreadable, 1 of classes that the model does not know)" in said
    assert "%" not in said


def test_the_command_reports_ambiguous_class_names(tmp_path, capsys):
    from vit_core import load, save

    model = load("embedded:fashion", "cpu")
    model.labels[2] = model.labels[8]  # Bag
    save(model, tmp_path / "two.safetensors")
    for i, (name, pixels) in enumerate(zip(("Bag", "Hat", "Coat"), read_idx(BUNDLED)[:3], strict=True)):
        (tmp_path / "p" / name).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "p" / name / f"{i}.png")
    command = evaluation(tmp_path / "p", f"file:{tmp_path / 'two.safetensors'}", tmp_path / "out")
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "the model knows 1 of them" in said
    assert "not known to the model: Hat\n" in said
    assert "(a --table may name one, by its number from 0): Bag\n" in said
    (tmp_path / "map.csv").write_text("Bag,8\n", "utf-8")
    assert main([*command, "--table", str(tmp_path / "map.csv"), "--restart"]) == 0
    said = capsys.readouterr().out
    assert "the model knows 2 of them" in said
    assert "several" not in said


def bench(*arguments) -> dict:
    done = subprocess.run(
        [sys.executable, ROOT / "tests/bench/evaluate.py", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.load
def test_memory_does_not_grow_with_the_data_set():
    small, large = bench("memory", 1_000), bench("memory", 8_000)
    assert large["peak_mb"] - small["peak_mb"] < 40  # a row group of 5,000 and its Arrow copy


def test_pictures_of_formats_that_are_not_read_are_printed_and_stored(tmp_path, model, capsys):
    root, out = photographs(tmp_path / "p", 9), tmp_path / "out"
    for name in ("a.heic", "b.heic", "c.jp2"):
        (root / NAMES[0] / name).write_bytes(b"x")
    (root / "t.csv").write_text(f"path,label\nC:\\p\\{NAMES[0]}\\00001.png,{NAMES[0]}\n", "utf-8")
    assert main(["evaluate", str(root), "--model", f"file:{model}", "--out", str(out), "--workers", "0"]) == 0
    assert "left out: 3 pictures in formats that are not read (.heic 2, .jp2 1)\n" in capsys.readouterr().out
    source = read_run(out)["source"]
    assert (source["left_out"], source["formats"]) == ({"format": 3}, {".heic": 2, ".jp2": 1})
    table = ["evaluate", str(root / "t.csv"), "--model", f"file:{model}", "--out", str(tmp_path / "of table")]
    assert main([*table, "--workers", "0"]) == 0
    assert "1 paths of the table were found by their last folders and name\n" in capsys.readouterr().out
