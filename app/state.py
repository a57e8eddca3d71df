"""What a session remembers, and what the browser's address holds.

The only module that uses st.session_state and st.query_params.
"""

from __future__ import annotations

import contextlib
import enum
import weakref
from dataclasses import dataclass
from typing import Any

import streamlit as st
from PIL import Image
from streamlit.errors import StreamlitAPIException
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app import text


class Key(enum.StrEnum):
    """Names of session values. Those in ADDRESS_KEYS are also the names in the browser's address."""

    # every page
    LANGUAGE = "lang"
    MODEL = "model"  # the select box: a listed model's name, or "other"
    MODEL_NAME = "model_name"  # what is typed in for "other"
    PROBLEM_TYPE = "problem_type"  # the select box; the choice is part of MODEL_NAME
    MODEL_IN_ADDRESS = "model_in_address"  # the model that the address named when the session began
    NAMED_MODEL = "named_model"  # the name that the box leads to; in the address
    CHOSEN_MODEL = "chosen_model"  # the model that pages use: that one, or the last one while it is downloaded
    WORKING_MODEL = "working_model"  # the last model that could be loaded
    SOURCE = "source"  # of the picture: "sample", "file", "camera" or "mistakes"
    SAMPLE = "sample"
    UPLOAD = "upload"
    CAMERA = "camera"
    EVALUATED = "evaluated"  # the path of a picture opened from an evaluation
    EVALUATED_RUN = "evaluated_run"  # that evaluation
    PICTURE = "picture"
    PICTURE_FILE = "picture_file"  # which file was read last
    PICTURE_ERROR = "picture_error"
    EXPECTED = "expected"  # (model, class) that a sample shows
    LOST_SAMPLE = "lost_sample"  # the sample shown since the server lost a session's picture
    DRAWN_CHOICE = "drawn_choice"  # the sidebar's choice that the page was last drawn for
    HISTORY_ADDRESS = "history_address"  # the address that Back or Forward led to
    SENT_ADDRESS = "sent_address"  # the keys and the address that the page sent to the browser last
    # Explore and lecture
    SIZE = "size"  # pixels of the input's side; None: the model's own
    FRAMING = "framing"  # "whole"; None: the model's crop
    # Explore
    WITH = "with"  # the sample that the picture is compared with
    WITH_MODEL = "with_model"  # the model that the model is compared with
    ASKS = "asks"  # the picture of a comparison that has the place whose like the other shows: "first" or "second"
    MATCHES = "matches"  # "on": lines between the matching patches of two pictures
    WITH_PICTURE = "with_picture"  # the picture that the picture is compared with, as it was read
    WITH_ERROR = "with_error"  # why an uploaded picture could not be read
    WITH_UPLOADS = "with_uploads"  # counts the pictures that were uploaded; each has a widget of its own
    LAYER = "layer"
    HEAD = "head"
    FROM = "from"  # "patch", or the name of a prefix token
    ROW = "row"
    COLUMN = "col"
    PINNED = "pinned"
    DIRECTION = "direction"
    SCALE = "scale"
    CLIP = "clip"  # whether a colour scale may end below a map's largest value: "on" or "off"
    COMPARE = "compare"
    SPEED = "speed"  # of playing through the layers
    LOOP = "loop"
    FACET = "facet"  # which of a layer's vectors the features are, also of the direction "like"
    FOREGROUND = "foreground"  # which side of the first component is coloured
    OPACITY = "opacity"  # of the features' colours over the picture
    CLASS = "class"  # whose maps the view "answer" shows; None: the predicted one
    VIEW = "view"  # what stands beside the picture
    INSIDE = "inside"  # the figure of the view "inside"
    FLOW_SCALE = "flow_scale"
    ATLAS_VIEW = "atlas_view"  # the view that page and atlas agree on
    ATLAS_VERSION = "atlas_version"  # counts the views that the page set
    HOVERING = "hovering"  # whether only the place under the pointer has changed
    SPAN = "span"
    DEPTH = "depth"
    RESIDUAL = "residual"
    DISCARD = "discard"
    FUSION = "fusion"
    # Lecture
    STAGE = "stage"
    SCENE = "scene"
    SLIDE = "slide"  # the view of the scene, as the browser writes it
    SCENE_REQUEST = "scene_request"
    LAST_MESSAGE = "last_message"  # the number of the stage's last message
    # Mistakes
    RUN = "run"
    AGAINST = "against"  # the evaluation that RUN is compared with
    LIST = "list"
    LABEL = "label"
    PREDICTED = "predicted"
    OUTCOME = "outcome"
    CONFIDENCE = "confidence"
    QUERY = "query"
    PAGE = "page"
    OPEN = "open"
    BY = "by"
    SORT = "sort"
    SIDE = "side"  # of a comparison, the models that See why shows: "both", "a" or "b"
    METHOD = "method"  # of See why's maps
    REGION = "region"  # where the maps of the list "maps" lie: one of vit_core.evaluation.maps.REGIONS
    SHARE = "share"  # per cent of a map that lie there at least
    CLUSTER = "cluster"  # of errors, from 1; the list "maps" holds it alone
    FILL = "fill"  # what See why puts in place of erased patches
    FILTER_VERSION = "filter_version"  # counts the filters that were not set by the filter's own widgets
    RETURN_TO = "return_to"  # the picture that the list is scrolled to
    OPEN_REQUESTED = "open_requested"
    GALLERY_DRAWN = "gallery_drawn"
    GO_TO_EXPLORE = "go_to_explore"
    OPEN_ERROR = "open_error"
    START_ERROR = "start_error"
    MAPS_ERROR = "maps_error"
    STARTED_COUNT = "started_count"  # evaluations that the session has started
    RUNS_CHANGED = "runs_changed"  # whether the window of all evaluations showed or deleted one: the page follows
    DELETING = "deleting"  # the evaluation that somebody is asked about
    CHECKED = "checked"
    MAPPING = "mapping"  # (request, {class of the pictures: class of the model}) as chosen in the form
    MAPPING_VERSION = "mapping_version"  # counts the mappings that were not chosen in the boxes themselves
    UPLOAD_ERROR = "upload_error"  # why an uploaded archive was not kept
    OWN = "own"  # how pictures of one's own are named: "zip", "path" or "catalogue"
    BROWSING = "browsing"  # the field whose folders are shown: "source", "labels" or "table"
    BROWSED = "browsed"  # the folder that is shown there
    UPLOAD_VERSION = "upload_version"  # counts the archives that were uploaded; each has a widget of its own


