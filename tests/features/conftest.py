"""Traces whose features are given by hand."""

import dataclasses

import pytest
import torch

import vit_core as vc


@pytest.fixture
def planted(build, pictures):
    """planted(rows (P, 14), prefix=...) -> a trace of 2 prefix tokens and P patches in one row, whose facet "token" has
    these features in its last layer."""

    def make(patches: torch.Tensor, prefix: torch.Tensor | None = None) -> vc.Trace:
        trace = vc.record(build(registers=1), pictures(1, 3, 3 * len(patches)), features=True)
        tokens = torch.cat([torch.ones(2, 14) if prefix is None else prefix, patches])
        norms, directions = trace.token_norms.clone(), trace.directions.clone()
        norms[-1], directions[-1] = tokens.norm(dim=1), torch.nn.functional.normalize(tokens, dim=1).half()
        return dataclasses.replace(trace, token_norms=norms, directions=directions)

    return make


@pytest.fixture
def axes():
    """axes(*rows): a sparse matrix (len(rows), 14), a dict {channel: value} for each row."""

    def make(*rows: dict[int, float]) -> torch.Tensor:
        out = torch.zeros(len(rows), 14)
        for row, entries in zip(out, rows, strict=True):
            for channel, value in entries.items():
                row[channel] = value
        return out

    return make
