"""Evaluations: a model run over labelled pictures, its rows, filters and metrics. `evaluate` runs one."""

from vit_core.evaluation.filters import Filter
from vit_core.evaluation.folder import EvaluationProgress, cancel, read_progress, read_run, start_process
from vit_core.evaluation.results import Rows
from vit_core.evaluation.run import evaluate

__all__ = [
    "EvaluationProgress",
    "Filter",
    "Rows",
    "cancel",
    "evaluate",
    "read_progress",
    "read_run",
    "start_process",
]