#: In every page's address.
CHOICE_KEYS = (Key.LANGUAGE, Key.MODEL, Key.SAMPLE)
#: A picture opened from an evaluation, in the addresses of Explore and the lecture.
EVALUATED_KEYS = (Key.EVALUATED_RUN, Key.EVALUATED)
#: How the picture becomes the model's input.
INPUT_KEYS = (Key.SIZE, Key.FRAMING)
#: What Explore compares the picture or the model with.
COMPARE_KEYS = (Key.WITH, Key.WITH_MODEL, Key.ASKS, Key.MATCHES)
#: The token that Explore's maps start from.
PLACE_KEYS = (Key.FROM, Key.ROW, Key.COLUMN)
#: What the pointer alone changes.
POINTER_KEYS = (*PLACE_KEYS, Key.ASKS)
#: The settings of rollout.
FLOW_KEYS = (Key.SPAN, Key.DEPTH, Key.RESIDUAL, Key.DISCARD, Key.FUSION, Key.FLOW_SCALE)
#: The settings of the view Features.
FEATURE_KEYS = (Key.FACET, Key.FOREGROUND, Key.OPACITY)
#: Every control of Explore that changes a figure; a test sets each and opens the address in another browser.
EXPLORE_KEYS = (
    *(Key.VIEW, Key.INSIDE, Key.LAYER, Key.HEAD, *PLACE_KEYS, Key.PINNED, Key.DIRECTION, Key.SCALE, Key.COMPARE),
    *(Key.CLIP, Key.SPEED, Key.LOOP, *FLOW_KEYS, *FEATURE_KEYS, Key.CLASS),
)
#: What an address does not say is this.
DEFAULTS = {
    Key.ASKS: "first",
    Key.CLIP: "on",
    Key.SPEED: "1",
    Key.LOOP: "off",
    Key.RESIDUAL: 0.5,
    Key.DISCARD: 0.0,
    Key.FUSION: "mean",
    Key.FLOW_SCALE: "map",
    Key.FACET: "token",
    Key.FOREGROUND: "off",
    Key.OPACITY: "1",
    Key.SIDE: "both",
    Key.METHOD: "gradient_rollout",
    Key.FILL: "mean",
    Key.REGION: "border",
    Key.SHARE: 0,
}
#: Fields of vit_core.evaluation.filters.Filter.
FILTER_KEYS = (Key.LABEL, Key.PREDICTED, Key.OUTCOME, Key.CONFIDENCE, Key.QUERY)
#: Of the list of maps.
MAP_KEYS = (Key.REGION, Key.SHARE, Key.CLUSTER)
WHY_KEYS = (Key.SIDE, Key.METHOD, Key.FILL)
MISTAKES_KEYS = (
    *(Key.RUN, Key.AGAINST, Key.LIST, *FILTER_KEYS, *MAP_KEYS, Key.PAGE, Key.OPEN, Key.BY, Key.SORT),
    *WHY_KEYS,
)
#: In some page's address, so that a link opens the same view; everything else lasts as long as the session.
ADDRESS_KEYS = (
    *(*CHOICE_KEYS, *EVALUATED_KEYS, *INPUT_KEYS, *COMPARE_KEYS, *EXPLORE_KEYS),
    *(Key.SCENE, Key.SLIDE, *MISTAKES_KEYS),
)
#: The source of a picture that an address names. Uploaded and photographed pictures have no address.
_SOURCES = dict.fromkeys(EVALUATED_KEYS, "mistakes") | {Key.SAMPLE: "sample"}
#: The model box's option for a name that is typed in.
OTHER_MODEL = "other"
_NUMBERS = (Key.SIZE, Key.LAYER, Key.ROW, Key.COLUMN, Key.DEPTH, Key.SHARE, Key.CLUSTER, Key.CLASS)


