"""The equations under Explore's figures are those of the model at hand."""

import pytest

from app.text import equations
from tests.conftest import SMALL
from vit_core import ViTConfig


def config(**fields) -> ViTConfig:
    return ViTConfig(**SMALL | fields)


TWO = dict(distillation_token=True, distillation_head=True)


@pytest.mark.parametrize(
    ("fields", "sequence"),
    [
        ({}, r"z_0 = [x_\text{class};\, x_p^1 E;\, \dots;\, x_p^N E] + E_\text{pos} \\"),
        (TWO, r"z_0 = [x_\text{class};\, x_\text{distill};\, x_p^1 E;\, \dots;\, x_p^N E] + E_\text{pos} \\"),
        (
            dict(registers=4),
            r"[x_\text{class};\, x_\text{reg}^1;\, \dots;\, x_p^1 E;\, \dots;\, x_p^N E] + E_\text{pos} \\",
        ),
        (dict(class_token=False, pool="avg"), r"z_0 = [x_p^1 E;\, \dots;\, x_p^N E] + E_\text{pos} \\"),
        (dict(position_prefix=False), r"z_0 = [x_\text{class};\, x_p^1 E + e_1;\, \dots;\, x_p^N E + e_N] \\"),
        (dict(position="none"), r"z_0 = [x_\text{class};\, x_p^1 E;\, \dots;\, x_p^N E] \\"),
        (dict(patch_norm=True, position="none"), r"\mathrm{LN}(x_p^1 E);\, \dots;\, \mathrm{LN}(x_p^N E)] \\"),
        (dict(embed_norm=True, norm="rms"), r"z_0 = \mathrm{RMS}([x_\text{class};"),
    ],
    ids=str,
)
def test_what_enters_the_first_layer(fields, sequence):
    assert sequence in equations.received(config(**fields))


def test_rotary_positions_turn_queries_and_keys_and_are_not_added():
    rotary = config(position="rope", head_dim=8)
    assert r"E_\text{pos}" not in equations.received(rotary)
    assert r"q_i \mapsto R_i\, q_i" in equations.received(rotary)
    assert "R(Q)" in equations.attention(rotary)
    assert "R" not in equations.attention(config())
    assert r"R\,\mathrm{LN}(Q)" in equations.attention(config(position="rope", head_dim=8, qk_norm=True))


def test_only_rows_sum_to_one():
    row, column = (equations.attention(config(), direction) for direction in ("row", "column"))
    assert r"\sum_j A_{ij} = 1" in row
    assert r"\sum_i" not in row
    assert r"\sum_i A_{ij} \ne 1" in column


@pytest.mark.parametrize(("facet", "feature"), [("token", "z_{l,i}"), ("key", r"[k^{(1)}_i;\, \dots;\, k^{(H)}_i]")])
def test_features_are_compared_by_their_cosine(facet, feature):
    assert equations.likeness(facet).endswith(rf"f_i = {feature}")
    assert r"s_{ij} = \frac{f_i \cdot f_j}" in equations.likeness(facet)


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({}, r"y = W\,\mathrm{LN}(z_L^{\text{class}}) + b"),
        (dict(head_bias=False, final_norm=False), r"y = W\,z_L^{\text{class}} \\"),
        (TWO, r"y = \tfrac12\,(y_\text{class} + y_\text{distill}) \\"),
        (TWO, r"y_\text{class} = W\,\mathrm{LN}(z_L^{\text{class}}) + b \\"),
        (TWO, r"y_\text{distill} = W'\,\mathrm{LN}(z_L^{\text{distill}}) + b' \\"),
        (
            dict(class_token=False, pool="avg", final_norm=False, pool_norm=True),
            r"y = W\,\mathrm{LN}(\tfrac{1}{N}\textstyle\sum_i z_L^{i}) + b",
        ),
        (dict(classes=1, problem_type="binary"), r"\sigma(y)"),
        (dict(problem_type="multi_label"), r"\sigma(y_i)"),
    ],
    ids=str,
)
def test_the_answer(fields, answer):
    assert answer in equations.predictions(config(**fields))


@pytest.mark.parametrize("fields", [dict(classes=0), dict(problem_type="regression"), dict(problem_type="multi_label")])
def test_no_softmax_without_one_label(fields):
    assert "e^{y_i}" not in equations.predictions(config(**fields))


def test_a_model_without_a_head_returns_its_vector():
    assert equations.predictions(config(classes=0)) == r"z = \mathrm{LN}(z_L^{\text{class}})"
