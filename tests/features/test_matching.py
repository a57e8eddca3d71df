"""Best and mutual matches by hand."""

import pytest
import torch

import vit_core as vc
from vit_core.features import matches, matching


def test_by_hand(planted, axes):
    # of a's patches, 0 and 1 both prefer b's 1, which prefers 1; 2 and b's 0 prefer each other
    a = planted(axes({0: 1, 1: 0.6}, {0: 1}, {2: 1}))
    b = planted(axes({2: 3}, {0: 2}, {1: 1, 2: 0.5}, {1: -1}))
    found = matches(a, b, 2)
    assert found.best.tolist() == [1, 1, 0]
    assert found.mutual.tolist() == [False, True, True]
    torch.testing.assert_close(found.scores, torch.tensor([1 / 1.36**0.5, 1, 1]), atol=1e-3, rtol=0)


def test_a_picture_matches_itself(build, pictures, monkeypatch):
    monkeypatch.setattr(matching, "_CHUNK", 8)  # several chunks
    trace = vc.record(build(), pictures(1), features=True)
    found = matches(trace, trace, 1, "key")
    assert found.best.tolist() == list(range(35))
    assert found.mutual.all()
    torch.testing.assert_close(found.scores, torch.ones(35))


def test_equal_patches_all_match_the_first(planted, axes):
    found = matches(planted(axes({0: 1}, {0: 2})), planted(axes({0: 1}, {0: 1}, {0: 1})), 2)
    assert found.best.tolist() == [0, 0]
    assert found.mutual.tolist() == [True, False]


def test_different_widths_are_refused(build, pictures):
    one, other = (vc.record(build(dim=dim), pictures(1), features=True) for dim in (14, 22))
    with pytest.raises(vc.InputError, match="same model"):
        matches(one, other, 0)