@dataclass(frozen=True, eq=False)
class Picture:
    """The session's picture: `digest` identifies its pixels, `title` is what people call it, `sample` is the address'
    name of a sample."""

    digest: str
    image: Image.Image
    title: str
    sample: str | None = None


def start() -> bool:
    """Read the address when a session begins, and when Back or Forward changed it. Returns whether a session began.

    Values that make no sense are corrected where they are used.
    """
    begun = "started" in st.session_state
    if begun and not get_script_run_ctx().is_history_navigation:
        return False
    given = {key: st.query_params[key] for key in ADDRESS_KEYS if key in st.query_params}
    for key in _NUMBERS:
        if key in given:
            value = given.pop(key)
            if value.isascii() and value.isdigit() and len(value) < 6:
                given[key] = int(value)
    if begun:
        _forget_what_is_not_in(given)
    for key, value in given.items():
        st.session_state[key] = value
    if Key.EVALUATED in given:
        put(Key.SOURCE, "mistakes")
    put(Key.MODEL_IN_ADDRESS, given.get(Key.MODEL))
    st.session_state["started"] = True
    if get(Key.LANGUAGE) not in text.LANGUAGES:
        put(Key.LANGUAGE, "ko" if (st.context.locale or "").startswith("ko") else "en")
    return not begun


def _forget_what_is_not_in(address: dict[Key, str | int]) -> None:
    """Remove values that an address from the history does not hold; language, model and picture stay."""
    for key in ADDRESS_KEYS:
        if key not in address and key not in (*CHOICE_KEYS, *EVALUATED_KEYS):
            put(key, None)
    if Key.SAMPLE in address:
        put(Key.SOURCE, "sample")
    put(Key.SCENE_REQUEST, None)
    put(Key.FILTER_VERSION, get(Key.FILTER_VERSION, 0) + 1)


def get(key: str, default: Any = None) -> Any:
    """A session value, including a widget's own."""
    return st.session_state.get(key, default)


def put(key: str, value: Any) -> None:
    """Set a session value; a widget with that key shows it when it is next drawn."""
    if key not in st.session_state or st.session_state[key] != value:  # a drawn widget refuses even the same value
        st.session_state[key] = value


def bound(key: str, low: int, high: int, default: int) -> int:
    """A session value moved into [low, high], so that a widget with that key can be drawn."""
    given = get(key, default)
    value = min(max(given if isinstance(given, int) else default, low), high)
    put(key, value)
    return value


def bound_pair(key: str, low: int, high: int, inner: str) -> tuple[int, int]:
    """Like `bound`, for a range; it is (low, high) until somebody narrows it, and again when the limits change.

    In both cases the session value `inner`, a number in the range, is set to `high`. An address has it as "2-5".
    """
    limits, value, known = (low, high), get(key), get(f"{key} limits")
    if isinstance(value, str):
        ends = [int(end) for end in value.split("-") if end.isascii() and end.isdigit() and len(end) < 6]
        value = tuple(min(max(end, low), high) for end in sorted(ends)) if len(ends) == 2 else None
        known = limits
    if known != limits or value is None:
        value = limits
        put(inner, high)
    put(f"{key} limits", limits)
    put(key, value)
    return value


def one_of(key: str, options: list | tuple, default: Any = None) -> Any:
    """A session value that is one of `options`; otherwise it becomes `default`, or the first option."""
    value = get(key)
    if value not in options:
        put(key, value := default if default in options else options[0])
    return value


def select_box(label: str, key: str, options: list | tuple, *, place: Any = st, words: str = "", **named: Any) -> Any:
    """Draw a select box whose options are words, in `place`, and return the choice: the session value `key`.

    Each language has a widget of its own, because Streamlit keeps showing an option in the words it was chosen in. So
    has each value of `words`, for options whose words change.
    """
    version = f"{get(Key.LANGUAGE)}{words}"
    widget, last_version = f"{key}_{version}", f"{key} language"
    if get(last_version) != version:
        # Always set: Streamlit does not send a value that the session still holds, and the new box would show and
        # report its first option.
        st.session_state[widget] = get(key)
    else:
        put(widget, get(key))
    choice = place.selectbox(label, options, key=widget, on_change=lambda: put(key, get(widget)), **named)
    put(last_version, version)
    return choice


