"""Deletion and insertion curves against a loop that runs the model once for each step, and their areas by hand."""

import pytest
import torch

import vit_core as vc
from tests.attribution.explicit import close
from vit_core import attribution as at
from vit_core.attribution.faithfulness import Curve, chance_levels, faithfulness
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer


@pytest.mark.parametrize("score", ["probability", "logit"])
@pytest.mark.parametrize("steps", [1, 6, 35, 100])
def test_batches_agree_with_a_loop(build, pictures, steps, score):
    model, images = build(), pictures()
    values = torch.randn(5, 7, generator=torch.Generator().manual_seed(1))
    found = faithfulness(model, images, values, 3, steps=steps, score=score, batch=4)
    order = sorted(range(35), key=lambda patch: -values.flatten()[patch])
    counts = sorted({round(35 * step / steps) for step in range(steps + 1)})
    close(found.deletion.fractions, [count / 35 for count in counts], 1e-6)
    for curve, erased in ((found.deletion, lambda n: order[:n]), (found.insertion, lambda n: order[n:])):
        for count, value in zip(counts, curve.scores, strict=True):
            logits = at.intervene(model, images, erased=erased(count))
            wanted = logits[3] if score == "logit" else logits.softmax(-1)[3]
            assert value.item() == pytest.approx(wanted.item(), abs=1e-5)
    assert found.deletion.scores[0] == pytest.approx(found.insertion.scores[-1].item(), abs=1e-5)


def test_areas_by_hand():
    # 1 to 0.5 over the first quarter, then 0 over the rest from 0.5: (1 + 0.5) / 2 / 4 + 0.5 / 2 * 3 / 4
    assert Curve(torch.tensor([0, 0.25, 1]), torch.tensor([1, 0.5, 0])).auc == pytest.approx(0.375)
    assert Curve(torch.tensor([0.0, 1.0]), torch.tensor([0.7, 0.7])).auc == pytest.approx(0.7)


@pytest.fixture
def adding():
    """A model whose only logit that is not 0 is the mean of a picture's 6 x 6 pixels, each a patch."""
    options = dict(channels=1, classes=2, dim=2, depth=1, heads=1, head_dim=1, mlp_dim=2, position="none")
    config = ViTConfig(image_size=6, patch_size=1, pool="avg", class_token=False, final_norm=False, **options)
    model = VisionTransformer(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.patch_embed.weight[0] = 1
        model.head.weight[0, 0] = 1
    return model


def test_a_true_map_beats_chance_and_its_opposite_does_worse(adding):
    model, images = adding, torch.zeros(1, 1, 6, 6)
    images[0, 0, 2, 2:5] = 12.0  # three patches speak for class 0; the mean is 1
    true, false = (faithfulness(model, images, v, 0, score="logit", steps=12) for v in (images[0, 0], -images[0, 0]))
    # Erased, a patch has the value 1. Three a step: first the three that speak, then 33 that have nothing.
    close(true.deletion.scores, [1, *(3 * step / 36 for step in range(1, 13))], 1e-6)
    close(true.insertion.scores, [1, *((33 - 3 * step + 36) / 36 for step in range(12))], 1e-6)
    levels = chance_levels(model, images, 0, steps=12, score="logit")
    assert true.deletion.auc < levels.deletion.low < levels.deletion.high < false.deletion.auc
    assert true.insertion.auc > levels.insertion.high > levels.insertion.low > false.insertion.auc


def test_chance_is_that_of_random_orders_and_repeats(build, pictures):
    model, images = build(), pictures()
    found = chance_levels(model, images, 3, orders=20, steps=5)
    assert found == chance_levels(model, images, 3, orders=20, steps=5)
    assert found != chance_levels(model, images, 3, orders=20, steps=5, seed=1)
    generator = torch.Generator().manual_seed(0)
    areas = [
        faithfulness(model, images, torch.rand(35, generator=generator), 3, steps=5).deletion.auc for _ in range(20)
    ]
    mean = sum(areas) / 20
    deviation = (sum((area - mean) ** 2 for area in areas) / 19) ** 0.5
    assert found.deletion.mean == pytest.approx(mean)
    assert found.deletion.high - found.deletion.mean == pytest.approx(1.96 * deviation, rel=1e-6)
    assert found.deletion.mean - found.deletion.low == pytest.approx(1.96 * deviation, rel=1e-6)


def test_other_heads_and_fills(build, pictures):
    images = pictures()
    binary = build(classes=1, problem_type="binary")
    values = torch.arange(35.0)
    positive, negative = (faithfulness(binary, images, values, k, fill="blur") for k in (1, 0))
    close(positive.deletion.scores + negative.deletion.scores, [1.0] * 17, 1e-5)
    regression = build(problem_type="regression")
    found = [faithfulness(regression, images, values, 2, score=score) for score in ("probability", "logit")]
    close(found[0].insertion.scores, found[1].insertion.scores)


def test_what_cannot_be_measured(build, pictures):
    with pytest.raises(ValueError, match="probability, logit"):
        faithfulness(build(), pictures(), torch.rand(35), 0, score="loss")
    with pytest.raises(vc.InputError) as error:
        faithfulness(build(classes=0), pictures(), torch.rand(35), 0)
    assert error.value.code == "model-no-head"
    with pytest.raises(vc.InputError) as error:
        faithfulness(build(), pictures(), torch.rand(35), 0, fill="noise")
    assert error.value.code == "intervention-option"
