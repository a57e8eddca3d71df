"""The head: what each channel adds to a class's logit, and what the head would predict after each layer."""

from __future__ import annotations

import torch
from torch import Tensor

from app.lecture import neighbours
from app.lecture.stage import Scene, Stage, array
from vit_core import ViTConfig
from vit_core.attribution import read_head
from vit_core.lecture import logit_lens
from vit_core.models.config import PROBABILITY_FUNCTIONS, PROBLEM_TYPES

NUM_PREDICTIONS = 4  # classes in the list; the lens also shows every class that is best after some layer
#: The key of the prose about the prediction; None: the usual one, or the one for a model without a head.
PROSE = {kind: f"text_{kind}" for kind in PROBLEM_TYPES} | {"single_label": None}


def path(config: ViTConfig, tokens: int) -> list[dict]:
    """The boxes from the last layer (`tokens`: the sequence length) to the prediction, {"name", "shape"} each."""
    D, K, one = config.dim, config.classes, config.pool == "token"
    width, two = 2 * D if config.pool == "token_avg" else D, config.distillation_head
    stream = ([2, D] if two else [D]) if one else [tokens, D]
    boxes = [(("class_two" if two else "class") if one else "tokens", stream)]
    boxes += [("norm", stream)] * config.final_norm
    boxes += [(config.pool, [width])] * (not one)
    boxes += [("norm", [width])] * config.pool_norm
    if K:
        boxes += [("linear_two" if two else "linear", [K, width]), ("logits", [K])]
        boxes += [(function, [K]) for function in PROBABILITY_FUNCTIONS[config.problem_type]]
    return [{"name": name, "shape": shape} for name, shape in boxes]


@torch.no_grad()
def patches_alike(stage: Stage) -> Tensor:
    """The cosine of the vector that a head would read to each patch's vector, after each layer and the last norm:
    (layers + 1, patches)."""
    model = stage.model
    tokens = model.norm(stage.streams)  # layers + 1, N, D
    vectors, patches = model.pooled(tokens), tokens[:, stage.config.num_prefix_tokens :]
    return torch.nn.functional.cosine_similarity(patches, vectors[:, None], dim=-1)


def build(stage: Stage, want: dict) -> Scene:
    """Arrays: "vector" (C,), what the head reads; for the K classes that are shown "weight" (K, C), "bias" (K,),
    "logits" (K,), and "lens" (layers + 1, K), their probability after each layer. Without a head that
    names classes only "vector" and, if it is the class token or a mean, "alike" (layers + 1, patches), see
    `patches_alike`; and "near", small pictures, see `neighbours.nearest`, if want["near"] asks for them or the samples'
    vectors are known.

    Numbers: "shown", the K classes, the final prediction first; "leaders", for each layer the index of its best class
    in "shown". "near" is None before the samples were compared; "near_seconds" is how long that takes, about.
    """
    model, config, stream = stage.model, stage.config, stage.streams
    with torch.no_grad():
        tokens = model.norm(stream[-1])
    lens = logit_lens(model, stream)
    numbers = {
        "layers": config.depth,
        "classes": config.classes,
        "pool": config.pool,
        "top": min(NUM_PREDICTIONS, config.classes),
        "path": path(config, len(tokens)),
        "prose": PROSE[config.problem_type],
    }
    if lens is None or not stage.names_classes:
        read = read_head(model, tokens)
        arrays = {"vector": array(read.vector)}
        if config.pool in ("token", "avg"):
            arrays["alike"] = array(patches_alike(stage))
        numbers |= {"parts": read.parts, "shown": [], "leaders": [], "output": stage.output, "near": None}
        numbers["near_seconds"] = stage.result.seconds * len(neighbours.listed())
        numbers["samples"] = len(neighbours.listed())
        if want.get("near") is True or neighbours.are_known(stage):
            language = "ko" if want.get("language") == "ko" else "en"
            numbers["near"], numbers["near_mean"], arrays["near"] = neighbours.nearest(stage, read.vector, language)
        return Scene(numbers, arrays)
    # A binary head has one logit, and the class that it stands for is the second one.
    named = 1 if config.problem_type == "binary" else 0
    leading = lens.argmax(-1).tolist()
    best = lens[-1].topk(numbers["top"]).indices.tolist()
    shown = list(dict.fromkeys(best + leading))
    read = read_head(model, tokens, shown)
    numbers |= {
        "parts": read.parts,
        "shown": [{"index": k + named, "label": stage.label(k + named)} for k in shown],
        "leaders": [shown.index(k) for k in leading],
    }
    arrays = {
        "vector": read.vector,
        "weight": read.weight,
        "bias": read.bias,
        "logits": lens[-1, shown],
        "lens": stage.scores(lens)[:, [k + named for k in shown]],
    }
    return Scene(numbers, {name: array(tensor) for name, tensor in arrays.items()})