def write_address(keys: tuple[Key, ...]) -> None:
    """Put these session values into the browser's address. A change makes one entry in the history.

    No entry is made where it would get in the way: on an address that Back or Forward led to, until the page shows
    something else (a new entry would cut off Forward); and while the pointer only moves over the maps (the next choice
    brings the place along).
    """
    shown = st.query_params.to_dict()
    wanted = {name: value for name, value in shown.items() if name not in ADDRESS_KEYS}
    for key in keys:
        value = get(Key.NAMED_MODEL if key == Key.MODEL else key)
        if value is not None and value != DEFAULTS.get(key) and get(Key.SOURCE) == _SOURCES.get(key, get(Key.SOURCE)):
            wanted[str(key)] = "-".join(map(str, value)) if isinstance(value, tuple) else str(value)
    changed = {name for name in {*shown, *wanted} if shown.get(name) != wanted.get(name)}
    # The browser reports its address with each run. While it has not applied the one sent last, a change back to the
    # address that it reports is a change too.
    keys_sent, sent = get(Key.SENT_ADDRESS) or (None, None)
    if keys_sent == keys and sent != shown:
        changed |= {name for name in {*sent, *wanted} if sent.get(name) != wanted.get(name)}
    if keys_sent != keys or sent != shown:
        put(Key.SENT_ADDRESS, None)
    if get_script_run_ctx().is_history_navigation:
        put(Key.HISTORY_ADDRESS, wanted)
    elif changed and wanted != get(Key.HISTORY_ADDRESS) and not (get(Key.HOVERING) and changed <= {*POINTER_KEYS}):
        put(Key.HISTORY_ADDRESS, None)
        put(Key.SENT_ADDRESS, (keys, wanted))
        st.query_params.from_dict(wanted)


def _sidebar_choice() -> tuple:
    """Language, picture and model as the browser last sent them."""
    source, model = get(Key.SOURCE), get(Key.MODEL)
    picture = get({"sample": Key.SAMPLE, "file": Key.UPLOAD, "camera": Key.CAMERA}.get(source, Key.EVALUATED))
    typed = get(Key.MODEL_NAME) if model == OTHER_MODEL else None
    return get(Key.LANGUAGE), source, getattr(picture, "file_id", picture), model, typed


def remember_choice() -> None:
    """Note the sidebar's choice, once the sidebar is drawn."""
    put(Key.DRAWN_CHOICE, _sidebar_choice())


def rerun_if_choice_changed() -> None:
    """Rerun the whole page if it was drawn for another choice in the sidebar.

    A fragment whose component sends messages begins with this. What the browser sends at the same moment as such a
    message only reruns the fragment, and no run of the whole page would follow.
    """
    if get(Key.DRAWN_CHOICE) != _sidebar_choice():
        st.rerun()


def t() -> text.Text:
    """The sentences in the session's language."""
    return text.Text(get(Key.LANGUAGE, "en"))


def picture() -> Picture | None:
    """The last picture that could be read."""
    return get(Key.PICTURE)


def selected(key: str) -> Any:
    """The custom data of the point selected in the figure with that key; None without a selection."""
    event = get(key)
    points = event["selection"]["points"] if event else []
    return points[0].get("customdata") if points else None


class CachedValue:
    """A weak reference to a cached value, for a fragment's arguments. Calling it returns the value.

    Streamlit keeps a fragment's arguments for as long as the browser tab is open, which would keep the value alive
    past the cache's limit. If the cache has evicted it, the call reruns the whole page.
    """

    def __init__(self, value):
        self._value = weakref.ref(value)

    def __call__(self):
        value = self._value()
        if value is None:
            st.rerun()
        return value


def forget_file(uploaded) -> None:
    """Free the memory of an uploaded file. Streamlit would keep it until the session ends."""
    context = get_script_run_ctx()
    context.uploaded_file_mgr.remove_file(session_id=context.session_id, file_id=uploaded.file_id)


def rerun(*fragments: str) -> None:
    """From a widget's callback: rerun only these fragments, or the whole page if it no longer has one of them.

    If the browser asked for a run of the whole page, that run goes on: it may also bring what somebody typed into a
    widget without a callback, which only the whole page would read.
    """
    if get_script_run_ctx().fragment_ids_this_run:
        with contextlib.suppress(StreamlitAPIException):
            st.rerun(list(fragments))
