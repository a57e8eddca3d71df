"""Rollout against the paper's recursion, written plainly in float64."""

import dataclasses
import importlib

import numpy as np
import pytest
import torch

import vit_core as vc

module = importlib.import_module("vit_core.attention.attention_rollout")  # the package's own `rollout` is the function


def reference(trace, fusion, residual, discard, first, last):
    """The whole N x N rollout in float64, and how far each row may lie from it: 1e-6, or with `discard` 1e-5.

    Where float32 cannot tell a weight from the cut, the one or the other may go, and what that changes is allowed too.
    """
    exact = paper(trace, fusion, residual, discard, first, last)
    if not discard:
        return exact, torch.full((trace.num_tokens,), 1e-6)
    low, high = (paper(trace, fusion, residual, discard, first, last, nudge) for nudge in (1 - 1e-6, 1 + 1e-6))
    return exact, 1e-5 + (0 if low.equal(exact) else 1) * (low - high).abs().amax(1)


def paper(trace, fusion, residual, discard, first, last, nudge=1.0):
    """A_hat = r I + (1 - r) A, multiplied from the first layer up; each layer's cut times `nudge`."""
    N = trace.num_tokens
    product = torch.eye(N, dtype=torch.float64)
    for layer in range(first, last + 1):
        q, k = trace.queries[layer].double(), trace.keys[layer].double()
        weights = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
        fused = {"mean": weights.mean(0), "max": weights.max(0).values, "min": weights.min(0).values}[fusion]
        dropped = int(discard * N * N)
        if dropped:
            cut = fused.flatten().sort().values[dropped] * nudge
            fused = torch.where(fused < cut, 0.0, fused)
        for i in range(N):
            total = fused[i].sum()
            fused[i] = fused[i] / total if total > 0 else torch.eye(N, dtype=torch.float64)[i]
        product = (residual * torch.eye(N) + (1 - residual) * fused) @ product
    return product


def bare(trace):
    """The trace without mean attention, like that of a long sequence or of a GPU."""
    assert trace.mean_attention is not None
    return dataclasses.replace(trace, mean_attention=None)


@pytest.fixture(params=["mean attention kept", "mean attention computed"])
def traces(request, build, pictures):
    found = vc.record(build(registers=1, depth=4), [pictures(1), pictures(1, 18, 24)])
    return found if request.param == "mean attention kept" else [bare(trace) for trace in found]


