"""The atlas' view as the page keeps it: words and numbers counted from 1, as an address may hold them. No streamlit."""

from __future__ import annotations

from collections.abc import Callable

from app.components.atlas.component import MEAN, ROLLOUT
from app.explore.result import Outline, Result

COLUMNS = {"mean": MEAN, "rollout": ROLLOUT}  # what stands beside the heads
CHOICES = {"direction": ("row", "column"), "scale": ("map", "layer", "shared"), "compare": ("both", "difference")}
PLACE = ("from", "row", "col")  # where it looks from
KEPT = ("layer", "head", *PLACE, "pinned", *CHOICES)  # all of it


def to_atlas(result: Result | Outline, get: Callable[[str], object]) -> dict:
    """What is kept, for the atlas; anything that does not fit this model falls back to what an expert would choose."""
    layer, head = cell(result, get)
    pinned = [token for said in str(get("pinned") or "").split(".") if (token := _token(result, said)) is not None]
    view = {"layer": layer, "head": head, "query": query(result, get), "pinned": list(dict.fromkeys(pinned))[:2]}
    for name, options in CHOICES.items():
        kept = get(name)
        view[name] = kept if kept in options else options[0]
    return view


def cell(result: Result | Outline, get: Callable[[str], object]) -> tuple[int, int]:
    """Of `to_atlas`, the layer and the head, or what stands beside the heads; from 0."""
    depth, heads, kept = result.config.depth, result.config.heads, str(get("head") or "mean")
    return (
        _number(get("layer"), 1, depth, depth) - 1,
        COLUMNS[kept] if kept in COLUMNS else _number(kept, 1, heads, 0) - 1,
    )


def query(result: Result | Outline, get: Callable[[str], object]) -> int:
    """Of `to_atlas`, the token that is looked from."""
    kept = get("from")
    if kept in result.prefix_names:
        return result.prefix_names.index(kept)
    if kept == "patch" or not result.prefix_names:
        row, col = (
            _number(get(name), 1, n, (n + 1) // 2) - 1 for name, n in zip(("row", "col"), result.grid, strict=True)
        )
        return result.token((row, col))
    return 0


def from_atlas(result: Result | Outline, view: dict) -> dict:
    """What the atlas says, to be kept. `pinned` is places joined by dots: "class", "5-7" (row and column)."""
    columns = {number: name for name, number in COLUMNS.items()}
    query = view["query"]
    kept = {
        "layer": view["layer"] + 1,
        "head": columns.get(view["head"], str(view["head"] + 1)),
        "pinned": ".".join(_said(result, token) for token in view["pinned"]) or None,
        **{name: view[name] for name in CHOICES},
    }
    if query < result.config.num_prefix_tokens:
        return kept | {"from": result.prefix_names[query]}
    row, col = divmod(query - result.config.num_prefix_tokens, result.grid[1])
    return kept | {"from": "patch", "row": row + 1, "col": col + 1}


def _said(result: Result | Outline, token: int) -> str:
    """A token's place in words that mean the same place in another model."""
    if token < result.config.num_prefix_tokens:
        return result.prefix_names[token]
    row, col = divmod(token - result.config.num_prefix_tokens, result.grid[1])
    return f"{row + 1}-{col + 1}"


def _token(result: Result | Outline, said: str) -> int | None:
    """The way back; None for a place that this model has not."""
    if said in result.prefix_names:
        return result.prefix_names.index(said)
    place = [_number(part, 0, 10**6, 0) - 1 for part in said.split("-")]
    inside = len(place) == 2 and all(0 <= n < size for n, size in zip(place, result.grid, strict=True))
    return result.token(tuple(place)) if inside else None


def _number(value: object, low: int, high: int, default: int) -> int:
    """`value` moved into [low, high]; `default` for what is no number."""
    text = str(value)
    return min(max(int(text), low), high) if text.isascii() and text.isdigit() and len(text) < 7 else default
