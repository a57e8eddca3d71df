"""Tables as a finished evaluation writes them, made up in an instant."""

import base64

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vit_core.errors import InputError
from vit_core.evaluation import Rows
from vit_core.evaluation.maps import store
from vit_core.evaluation.maps.compute import choose_pictures

DAMAGED = InputError("image-truncated", "The file is damaged.").to_json()
#: Names that someone's folder may hold: SQL, formulas, Hangul composed and decomposed, right to left.
NAMES = [
    "'; DROP TABLE rows; --.png",
    '"quoted".png',
    "100%_sure.png",
    "100x_sure.png",
    "a;b.png",
    "=1+1.png",
    "-3.png",
    "@SUM(A1).png",
    "+1.png",
    "\ttab.png",
    "고양이/한 마리.jpg",
    "\u1100\u1169\u110b\u1163\u11bc\u110b\u1175.jpg",
    "חתול.png",
    "ÄRGER/Größe.PNG",
    "back\\slash.png",
    "a,b\nc.png",
    "（전각）.png",
    "\uff1d2.png",
]


def evaluation(path, n=50_000, classes=10, width=16, seed=0, names=(), broken=0.01, unknown=0.02):
    """Writes the table of n pictures and returns it, pyarrow."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, classes, n).astype(np.int32)
    truth[draw.random(n) < unknown] = classes  # the source's class after the last is the one the model does not know
    target = np.where(truth < classes, truth, -1).astype(np.int32)
    top = (target[:, None] + draw.integers(0, 3, (n, 1)) * (draw.random((n, 1)) < 0.3) + np.arange(5)) % classes
    if classes < 5:
        top = top[:, :classes]
    shares = np.sort(draw.dirichlet(np.full(top.shape[1] + 1, 0.4), n), axis=1)[:, ::-1]
    top_p = np.round(shares[:, :-1], 2) + 1e-3  # rounded: there are equals
    top_p /= top_p.sum(1, keepdims=True) + shares[:, -1:] / classes
    hit = top == target[:, None]
    p_label = np.where(hit.any(1), (top_p * hit).sum(1), top_p[:, -1] / 3)
    bad, foreign = draw.random(n) < broken, target < 0
    centres = draw.standard_normal((classes + 1, width))
    vectors = (centres[truth] + draw.standard_normal((n, width))).astype(np.float32)

    def column(values, missing=bad, kind=None):
        return pa.array(values, kind, mask=missing)

    def lists(values):
        starts = pa.array(np.arange(n + 1, dtype=np.int32) * values.shape[1])
        return pa.ListArray.from_arrays(starts, pa.array(values.ravel()), mask=pa.array(bad))

    paths = sorted([*names, *(f"class {t:04}/{i:06}.jpg" for i, t in enumerate(truth[len(names) :]))])
    loss = -np.log(p_label)
    table = pa.table(
        {
            "path": paths,
            "size": draw.integers(100, 99_999, n),
            "mtime_ns": np.arange(n, dtype=np.int64),
            "hash": [f"{h:032x}" for h in draw.integers(0, 10 * n, n).tolist()],
            "source_label": truth,
            "label": target,
            "predicted": column(top[:, 0].astype(np.int32)),
            "probability": column(top_p[:, 0]),
            "p_label": column(p_label, bad | foreign),
            "top": lists(top.astype(np.int32)),
            "top_p": lists(top_p),
            "loss": column(loss, bad | foreign),
            "entropy": column(np.round(-(top_p * np.log2(top_p)).sum(1), 2)),
            "margin": column(top_p[:, 0] - (top_p[:, 1] if classes > 1 else 0)),
            "embedding": lists(vectors),
            "error": pa.array(np.where(bad, DAMAGED, ""), mask=~bad),
        }
    )
    pq.write_table(table, path, compression="zstd", row_group_size=5_000)
    return table


def maps(out, side=8, seed=0, planted=True, boxes=False):
    """Writes maps for the errors of the table in `out` and for as many correct pictures; no model is run.

    If `planted`, the maps of every third error have their maximum in the upper left corner, all others in the middle;
    else all are noise. With `boxes`, half of the pictures have a box.
    """
    draw, rows, lines, errors = np.random.default_rng(seed), Rows(out / "rows.parquet"), [], 0
    for row in rows.at(choose_pictures(rows)):
        wrong, values = row["label"] != row["predicted"], draw.uniform(0, 0.1, (side, side))
        place = (0, 0) if wrong and errors % 3 == 0 else (side // 2, side // 2)
        values[place] += (1 + draw.uniform(0, 9)) * planted
        errors += wrong
        packed = base64.b64encode(store.pack_map(values)).decode()
        line = {"number": row["number"], "path": row["path"], "wrong": wrong}
        line |= {"rows": side, "cols": side, "map": packed}
        lines.append(line | ({"box": draw.uniform()} if boxes and len(lines) % 4 < 2 else {}))
    store.write_maps(out, lines, {"rows": store.rows_digest(rows), "method": "attnlrp", "limit": None})
    return lines
