"""The atlas' view as session values: words, and numbers counted from 1, as the address holds them. No Streamlit."""

from __future__ import annotations

from collections.abc import Callable

from app.components.atlas.payload import MEAN, ROLLOUT
from app.explore.result import Outline, Result
from vit_core.features import FACETS

#: What the session value "head" calls the columns beside the heads.
COLUMNS = {"mean": MEAN, "rollout": ROLLOUT}
#: What the controls beside the maps can be; the first is the default. "foreground" and "opacity" are those of the view
#: Features, "facet" is its and that of the direction "like". "asks" is of a comparison: which picture has the place.
CHOICES = {
    "direction": ("row", "column", "like"),
    "scale": ("map", "layer", "shared"),
    "compare": ("both", "difference"),
    "speed": ("1", "0.5", "0.25"),
    "loop": ("off", "on"),
    "clip": ("on", "off"),
    "facet": FACETS,
    "foreground": ("off", "on", "other"),
    "opacity": ("1", "0.75", "0.5", "0.25", "0"),
    "asks": ("first", "second"),
}
#: What of a view the pointer alone changes.
POINTED = {"query", "asks"}
VIEWS = ("heads", "flow", "answer", "inside", "features")


def atlas_view(result: Result | Outline, get: Callable[[str], object]) -> dict:
    """The view that the session values say; a value that does not fit this model is replaced by a default."""
    layer, head = chosen_column(result, get)
    pinned = [_token(result, place) for place in str(get("pinned") or "").split(".")]
    pinned = list(dict.fromkeys(token for token in pinned if token is not None))[:2]
    view = {"layer": layer, "head": head, "query": query(result, get), "pinned": pinned}
    view |= {name: choice(get, name) for name in CHOICES}
    return view | {"view": view_of(get)}


def choice(get: Callable[[str], object], name: str) -> str:
    """The session's value of one of CHOICES; the default if it is none of them."""
    value, options = get(name), CHOICES[name]
    return value if value in options else options[0]


def view_of(get: Callable[[str], object]) -> str:
    """What stands beside the picture."""
    return view if (view := get("view")) in VIEWS else VIEWS[0]


def chosen_column(result: Result | Outline, get: Callable[[str], object]) -> tuple[int, int]:
    """Layer and head of the view, from 0; the head may be MEAN or ROLLOUT."""
    depth, heads, head = result.config.depth, result.config.heads, str(get("head") or "mean")
    layer = _number(get("layer"), 1, depth, depth) - 1
    return layer, COLUMNS[head] if head in COLUMNS else _number(head, 1, heads, 0) - 1


def query(result: Result | Outline, get: Callable[[str], object]) -> int:
    """The view's query token."""
    start = get("from")
    if start in result.prefix_names:
        return result.prefix_names.index(start)
    if start == "patch" or not result.prefix_names:
        row, col = (
            _number(get(name), 1, n, (n + 1) // 2) - 1 for name, n in zip(("row", "col"), result.grid, strict=True)
        )
        return result.token((row, col))
    return 0


def session_values(result: Result | Outline, view: dict) -> dict:
    """The session values that say this view. "pinned" is places joined by dots: "class", "5-7" (row and column)."""
    columns = {number: name for name, number in COLUMNS.items()}
    query = view["query"]
    values = {
        "layer": view["layer"] + 1,
        "head": columns.get(view["head"], str(view["head"] + 1)),
        "pinned": ".".join(_place(result, token) for token in view["pinned"]) or None,
        **{name: view[name] for name in (*CHOICES, "view")},
    }
    if query < result.config.num_prefix_tokens:
        return values | {"from": result.prefix_names[query]}
    row, col = divmod(query - result.config.num_prefix_tokens, result.grid[1])
    return values | {"from": "patch", "row": row + 1, "col": col + 1}


def _place(result: Result | Outline, token: int) -> str:
    """A token's place in words that also make sense for another model."""
    if token < result.config.num_prefix_tokens:
        return result.prefix_names[token]
    row, col = divmod(token - result.config.num_prefix_tokens, result.grid[1])
    return f"{row + 1}-{col + 1}"


def _token(result: Result | Outline, place: str) -> int | None:
    """The token at a place; None if this model has no such place."""
    if place in result.prefix_names:
        return result.prefix_names.index(place)
    numbers = [_number(part, 0, 10**6, 0) - 1 for part in place.split("-")]
    inside = len(numbers) == 2 and all(0 <= n < size for n, size in zip(numbers, result.grid, strict=True))
    return result.token(tuple(numbers)) if inside else None


def share(value: object, high: float, default: float) -> float:
    """`value` moved into [0, high] and onto a slider's steps of 0.05; `default` if it is not a number."""
    try:
        return round(20 * min(max(float(str(value)), 0.0), high)) / 20
    except ValueError:
        return default


def _number(value: object, low: int, high: int, default: int) -> int:
    """`value` moved into [low, high]; `default` if it is not a number."""
    text = str(value)
    return min(max(int(text), low), high) if text.isascii() and text.isdigit() and len(text) < 7 else default
