"""What an evaluation costs: `python tests/bench/evaluate.py memory ROWS`, `throughput [PICTURES] [ROUNDS]`, `queries`.

Prints one line of JSON. `memory`: the peak of resident memory, MB, of a process that evaluates ROWS pictures.
`throughput`: pictures a second of the whole run, table included, and of the loop of timm's validate.py (its transforms,
its model with the same weights, a DataLoader with as many workers), alternating. `queries [ROWS]`: milliseconds of what
the mistakes page asks of a table of 1,200 classes.
"""

from __future__ import annotations

import io
import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vit_core import from_timm
from vit_core.checkpoints import import_timm
from vit_core.data import ImageDataset, open_dataset
from vit_core.evaluation import evaluate
from vit_core.images import Preprocess
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer


class Noise(ImageDataset):
    """As many pictures of 28 x 28 as wanted, each other bytes."""

    def __init__(self, count: int):
        classes = [f"class {i}" for i in range(10)]
        super().__init__("noise", "folder", Path(), classes, (f"{i:06}" for i in range(count)), np.arange(count) % 10)

    def data(self, index: int) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(np.random.default_rng(index).integers(0, 256, (28, 28), np.uint8)).save(buffer, "BMP")
        return buffer.getvalue()

    def stat(self, index: int) -> tuple[int, int]:
        return 1_862, 0


def peak_mb() -> float:
    """The most that was resident of this process. Linux' ru_maxrss begins with what its parent had, a test run's GB."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory(rows: int) -> dict:
    config = ViTConfig(
        image_size=(28, 28), patch_size=(14, 14), classes=10, dim=192, depth=1, heads=3, head_dim=64, mlp_dim=192
    )
    model = VisionTransformer(config, [f"class {i}" for i in range(10)], Preprocess((28, 28))).eval()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as out:
        begun = time.monotonic()
        evaluate(model, Noise(rows), out, batch=64, workers=1)
    return {"rows": rows, "peak_mb": round(peak_mb(), 1), "seconds": round(time.monotonic() - begun, 1)}


def throughput(count: int = 192, rounds: int = 3, batch: int = 64, workers: int = 1) -> dict:
    timm = import_timm()
    from torch.utils.data import DataLoader
    from torchvision.datasets import ImageFolder  # after timm, which mends a torchvision of another build

    torch.manual_seed(0)
    theirs = timm.create_model("vit_tiny_patch16_224", pretrained=False).eval()
    ours = from_timm(theirs)
    y, x = np.mgrid[:375, :500]
    draw = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for i in range(count):  # soft shapes and a little noise: of the size that photographs have as JPEG
            waves = 127 + 60 * np.sin(draw.uniform(0, 0.1, 3) * x[..., None] + draw.uniform(0, 0.1, 3) * y[..., None])
            path = Path(folder, "pictures", f"class {i % 10}", f"{i:05}.jpg")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((waves + draw.normal(0, 12, waves.shape)).clip(0, 255).astype(np.uint8)).save(path)
        pictures, source = path.parents[1], open_dataset(path.parents[1])
        transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=theirs))
        out = Path(folder, "out")

        @torch.inference_mode()
        def timms() -> None:
            loader = DataLoader(ImageFolder(str(pictures), transform), batch, num_workers=workers)
            loss = right = 0.0
            for images, target in loader:
                logits = theirs(images)
                loss += torch.nn.functional.cross_entropy(logits, target).item() * len(target)
                right += (logits.topk(5, 1).indices == target[:, None]).any(1).sum().item()

        def our() -> None:
            evaluate(ours, source, out, batch=batch, workers=workers, restart=True)

        times: dict = {timms: [], our: []}
        for turn in range(rounds + 1):
            for run in (timms, our) if turn % 2 else (our, timms):
                begun = time.perf_counter()
                run()
                if turn:  # the first is for starting what is started once
                    times[run].append(time.perf_counter() - begun)
    ratio = {how.__name__: how(times[timms]) / how(times[our]) for how in (statistics.median, min)}
    return {
        "pictures": count,
        "ours": round(count / statistics.median(times[our]), 1),
        "timm": round(count / statistics.median(times[timms]), 1),
        "ratio": round(ratio["median"], 3),
        "ratio_of_best": round(ratio["min"], 3),
        "threads": torch.get_num_threads(),
        "workers": workers,
    }


def queries(count: int = 50_000) -> dict:
    """Milliseconds of each query, of a fresh `Rows`."""
    from tests.tables import evaluation
    from vit_core.evaluation import Filter, Rows, embeddings, metrics

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.parquet")
        evaluation(path, count, 1_200, width=128)
        rows, found = Rows(path), {}

        def timed(name: str, query):
            begun = time.perf_counter()
            answer = query()
            found[name] = round(1e3 * (time.perf_counter() - begun), 1)
            return answer

        row = timed("first page", lambda: rows.page(Filter(order="loss")))[0]
        timed("same page again", lambda: rows.page(Filter(order="loss")))
        timed("filtered page", lambda: rows.page(Filter(outcome="wrong", query="JPG", confidence=(0.2, 0.9)), 2_000))
        timed("position", lambda: rows.position(Filter(order="loss"), row["path"]))
        timed("neighbours", lambda: rows.neighbours(row["path"]))
        timed("CSV", lambda: rows.write(Filter(), io.BytesIO(), "csv"))
        columns = timed("columns", lambda: metrics.load_columns(rows))
        counts = timed("confusion", lambda: metrics.confusion(columns.label, columns.predicted, 1_200))
        timed("seriation", lambda: metrics.seriate(counts))
        timed("label issues", lambda: metrics.label_issues(columns, 1_200))
        timed("map", lambda: embeddings.embedding_map(rows))
        _, vectors = embeddings.load_embeddings(rows)
        timed("near-duplicates", lambda: embeddings.near_duplicates(vectors))
        rows.close()
    return {"rows": count, "ms": found}


if __name__ == "__main__":
    what, *numbers = sys.argv[1:]
    print(json.dumps({"memory": memory, "throughput": throughput, "queries": queries}[what](*map(int, numbers))))
