"""What is to be evaluated, and the folder in which each evaluation lies. No widgets."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from app.runtime.uploads import runs_folder, upload_home
from vit_core.assets import ASSETS
from vit_core.checkpoints import embedded_digest
from vit_core.data.named import PREFIX
from vit_core.evaluation import folder as runs


@dataclass(frozen=True)
class EvaluationRequest:
    """What to evaluate, in the names that a person typed. They also determine the evaluation's folder."""

    model: str
    source: str
    labels: str | None = None  # a table of paths and labels beside a folder
    table: str | None = None  # a table that maps the source's classes to the model's
    version: str | None = None  # of weights, pictures and classes (`identity_digest`); None in evaluations before it

    @property
    def id(self) -> str:
        """The name of the evaluation's folder; equal requests have equal names. Other weights have another name."""
        parts = [
            self.model,
            *(p and (p if is_named(p) else os.path.realpath(p)) for p in (self.source, self.labels, self.table)),
            *([self.version] if self.version else []),
        ]
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()

    @property
    def folder(self) -> Path:
        """The evaluation's folder: beside the pictures that a visitor uploaded, else among all evaluations."""
        return (upload_home(self.source) or runs_folder()) / self.id


def is_named(source: str) -> bool:
    """Whether a source is the name of a data set, not a path."""
    return source.startswith(("bundled:", PREFIX))


#: The evaluation that the page opens on, and the second one that is always listed.
PHOTOS = EvaluationRequest("embedded:photo", "bundled:photos")
FASHION = EvaluationRequest("embedded:fashion", "bundled:fashion")
#: The finished evaluation of PHOTOS that ships with Vitrine. It is only read.
SHIPPED = ASSETS / "photos-evaluation"
#: The table of boxes beside the class folders.
BOXES = "boxes.csv"


def run_folder(name: str | None, upload: Path | None = None) -> Path:
    """The folder of one evaluation. `name` may come from an address; anything else than a name is that of PHOTOS.

    `upload`: the folder of the pictures that the session uploaded; evaluations of them are found for it alone.
    """
    name = name if re.fullmatch(r"[0-9a-f]{16}", name or "") else PHOTOS.id
    if upload and (upload / name / "request.json").exists():
        return upload / name
    return shown_folder(PHOTOS) if name == PHOTOS.id else runs_folder() / name


def shown_folder(request: EvaluationRequest) -> Path:
    """Where the page finds the result of a request: its own folder, or the evaluation that ships."""
    return SHIPPED if request == PHOTOS and _is_shipped(request.folder) else request.folder


def _is_shipped(own: Path) -> bool:
    """Whether the evaluation that ships is shown: it is of the installed weights, and the one in `own` is not."""
    installed = embedded_digest(PHOTOS.model)
    if runs.read_run(SHIPPED).get("checkpoint") != installed:
        return False
    there = (own / "request.json").exists()
    return not there or runs.read_run(own).get("checkpoint", installed) != installed


def read_request(out: Path) -> EvaluationRequest | None:
    """The request of the evaluation in this folder; None where there is none."""
    if out == SHIPPED:
        return PHOTOS
    try:
        return EvaluationRequest(**json.loads((out / "request.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {PHOTOS.id: PHOTOS, FASHION.id: FASHION}.get(out.name)


def list_runs(upload: Path | None = None) -> list[EvaluationRequest]:
    """What was evaluated, the latest first; PHOTOS and FASHION are always there, first and second.

    `upload`: as in `run_folder`.
    """
    files = [file for home in filter(None, (runs_folder(), upload)) for file in home.glob("*/request.json")]
    found = [file.parent for file in files if re.fullmatch(r"[0-9a-f]{16}", file.parent.name)]
    found.sort(key=lambda out: -(out / "request.json").stat().st_mtime)
    own = [request for request in map(read_request, found) if request not in (None, PHOTOS, FASHION)]
    return [PHOTOS, FASHION, *own]


def start_evaluation(request: EvaluationRequest, restart: bool = False) -> subprocess.Popen:
    """Start or continue the evaluation in a process of its own, and return that.

    Raises InputError as `vit_core.evaluation.folder.start_process` does.
    """
    out = request.folder
    with runs.disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        part = out / "request.json.part"
        part.write_text(json.dumps(asdict(request), ensure_ascii=False), "utf-8")
        os.replace(part, out / "request.json")
    process = runs.start_process(
        request.model, request.source, out, labels=request.labels, table=request.table, restart=restart
    )
    return _waited_for(process)


def start_maps(request: EvaluationRequest, out: Path) -> subprocess.Popen:
    """Start or continue the maps of the finished evaluation in `out`, in a process of its own, and return that.

    A folder of pictures may hold the boxes of their objects, in the table BOXES.

    Raises InputError as `vit_core.evaluation.folder.start_process` does.
    """
    table = Path(request.source) / BOXES
    boxes = table if table.is_file() else None
    return _waited_for(
        runs.start_process(request.model, request.source, out, command="maps", labels=request.labels, boxes=boxes)
    )


def _waited_for(process: subprocess.Popen) -> subprocess.Popen:
    """The process, with a thread that waits for its end, or it would remain as a zombie."""
    threading.Thread(target=process.wait, daemon=True).start()
    return process
