"""The benchmark against the peers measures and prints its cases."""

import json

import torch

import vit_core as vc
from tests.bench import peers


def test_the_rollout_given_to_peers_equals_ours():
    model = peers.made("tiny", 64, False)  # and timm can be imported
    from timm.utils import AttentionExtract

    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        theirs = peers.naive(AttentionExtract(model, method="hook")(x).values())
        ours = vc.rollout(vc.record(vc.from_timm(model), x))
    torch.testing.assert_close(ours, theirs[0], atol=1e-6, rtol=1e-4)


def test_each_case_is_measured_and_printed(tmp_path, capsys, monkeypatch):
    cases = {"tiny": ("tiny", 64, "rollout", {"discard": 0.5}, 1e9, 2), "late": ("tiny", 64, "another", {}, -1, 1)}
    monkeypatch.setattr(peers, "CASES", cases)
    assert peers.main(["tiny", "late", "--alone", "--json", str(tmp_path / "out.json")]) == 0
    said, found = capsys.readouterr().out, json.loads((tmp_path / "out.json").read_text())
    assert set(found["cases"]) == {"tiny", "late"}
    for name, row in found["cases"].items():
        assert row["floor_ms"] > 0
        assert row["ratios"]["floor"] == 1
        assert row["ratios"]["ours"] > 0
        assert f"{name}: ours {row['ratios']['ours']}" in said
    assert said.count("NOT MET") == 1  # nothing takes no time at all
    assert found["memory_mib"] == {}


def test_a_peer_that_fails_is_reported_and_not_timed(monkeypatch):
    def broken(*_):
        raise ValueError("no rollout today")

    monkeypatch.setattr(peers, "PEERS", {"gone": (broken, "no_such_module"), "broken": (broken, "timm")})
    found, why = peers.peers("tiny", 64, "rollout", {})
    assert found == {}
    assert why["gone"].startswith("not installed")
    assert why["broken"] == "ValueError: no rollout today"
