r"""The equations under Explore's figures (LaTeX), written for the model at hand.

Symbols follow Dosovitskiy et al. 2021 (arXiv:2010.11929): x_p^i is a patch, E the patch embedding, z_L the tokens after
the last layer, W and b the head.
"""

from __future__ import annotations

from vit_core import ViTConfig
from vit_core.models.predictions import has_probabilities


def _lines(*lines: str) -> str:
    return lines[0] if len(lines) == 1 else r"\begin{gathered} " + r" \\ ".join(lines) + r" \end{gathered}"


def _norm(config: ViTConfig, inner: str, there: bool = True) -> str:
    return rf"\mathrm{{{'LN' if config.norm == 'layer' else 'RMS'}}}({inner})" if there else inner


def received(config: ViTConfig) -> str:
    """The sequence that enters the first layer, and the number of patches."""
    c = config
    added = c.position == "learned"
    names = [r"x_\text{class}"] * c.class_token + [r"x_\text{distill}"] * c.distillation_token
    names += [r"x_\text{reg}"] if c.registers == 1 else [r"x_\text{reg}^1;\, \dots"] if c.registers else []
    apart = added and not c.position_prefix and bool(names)  # then only patches have positions
    patches = [_norm(c, f"x_p^{i} E", c.patch_norm) + (f" + e_{i}" if apart else "") for i in "1N"]
    sequence = "[" + r";\, ".join([*names, patches[0], r"\dots", patches[1]]) + "]"
    if added and not apart:
        sequence += r" + E_\text{pos}"
    lines = [f"z_0 = {_norm(c, sequence, c.embed_norm)}"]
    if c.position == "rope":  # rotary positions are applied in each layer's attention instead
        lines.append(r"q_i \mapsto R_i\, q_i,\quad k_j \mapsto R_j\, k_j \quad\text{(RoPE)}")
    high, wide = ("P", "P") if c.patch_size[0] == c.patch_size[1] else ("P_H", "P_W")
    return _lines(*lines, rf"N = \frac{{H}}{{{high}}}\cdot\frac{{W}}{{{wide}}}")


def _vector(config: ViTConfig) -> str:
    """What the head reads."""
    c = config

    def normed(at: str) -> str:
        return _norm(c, f"z_L^{{{at}}}", c.final_norm)

    mean = rf"\tfrac{{1}}{{N}}\textstyle\sum_i {normed('i')}"
    named = normed(r"\text{class}")
    pooled = {
        "token": named,
        "avg": mean,
        "max": rf"\max_i\, {normed('i')}",
        "avgmax": rf"\tfrac12\big(\max_i {normed('i')} + {mean}\big)",
        "map": rf"\mathrm{{MAP}}({_norm(c, 'z_L', c.final_norm)})",
        "token_avg": rf"\big[{named};\, {mean}\big]",
    }[c.pool]
    return _norm(c, pooled, c.pool_norm)


def _logits(config: ViTConfig) -> list[str]:
    """From the last layer to the logits, in lines; of a model without a head, the vector that it returns."""
    if not config.classes:
        return [f"z = {_vector(config)}"]
    first = rf"W\,{_vector(config)}" + " + b" * config.head_bias
    if not config.distillation_head:
        return [f"y = {first}"]
    second = r"W'\," + _norm(config, r"z_L^{\text{distill}}", config.final_norm) + " + b'"
    return [
        r"y = \tfrac12\,(y_\text{class} + y_\text{distill})",
        rf"y_\text{{class}} = {first}",
        rf"y_\text{{distill}} = {second}",
    ]


def predictions(config: ViTConfig) -> str:
    """From the last layer to the answer."""
    shares = {
        "single_label": r"p_i = \frac{e^{y_i}}{\sum_j e^{y_j}}",
        "multi_label": r"p_i = \sigma(y_i) = \frac{1}{1 + e^{-y_i}}",
        "binary": r"p = \sigma(y) = \frac{1}{1 + e^{-y}}",
    }
    classes = config.classes and has_probabilities(config.problem_type)
    return _lines(*_logits(config), *([shares[config.problem_type]] if classes else []))


def attention(config: ViTConfig, direction: str = "row") -> str:
    """A head's weights. `direction`: "row" for what a query looks at, "column" for the queries that look at a key."""
    query, key = ((_norm(config, name) if config.qk_norm else name) for name in "QK")
    if config.position == "rope":
        query, key = (rf"R({name})" if len(name) == 1 else f"R\\,{name}" for name in (query, key))
    weights = rf"A = \mathrm{{softmax}}\!\left(\frac{{{query}\, {key}^\top}}{{\sqrt{{d_h}}}}\right)"
    rows = r"\textstyle\sum_j A_{ij} = 1"
    if direction == "row":
        return rf"{weights},\qquad {rows}"
    return _lines(rf"{weights},\qquad {rows}", r"\textstyle\sum_i A_{ij} \ne 1")


def likeness(facet: str) -> str:
    """The cosine of two tokens' features, and what these are in that facet (`vit_core.features.FACETS`)."""
    letter = {"query": "q", "key": "k", "value": "v"}.get(facet)
    feature = rf"[{letter}^{{(1)}}_i;\, \dots;\, {letter}^{{(H)}}_i]" if letter else r"z_{l,i}"
    cosine = r"s_{ij} = \frac{f_i \cdot f_j}{\lVert f_i\rVert\,\lVert f_j\rVert}"
    return rf"{cosine},\qquad f_i = {feature}"


#: Of the figures that look the same for every model, by the figure's name.
FIXED = {
    "positions": r"s_{ij} = \frac{e_i \cdot e_j}{\lVert e_i\rVert\,\lVert e_j\rVert}",
    "rollout": r"R = \hat A_{b}\,\hat A_{b-1}\cdots\hat A_{a},\qquad "
    r"\hat A_l = r\,I + (1-r)\,\mathrm{norm}\big(\mathrm{fuse}_h A_l^{(h)}\big)",
    "distances": r"\bar d_{l,h} = \frac{1}{N}\sum_{i}\sum_{j} A^{(l,h)}_{ij}\,\lVert p_i - p_j\rVert",
    "entropies": r"H_{l,h} = -\frac{1}{N}\sum_i\sum_j A^{(l,h)}_{ij}\,\log_2 A^{(l,h)}_{ij}",
    "filters": r"E - \bar E = U\,\Sigma\,V^\top,\qquad \text{filter } k = V_k",
    "features": _lines(
        r"X - \mathbf 1\,\bar x^\top = U\,\Sigma\,V^\top",
        r"c_{ik} = (x_i - \bar x)\cdot v_k,\qquad \text{share}_k = \frac{\sigma_k^2}{\sum_j \sigma_j^2}",
    ),
    "norms": r"n_{l,i} = \lVert z_{l,i}\rVert_2",
}