@pytest.mark.parametrize("fusion", module.FUSIONS)
@pytest.mark.parametrize("discard", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("residual", [0.0, 0.5, 0.8])
def test_agrees_with_the_paper(traces, fusion, discard, residual):
    for trace in traces:
        for first, last in ((0, 3), (1, 2), (2, 2)):
            expected, most = reference(trace, fusion, residual, discard, first, last)
            for token in (0, 1, 17, trace.num_tokens - 1):
                row = vc.rollout(trace, fusion, residual, discard, first, last, token)
                assert row.shape == (trace.num_tokens,)
                assert (row.double() - expected[token]).abs().max() <= most[token]


def test_many_small_parts_are_not_rounded_to_the_residual(build, pictures):
    trace = vc.record(build(depth=2), pictures(1, 42, 42))  # 197 tokens
    even = torch.full((197, 197), 1 / 197)
    found = vc.rollout(trace, fused=[even, even], token=3)
    exact = vc.rollout(trace, fused=[even.double(), even.double()], token=3)
    assert (found.double() - exact).abs().max() <= 1e-7


@pytest.mark.parametrize("faint", [1e-40, 1e-44])  # below float32's normal numbers
def test_a_row_that_is_nearly_empty_stays_finite(faint):
    fused = torch.full((3, 3), 1 / 3)
    fused[1] = faint
    rows = module.normalise_rows(fused)
    assert rows.isfinite().all()
    assert (rows.sum(-1) <= 1 + 1e-6).all()
    torch.testing.assert_close(rows[0], torch.full((3,), 1 / 3))


@pytest.mark.parametrize("fusion", module.FUSIONS)
@pytest.mark.parametrize("discard", [0.0, 0.6, 0.99])
def test_rows_sum_to_one_at_every_depth(traces, fusion, discard):
    trace = traces[0]
    rows = module.rollout_by_depth(trace, fusion, 0.4, discard, token=3)
    assert rows.shape == (trace.depth, trace.num_tokens)
    torch.testing.assert_close(rows.sum(-1), torch.ones(trace.depth), atol=1e-5, rtol=0)
    assert (rows >= 0).all()
    for layer in vc.fused_layers(trace, fusion, discard):
        torch.testing.assert_close(layer.sum(-1), torch.ones(len(layer)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("fusion", module.FUSIONS)
@pytest.mark.parametrize("reuse", [True, False])
def test_each_depth_is_the_rollout_that_ends_there(traces, fusion, reuse):
    trace = traces[0]
    fused = vc.fused_layers(trace, fusion, 0.5) if reuse else None
    rows = module.rollout_by_depth(trace, fusion, 0.4, 0.5, first=1, token=7, fused=fused)
    for last, row in zip((1, 2, 3), rows, strict=True):
        torch.testing.assert_close(row, vc.rollout(trace, fusion, 0.4, 0.5, 1, last, 7), atol=1e-6, rtol=1e-5)


def test_two_tokens_two_layers_by_hand(traces):
    # one head, d = 1; scores are q * k. Token 0 spreads evenly, token 1 looks at itself three times as much.
    log3 = torch.log(torch.tensor(3.0)).item()
    query, key = torch.tensor([[[0.0], [1.0]]]), torch.tensor([[[0.0], [log3]]])
    trace = dataclasses.replace(
        traces[0],
        queries=torch.stack([query, query]),
        keys=torch.stack([key, key]),
        tokens=torch.zeros(2, 14),
        mean_attention=None,
    )
    # A = [[1/2, 1/2], [1/4, 3/4]]; A_hat = [[3/4, 1/4], [1/8, 7/8]]; first row of its square
    expected = torch.tensor([0.75 * 0.75 + 0.25 / 8, 0.75 / 4 + 0.25 * 7 / 8])
    torch.testing.assert_close(vc.rollout(trace), expected)


@pytest.mark.parametrize(("given", "summed"), [(torch.bfloat16, torch.float32), (torch.float64, torch.float64)])
def test_sums_are_float32_or_better(traces, given, summed):
    queries, keys = (t.to(given) for t in (traces[0].queries, traces[0].keys))
    row = vc.rollout(dataclasses.replace(traces[0], queries=queries, keys=keys, mean_attention=None))
    assert row.dtype == summed
    assert row.sum().item() == pytest.approx(1, abs=1e-5)


def test_residual_one_stays_where_it_is(traces):
    row = vc.rollout(traces[0], residual=1.0, token=5)
    assert row[5] == 1
    assert row.sum() == 1


def test_discard_keeps_ties_and_empty_rows_become_the_identity():
    even = torch.full((4, 4), 0.25)
    assert module.discard_lowest(even.clone(), 0.5).equal(even)
    left = module.discard_lowest(torch.tensor([[4.0, 1.0], [3.0, 2.0]]), 0.5)
    assert left.tolist() == [[4.0, 0.0], [3.0, 0.0]]
    holes = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 3.0, 1.0]])
    whole = torch.tensor([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.75, 0.25]])
    torch.testing.assert_close(module.normalise_rows(holes), whole)


@pytest.mark.parametrize("fusion", module.FUSIONS)
@pytest.mark.parametrize("discard", [0.0, 0.7])
def test_fused_layers_give_the_same_rollout_for_every_token(traces, fusion, discard):
    trace = traces[0]
    layers = vc.fused_layers(trace, fusion, discard)
    for token in (0, 1, 11):
        for first, last in ((0, 3), (1, 2)):
            expected = vc.rollout(trace, fusion, 0.3, discard, first, last, token)
            found = vc.rollout(trace, fusion, 0.3, discard, first, last, token, fused=layers)
            torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("count", [1, 10, 4097])
