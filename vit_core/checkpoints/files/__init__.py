"""Safe readers of checkpoint files (safetensors, torch's zips and pickles, JSON), and hub downloads."""

from vit_core.checkpoints.files.foreign import foreign, kind_of_name
from vit_core.checkpoints.files.hub import Repository, cache_folder, cached_file, download, fetch, start_probe
from vit_core.checkpoints.files.reader import (
    check_tensors,
    decode_text,
    read_content,
    read_header,
    read_json,
    read_safetensors,
    read_tensors,
    read_text,
)
from vit_core.checkpoints.files.weights import could_be_part, find_weights

__all__ = [
    "Repository",
    "cache_folder",
    "cached_file",
    "check_tensors",
    "could_be_part",
    "decode_text",
    "download",
    "fetch",
    "find_weights",
    "foreign",
    "kind_of_name",
    "read_content",
    "read_header",
    "read_json",
    "read_safetensors",
    "read_tensors",
    "read_text",
    "start_probe",
]
