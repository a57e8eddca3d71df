"""Receptive fields, by hand and by gradients, and the embedded CNNs whose fields the lecture shows."""

import json

import pytest
import torch
from safetensors.torch import save_file

from vit_core.checkpoints import embedded
from vit_core.data.arrays import read_idx
from vit_core.errors import InputError
from vit_core.images import read_image
from vit_core.lecture import receptive_fields
from vit_core.lecture.receptive_fields import ReceptiveField
from vit_core.models.cnn import ConvNet

#: 3 x 3 kernels, padding 1, strides 1 2 1 1 2 1 1 2, worked on paper: each adds two jumps of the layer before.
EXPECTED = [
    ReceptiveField(3, 1, -1),
    ReceptiveField(5, 2, -2),
    ReceptiveField(9, 2, -4),
    ReceptiveField(13, 2, -6),
    ReceptiveField(17, 4, -8),
    ReceptiveField(25, 4, -12),
    ReceptiveField(33, 4, -16),
    ReceptiveField(41, 8, -20),
]


@pytest.fixture
def net():
    """A CNN whose every channel answers: no ReLU is shut, so that a zero gradient is the architecture's."""
    torch.manual_seed(0)
    made = ConvNet(2, 5, width=4).eval()
    with torch.no_grad():
        for name, tensor in made.named_parameters():
            if tensor.ndim == 4:
                tensor.abs_()
            elif name.endswith("bias"):
                tensor.fill_(1.0)
    return made


def test_theoretical_fields_by_hand(net):
    assert receptive_fields.theoretical_fields(net) == EXPECTED


def test_a_field_knows_its_centre_and_span():
    field = ReceptiveField(13, 2, -6)
    assert field.centre(0) == 0
    assert field.centre(5) == 10
    assert field.span(5) == (4, 17)
    assert [field.nearest(p, 8) for p in (-9, 0, 9.4, 10.6, 99)] == [0, 0, 5, 5, 7]


def test_outputs_are_the_networks_own_steps(net):
    images = torch.rand(1, 2, 48, 64)
    made = list(receptive_fields.convolution_outputs(net, images))
    assert [tuple(o.shape[-2:]) for o in made] == [(48, 64)] + 3 * [(24, 32)] + 3 * [(12, 16)] + [(6, 8)]
    assert torch.equal(made[-1], net.stages(images))
    assert torch.equal(made[3], net.stages[:3](images))