def test_the_cut_is_the_value_that_sorting_finds(count):
    draw = np.random.default_rng(0)
    kinds = {
        "peaked": draw.random(count, np.float32) ** 8,
        "double": draw.random(count),
        "equal": np.full(count, 0.25, np.float32),
        "ties": draw.integers(0, 3, count).astype(np.float32),
        "zeros": draw.random(count, np.float32) * (np.arange(count) >= 9 * count // 10),
    }
    for name, values in kinds.items():
        for ratio in (0.1, 0.5, 0.9, 0.999):
            cut = np.sort(values)[int(ratio * count)]
            found = module.discard_lowest(torch.from_numpy(values.copy()), ratio).numpy()
            np.testing.assert_array_equal(found, np.where(values < cut, 0, values), err_msg=f"{name} {ratio}")


@pytest.mark.parametrize("fusion", module.FUSIONS)
@pytest.mark.parametrize("discard", [0.0, 0.6])
def test_a_batch_equals_its_singles(build, pictures, fusion, discard):
    model, images = build(distillation_token=True, registers=2, depth=4), pictures(5)
    together = vc.record(model, list(images[:, None]))
    for image, trace in zip(images, together, strict=True):
        alone = vc.record(model, image[None])
        for one, other in ((trace, alone), (bare(trace), alone)):
            torch.testing.assert_close(
                vc.rollout(one, fusion, discard=discard, token=1),
                vc.rollout(other, fusion, discard=discard, token=1),
                rtol=1e-5,
                atol=1e-5 if discard else 1e-6,
            )  # one weight may lie on either side of the cut


@pytest.mark.parametrize("rows", [128, 10])  # all rows at once, and ten at a time
@pytest.mark.parametrize("with_mean", [True, False])
@pytest.mark.parametrize("fusion", module.FUSIONS)
@pytest.mark.parametrize("discard", [0.0, 0.9])
def test_parts_of_any_size_agree_with_the_paper(build, pictures, monkeypatch, rows, with_mean, fusion, discard):
    monkeypatch.setattr("vit_core.attention.head_fusion.MIN_ROWS", rows)
    monkeypatch.setattr("vit_core.attention.head_fusion.CPU_WEIGHTS", 0)
    if not with_mean:
        monkeypatch.setattr("vit_core.attention.trace.MEAN_ATTENTION_NUMBERS", 0)
    model = build(distillation_token=True, registers=19, image_size=(27, 27), depth=3)
    trace = vc.record(model, pictures(1, 27, 27))
    assert trace.num_tokens == 102
    assert (trace.mean_attention is not None) == with_mean
    expected, most = reference(trace, fusion, 0.5, discard, 0, 2)
    for token in (0, 20, 101):
        row = vc.rollout(trace, fusion, discard=discard, token=token)
        assert (row.double() - expected[token]).abs().max() <= most[token]


@pytest.mark.parametrize("option", [
    dict(fusion="median"), dict(residual=1.5), dict(residual=-0.1), dict(discard=1.0), dict(discard=-0.1),
    dict(first=2, last=1), dict(last=4), dict(last=-1), dict(first=-1), dict(token=999), dict(token=-1),
], ids=str)  # fmt: skip
def test_options_out_of_range_are_refused_by_name(traces, option):
    with pytest.raises(vc.InputError, match=next(iter(option))) as caught:
        vc.rollout(traces[0], **option)
    assert caught.value.code == "rollout-option"


@pytest.mark.parametrize("option", [{"fusion": "median"}, {"discard": -0.1}, {"discard": 1.0}])
def test_fused_layers_refuse_options_out_of_range(traces, option):
    with pytest.raises(vc.InputError, match=next(iter(option))) as caught:
        vc.fused_layers(traces[0], **option)
    assert caught.value.code == "rollout-option"
