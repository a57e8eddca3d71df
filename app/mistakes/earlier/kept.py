"""What is known of a kept evaluation without opening its table; its name and note; deleting it. No widgets."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.mistakes import requests
from app.mistakes.requests import SHIPPED, EvaluationRequest
from vit_core.evaluation import folder as runs

NOTE = "note.json"  # beside run.json: what people call the evaluation, and what they note about it
MAX_NAME, MAX_NOTE = 80, 300  # characters


@dataclass(frozen=True)
class KeptEvaluation:
    """The facts of one evaluation in the list."""

    request: EvaluationRequest
    out: Path
    state: str  # as in `EvaluationProgress`
    title: str | None  # of the data set; None before it was read
    finished: datetime | None  # in UTC; None: not finished
    pictures: int
    accuracy: float | None  # of the pictures whose class the model knows; None where there is none
    digest: str | None  # of the weights, short
    name: str  # given by people, like `note`; empty: none
    note: str


def read_kept(request: EvaluationRequest) -> KeptEvaluation:
    """The facts of the evaluation of this request."""
    out = requests.shown_folder(request)
    run, note = runs.read_run(out), _read_note(out)
    state = "done" if run.get("state") == "done" else runs.read_progress(out).state
    done, known = state == "done", run.get("known")
    return KeptEvaluation(
        request,
        out,
        state,
        run.get("source", {}).get("title"),
        runs.finished_at(out, run) if done else None,
        run.get("total", 0),
        run["right"] / known if done and known else None,
        runs.short_digest(run),
        note["name"],
        note["note"],
    )


def _read_note(out: Path) -> dict[str, str]:
    try:
        found = json.loads((out / NOTE).read_text("utf-8"))
    except (OSError, ValueError):
        found = {}
    found = found if isinstance(found, dict) else {}
    return {key: value if isinstance(value := found.get(key), str) else "" for key in ("name", "note")}


def write_note(kept: KeptEvaluation, name: str, note: str) -> None:
    """Give an evaluation a name and a note; empty ones remove them. Raises InputError "evaluate-disk"."""
    text = json.dumps({"name": name.strip()[:MAX_NAME], "note": note.strip()[:MAX_NOTE]}, ensure_ascii=False)
    with runs.disk_errors(kept.out):
        part = kept.out / f".{NOTE}.part"
        part.write_text(text, "utf-8", "backslashreplace")
        os.replace(part, kept.out / NOTE)


def is_own(kept: KeptEvaluation) -> bool:
    """Whether this computer made the evaluation, so that it can be named and deleted. One ships with Vitrine."""
    return kept.out != SHIPPED and bool(re.fullmatch(r"[0-9a-f]{16}", kept.out.name)) and kept.out.is_dir()


def megabytes(kept: KeptEvaluation) -> float:
    """How much deleting the evaluation frees."""
    return sum(file.stat().st_size for file in kept.out.rglob("*") if file.is_file()) / 1e6


def delete(kept: KeptEvaluation) -> bool:
    """Delete an evaluation and everything in its folder; never its pictures. False: it is running, or not ours."""
    if not is_own(kept) or runs.is_running(kept.out):
        return False
    (kept.out / "request.json").unlink(missing_ok=True)  # from here on it is in no list
    shutil.rmtree(kept.out, ignore_errors=True)
    return True