def test_no_pixel_outside_the_field_moves_the_unit_and_its_corners_do(net):
    images = torch.rand(1, 2, 72, 80)
    maps, units, logits = receptive_fields.effective_fields(net, images, (36, 41))
    assert maps.shape == (8, 72, 80)
    torch.testing.assert_close(logits, net(images)[0].detach())
    for field, weights, (row, col) in zip(receptive_fields.theoretical_fields(net), maps, units, strict=True):
        (top, bottom), (left, right) = field.span(row), field.span(col)
        assert min(top, left, 72 - bottom, 80 - right) >= 0, "the field lies inside, or nothing is proved"
        assert abs(field.centre(row) - 36) <= field.jump / 2
        assert abs(field.centre(col) - 41) <= field.jump / 2
        inside = weights[top:bottom, left:right].clone()
        weights[top:bottom, left:right] = 0
        assert (weights == 0).all()
        border = torch.cat([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
        assert (border > 0).all()


def test_the_gradient_is_the_slope():
    """Moving one pixel a little moves the unit as the map says, whichever way."""
    torch.manual_seed(3)
    net, images = ConvNet(2, 5, width=4).eval().double(), torch.rand(1, 2, 24, 24, dtype=torch.float64)
    maps, units, _ = receptive_fields.effective_fields(net, images, (12, 12))
    moved = []
    for colour in range(2):
        step = torch.zeros_like(images)
        step[0, colour, 13, 12] = 1e-6
        unit = [
            list(receptive_fields.convolution_outputs(net, images + sign * step))[3][0, :, *units[3]].sum()
            for sign in (1, -1)
        ]
        moved.append(float((unit[0] - unit[1]).detach()) / 2e-6)
    assert min(moved) < 0, "a sign that the map must not keep"
    assert sum(map(abs, moved)) == pytest.approx(float(maps[3, 13, 12]), rel=1e-5)


def test_gradients_are_found_where_they_are_switched_off(net):
    with torch.no_grad():
        maps, *_ = receptive_fields.effective_fields(net.requires_grad_(False), torch.rand(1, 2, 16, 16), (8, 8))
    assert (maps.sum((1, 2)) > 0).all()
    assert not maps.requires_grad


def test_extent_and_mean_distance_by_hand():
    weights = torch.zeros(5, 7)
    weights[2, 3] = 6
    assert receptive_fields.square_side(weights, (2, 3)) == 1
    assert receptive_fields.mean_distance(weights, (2, 3)) == 0
    weights[2, 4], weights[0, 3] = 2, 2  # one step away, and two: 6, 8, 10 of 10
    assert [receptive_fields.square_side(weights, (2, 3), share) for share in (0.6, 0.7, 0.8, 0.95, 1.0)] == [
        1,
        3,
        3,
        5,
        5,
    ]
    assert receptive_fields.mean_distance(weights, (2, 3)) == pytest.approx((2 * 1 + 2 * 2) / 10)
    assert receptive_fields.square_side(weights, (2, 6), 1.0) == 7, "the square may stand over the edge"
    assert receptive_fields.square_side(torch.zeros(3, 3), (1, 1)) is None
    assert receptive_fields.mean_distance(torch.zeros(3, 3), (1, 1)) is None


# --- the embedded CNNs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "size"), [("tiny-cnn", (32, 32)), ("fashion-cnn", (28, 28))])
def test_an_embedded_cnn_goes_with_its_vit(name, size):
    found, vit = embedded.load_cnn(name), embedded.load_embedded(name.removesuffix("-cnn"))
    assert found.labels == vit.labels
    assert found.transform == vit.transform
    assert found.transform.size == size
    assert not found.net.training
    assert not any(p.requires_grad for p in found.net.parameters())
    assert receptive_fields.theoretical_fields(found.net) == EXPECTED
    said = (embedded.ASSETS / f"{name}.md").read_text("utf-8")
    assert f"**{100 * found.card['test accuracy']:.2f}%** of the {found.card['test pictures']:,}" in said
    assert f"{found.card['pictures trained on']:,} training pictures" in said
    assert f"{found.card['hours']} hours" in said
    assert f"--recipe {name}" in said
    assert f"{sum(p.numel() for p in found.net.parameters()) / 1e6:.2f} M parameters" in said


def test_the_fashion_cnn_is_about_as_good_as_its_card_says():
    found, folder = embedded.load_cnn("fashion-cnn"), embedded.ASSETS / "fashion-mnist"
    images = torch.from_numpy(read_idx(folder / "t10k-images-idx3-ubyte.gz")[:500].copy())[:, None].float() / 255
    classes = torch.from_numpy(read_idx(folder / "t10k-labels-idx1-ubyte.gz")[:500].copy())
    with torch.no_grad():
        answers = found.net((images - found.transform.mean[0]) / found.transform.std[0]).argmax(1)
    assert float((answers == classes).float().mean()) == pytest.approx(found.card["test accuracy"], abs=0.03)


def test_the_tiny_cnn_names_the_samples_that_its_card_says():
    found, folder = embedded.load_cnn("tiny-cnn"), embedded.ASSETS / "samples"
    shown = dict(kitten="cat", dog="dog", horses="horse", moose="deer", duck="bird", owl="bird", chelsea="cat")
    inputs = torch.cat([found.transform(read_image(folder / f"{name}.jpg"))[0] for name in shown])
    answers = [found.labels[answer] for answer in found.net(inputs).argmax(1).tolist()]
    assert {name for name, answer in zip(shown, answers, strict=True) if answer != shown[name]} == {
        "kitten",
        "duck",
        "owl",
    }


def test_cnns_that_cannot_be_used(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "ASSETS", tmp_path)
    net = ConvNet(1, 2, width=4)
    card = {"data": "fashion", "mean": [0.5], "std": [0.5], "arch": {"width": 4}}

    def refused(code, state=None, **header):
        header = {"card": card, "labels": ["a", "b"]} | header
        save_file(state or net.state_dict(), tmp_path / "small.safetensors", {"vitrine": json.dumps(header)})
        with pytest.raises(InputError) as error:
            embedded.load_cnn("small")
        assert error.value.code == code

    with pytest.raises(InputError) as error:
        embedded.load_cnn("small")
    assert error.value.code == "model-unknown"
    refused("checkpoint-config", card={**card, "data": "elsewhere"})
    refused("checkpoint-config", card={"data": "fashion"})
    refused("checkpoint-config", card={**card, "arch": {"depth": 3}})
    refused("checkpoint-shapes", labels=["a", "b", "c"])
    refused("checkpoint-keys", state={"head.bias": torch.zeros(2)})
    refused("checkpoint-not-finite", state={**net.state_dict(), "head.bias": torch.tensor([0.0, float("nan")])})
    refused("model-unknown", config={"dim": 3})  # a Vision Transformer
    header = json.dumps({"card": card, "labels": ["a", "b"]})
    save_file(net.state_dict(), tmp_path / "small.safetensors", {"vitrine": header})
    found = embedded.load_cnn("small")
    image = torch.rand(1, 1, 28, 28)
    assert torch.equal(found.net(image), net.eval()(image))
    assert found.labels == ["a", "b"]
