"""record runs the model's own forward pass and returns its steps."""

import dataclasses
import io

import numpy as np
import pytest
import torch
from PIL import Image

import vit_core as vc


@pytest.fixture
def picture():
    return Image.fromarray(np.random.default_rng(3).integers(0, 256, (40, 60, 3), np.uint8))


def test_logits_are_the_models(build, pictures):
    model, images = build(registers=2), pictures(1)
    trace = vc.record(model, images)
    with torch.no_grad():
        assert (trace.logits - model(images)[0]).abs().max() <= 1e-5
    assert trace.grid == (5, 7)
    assert trace.num_prefix_tokens == 3
    assert trace.tokens.shape == (38, 14)
    assert trace.token_norms.shape == (4, 38)
    assert (trace.depth, trace.heads, trace.num_tokens) == (3, 2, 38)


def test_attention_is_the_layers_own(build, pictures):
    model, images = build(qk_norm=True), pictures(1)
    trace = vc.record(model, images)
    tokens = model.embed(images)
    length = lambda x: x.detach().double().square().sum(-1).sqrt().float()[0]  # noqa: E731
    torch.testing.assert_close(trace.token_norms[0], length(tokens))
    for i, block in enumerate(model.blocks):
        q, k, v = block.attn.qkv(block.norm1(tokens)).view(1, 36, 3, 2, 7).permute(2, 0, 3, 1, 4)[:, 0]
        scores = block.attn.q_norm(q) @ block.attn.k_norm(k).transpose(-1, -2) / 7**0.5
        weights = trace.attention(i)
        torch.testing.assert_close(weights, scores.softmax(-1), atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(weights.sum(-1), torch.ones(2, 36))
        torch.testing.assert_close(trace.attention(i, [4, 9]), weights[:, [4, 9]])
        tokens = block(tokens)
        torch.testing.assert_close(trace.token_norms[i + 1], length(tokens))
    torch.testing.assert_close(trace.tokens, model.norm(tokens)[0].detach())


def test_a_batch_equals_its_singles(build, picture):
    model = build()
    pictures = [picture, picture.rotate(90, expand=True), picture.resize((9, 9))]
    together = vc.record(model, pictures)
    for one, trace in zip(pictures, together, strict=True):
        alone = vc.record(model, one)
        torch.testing.assert_close(trace.logits, alone.logits, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(vc.rollout(trace), vc.rollout(alone), atol=1e-6, rtol=1e-5)
        assert trace.crop == alone.crop


def test_mixed_sizes_in_one_list_keep_their_order(build, pictures):
    model = build()
    sizes = [(15, 21), (30, 9), (15, 21)]
    traces = vc.record(model, [pictures(1, *size) for size in sizes])
    assert [t.grid for t in traces] == [(5, 7), (10, 3), (5, 7)]
    torch.testing.assert_close(traces[0].logits, traces[2].logits)


def test_image_path_and_bytes_are_one_picture(build, picture, tmp_path):
    model = build()
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    (tmp_path / "p.png").write_bytes(buffer.getvalue())
    logits = [vc.record(model, p).logits for p in (picture, buffer.getvalue(), tmp_path / "p.png")]
    torch.testing.assert_close(logits[0], logits[1])
    torch.testing.assert_close(logits[0], logits[2])


@pytest.mark.parametrize("shape", [(3, 15, 21), (2, 3, 15, 21), (1, 1, 15, 21), (1, 3, 2, 21), (1, 3, 15, 2)])
def test_a_tensor_of_another_shape_is_refused(build, shape):
    with pytest.raises(vc.InputError, match=r"\(1, 3, height, width\)") as caught:
        vc.record(build(), torch.zeros(shape))
    assert caught.value.code == "tensor-shape"


def test_a_grid_without_rotary_positions_is_refused(build, pictures):
    model = build(position="rope", head_dim=8)
    for height, width in ((15, 21), (12, 12), (30, 30)):
        trace = vc.record(model, torch.zeros(1, 3, height, width))
        assert trace.grid == (height // 3, width // 3)
    for height, width in ((21, 15), (15, 18)):  # as many patches as its own grid, and another number
        with pytest.raises(vc.InputError, match="rotary|neither") as caught:
            vc.record(model, torch.zeros(1, 3, height, width))
        assert caught.value.code == "tensor-grid"
    assert vc.record(model, pictures(1)).attention(0).sum(-1).allclose(torch.ones(()))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_tensors_are_cast_to_the_models_dtype(build, pictures, dtype):
    model, image = build(), pictures(1).to(dtype)
    torch.testing.assert_close(vc.record(model, image).logits, vc.record(model, image.float()).logits)


@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 1e-5), (torch.float16, 0.03), (torch.bfloat16, 0.2)])
def test_models_of_other_dtypes_accept_pictures_and_tensors(build, picture, dtype, close):
    model = build()
    expected, prepared = vc.record(model, picture), model.transform(picture)[0]
    for trace in vc.record(model.to(dtype), [picture, prepared]):
        torch.testing.assert_close(trace.logits, expected.logits, rtol=0, atol=close)
        torch.testing.assert_close(trace.token_norms, expected.token_norms, rtol=close, atol=close)
        torch.testing.assert_close(vc.rollout(trace).float(), vc.rollout(expected), rtol=0, atol=close)


@pytest.mark.parametrize("other", [{"size": (2, 2)}, {"mean": (0.5,), "std": (0.5,)}])
def test_another_models_preprocessing_is_refused(build, picture, other):
    model = build()
    model.transform = dataclasses.replace(model.transform, **other)
    with pytest.raises(vc.InputError, match=r"of shape \(1, 3, height, width\) that holds a patch of 3 x 3") as caught:
        vc.record(model, picture)
    assert caught.value.code == "tensor-shape"


