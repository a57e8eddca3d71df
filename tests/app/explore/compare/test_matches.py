"""The lines between two pictures: the best mutual matches of the core, in order."""

import json

import pytest
import torch

import vit_core as vc
from app.explore.compare.matches import MAX_LINES, best_matches
from tests.conftest import shake
from vit_core.images import Preprocess
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer


@pytest.fixture(scope="module")
def traces():
    config = ViTConfig(
        image_size=(35, 42), patch_size=(5, 7), dim=14, depth=2, heads=2, head_dim=7, mlp_dim=23, classes=3
    )
    torch.manual_seed(0)
    model = shake(VisionTransformer(config, None, Preprocess(config.image_size, (0.5,) * 3, (0.5,) * 3)))
    draw = torch.Generator().manual_seed(1)
    return [vc.record(model, torch.rand(1, 3, *size, generator=draw), features=True) for size in ((35, 42), (25, 63))]


def test_lines_join_the_best_mutual_matches_on_different_grids(traces):
    said = json.loads(json.dumps(best_matches(*traces, 1, "key")))
    found = vc.features.matches(*traces, 1, "key")
    assert said["count"] == int(found.mutual.sum()) > 1
    assert len(said["pairs"]) == min(MAX_LINES, said["count"])
    for patch, other, score in said["pairs"]:
        assert found.mutual[patch]
        assert other == int(found.best[patch])
        assert score == pytest.approx(float(found.scores[patch]), abs=1e-4)
    scores = [score for _, _, score in said["pairs"]]
    assert scores == sorted(scores, reverse=True)


def test_a_picture_matches_itself_patch_by_patch(traces):
    said = best_matches(traces[0], traces[0], 0, "token")
    assert said["count"] == 42
    assert all(patch == other for patch, other, _ in said["pairs"])
    assert len(said["pairs"]) == MAX_LINES
