"""Safe readers of checkpoint files (safetensors, torch's zips and pickles, JSON), and hub downloads."""

from vit_core.checkpoints.files.hub import fetch, start_probe
from vit_core.checkpoints.files.reader import (
    not_found,
    read_header,
    read_json,
    read_safetensors,
    read_tensors,
    read_text,
    strip_wrappers,
)

__all__ = [
    "fetch",
    "not_found",
    "read_header",
    "read_json",
    "read_safetensors",
    "read_tensors",
    "read_text",
    "start_probe",
    "strip_wrappers",
]