def test_a_model_without_transform_accepts_only_tensors(build, picture):
    model = build()
    prepared, model.transform = model.transform(picture)[0], None
    with pytest.raises(vc.InputError, match="give it a `transform`") as caught:
        vc.record(model, picture)
    assert caught.value.code == "checkpoint-config"
    assert vc.record(model, prepared).crop is None


def test_on_grid_and_token_at(build, pictures):
    trace = vc.record(build(registers=2), pictures(1))
    grid = trace.on_grid(torch.arange(38))
    assert grid.shape == (5, 7)
    assert grid[2, 3] == trace.token_at(2, 3) == 3 + 2 * 7 + 3
    with pytest.raises(ValueError, match="38 values"):
        trace.on_grid(torch.zeros(5))
    with pytest.raises(IndexError):
        trace.token_at(5, 0)


def test_bf16_is_opt_in_and_close(build, pictures):
    model = build(dim=64, head_dim=32)
    exact, rough = vc.record(model, pictures(1)), vc.record(model, pictures(1), bf16=True)
    assert vc.record(model, pictures(1)).queries.dtype == torch.float32  # off by default
    assert rough.queries.dtype == torch.bfloat16
    assert rough.mean_attention is None  # they would be bfloat16's
    assert rough.logits.dtype == rough.tokens.dtype == vc.rollout(rough).dtype == torch.float32
    off = (rough.logits - exact.logits).abs().max() / exact.logits.std()
    assert 0 < off < 0.1
    torch.testing.assert_close(vc.rollout(rough), vc.rollout(exact), atol=0.02, rtol=0.2)


def test_a_trace_owns_its_memory_and_counts_it(build, pictures):
    model = build()
    traces = vc.record(model, [pictures(1) for _ in range(5)])
    alone = vc.record(model, pictures(1))
    N, width = 36, 14
    numbers = 2 * 3 * N * width + 4 * N + N * width + 11 + 3 * N * N  # queries and keys, norms, tokens, logits, means
    assert alone.nbytes == traces[2].nbytes == 4 * numbers
    for name in ("queries", "keys", "token_norms", "tokens", "logits", "mean_attention"):
        first, second = (getattr(trace, name).untyped_storage() for trace in traces[:2])
        assert first.data_ptr() != second.data_ptr()


@pytest.mark.parametrize("block", ["pre", "res_post", "parallel"])
def test_short_sequences_keep_their_mean_attention(build, pictures, monkeypatch, block):
    model, images = build(block=block), list(pictures(3)[:, None])
    short = vc.record(model, images)
    monkeypatch.setattr("vit_core.attention.trace.MEAN_ATTENTION_NUMBERS", 3 * 36 * 36 - 1)  # one fewer than there are
    long = vc.record(model, images)
    for with_mean, without in zip(short, long, strict=True):
        assert without.mean_attention is None
        for layer in range(3):
            torch.testing.assert_close(with_mean.mean_attention[layer], with_mean.attention(layer).mean(0))
        torch.testing.assert_close(with_mean.logits, without.logits, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(with_mean.tokens, without.tokens, atol=1e-4, rtol=1e-4)


def test_record_leaves_nothing_on_the_model(build, pictures):
    model = build()
    before = {name: set(vars(module)) for name, module in model.named_modules()}
    vc.record(model, pictures(1))
    assert {name: set(vars(module)) for name, module in model.named_modules()} == before
    assert not any(m._forward_hooks for m in model.modules())


def test_cpu_moves_every_tensor(build, pictures, monkeypatch):
    trace = vc.record(build(), pictures(1))
    assert trace.mean_attention is not None
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: tensor.to("meta"))  # here all of it is on the CPU already
    moved = trace.cpu()
    names = [name for name, held in vars(trace).items() if isinstance(held, torch.Tensor)]
    assert len(names) == 6
    assert {getattr(moved, name).device.type for name in names} == {"meta"}
    assert (moved.config, moved.grid, moved.crop) == (trace.config, trace.grid, trace.crop)


def test_trace_is_frozen(build, pictures):
    with pytest.raises(dataclasses.FrozenInstanceError):
        vc.record(build(), pictures(1)).grid = (1, 1)


def test_predict_is_sorted_and_named(build, picture):
    model = build()
    model.labels = [f"thing {i}" for i in range(11)]
    best = vc.predict(model, picture, k=4)
    expected = vc.record(model, picture).logits.softmax(-1).sort(descending=True)
    assert [name for name, _ in best] == [f"thing {i}" for i in expected.indices[:4]]
    assert [p for _, p in best] == pytest.approx(expected.values[:4].tolist())
    assert len(vc.predict(model, picture, k=50)) == 11


@pytest.mark.parametrize("labels", ["ab", "abcdefghijklm"])
def test_a_wrong_number_of_labels_is_refused(build, picture, labels):
    model = build()
    model.labels = list(labels)
    with pytest.raises(vc.InputError, match=f"11 classes but {len(labels)} labels") as caught:
        vc.predict(model, picture)
    assert caught.value.code == "labels-count"


def test_k_below_one_predicts_nothing(build, picture):
    assert vc.predict(build(), picture, 0) == vc.predict(build(), picture, -1) == []


def test_without_a_head_there_is_a_trace_but_no_prediction(build, picture):
    model = build(classes=0)
    assert vc.record(model, picture).logits is None
    with pytest.raises(vc.InputError) as caught:
        vc.predict(model, picture)
    assert caught.value.code == "model-no-head"
