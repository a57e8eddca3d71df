"""The command line that both fuzzers share."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris


def fuzz(
    name: str,
    about: str,
    seeds: list[bytes],
    target: Callable[[int], Callable[[bytes], None]],
    mutate: Callable[[bytes, int, int], bytes],
) -> None:
    """Runs `target(runs)` on mutations of the seeds and of the corpus that grows from them. Does not return.

    Whatever it raises ends the run, and the input is written beside the corpus's folder, as escape-*.
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=0, help="end after so long, 0 for never")
    parser.add_argument("--corpus", type=Path, default=Path(tempfile.gettempdir()) / f"vitrine-fuzz-{name}")
    options = parser.parse_args()
    options.corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds):
        (options.corpus / f"seed{number}").write_bytes(data)
    print(f"{len(seeds)} seeds, {len(list(options.corpus.iterdir()))} files in {options.corpus}", flush=True)
    atheris.Setup(
        [
            sys.argv[0],
            str(options.corpus),
            f"-runs={options.runs}",
            f"-max_total_time={options.seconds}",
            "-max_len=65536",
            "-timeout=300",
            "-rss_limit_mb=3000",
            "-len_control=0",
            "-print_final_stats=1",
            f"-artifact_prefix={options.corpus.parent}/escape-",
        ],
        target(options.runs),
        custom_mutator=mutate,
    )
    atheris.Fuzz()
