"""Files from the Hugging Face hub: from its cache, else from the network, which may not answer.

huggingface_hub is imported inside functions because it is slow to import.
"""

from __future__ import annotations

import os.path
import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from vit_core.checkpoints.errors import not_found, shorten
from vit_core.checkpoints.files.foreign import foreign, kind_of_name
from vit_core.errors import InputError

TIMEOUT_SECONDS = 3.0  # for the hub's first answer


class Repository:
    """The files of a model: in a folder, or in a repository of the hub. `source` is its name in messages."""

    def __init__(self, name: str):
        """Raises InputError "checkpoint-not-found" if `name` is no folder and can be no repository's."""
        self.name, self.source, self.folder = name, shorten(f"hf:{name}"), Path(os.path.expanduser(name))
        if not os.path.isdir(self.folder) and not re.fullmatch(r"[\w.-]+/[\w.-]+|[\w-]+", name):
            hint = " (a file: write file:<path>)" if os.path.isfile(self.folder) else ""
            raise not_found(shorten(name), self.source, hint)

    def find(self, names: list[str]) -> Path | None:
        """The path of the first of `names` that exists; None without one. Raises InputError as `fetch` does."""
        if os.path.isdir(self.folder):
            return next((self.folder / n for n in names if os.path.isfile(self.folder / n)), None)
        return fetch(self.name, names, self.source, optional=True)

    def get(self, names: list[str]) -> Path:
        """The path of the first of `names` that exists.

        Raises InputError "checkpoint-not-found" or "checkpoint-foreign" (the folder holds another kind of weights), and
        as `fetch` does.
        """
        if not os.path.isdir(self.folder):
            return cast(Path, fetch(self.name, names, self.source))
        if found := self.find(names):
            return found
        kinds = [kind for kind in map(kind_of_name, sorted(os.listdir(self.folder))) if kind not in (None, "archive")]
        if kinds and kinds[0]:
            raise foreign(kinds[0], self.source)
        raise not_found(f"{self.folder}: {' | '.join(names)}", self.source)


def _unreachable(what: str, why: str) -> InputError:
    return InputError(
        "hub-unreachable",
        f"{what} has not been downloaded yet, and the Hugging Face hub cannot be reached ({why}). Without a network, "
        "use an embedded:<name> model, hf:<folder> or file:<path>.",
        name=what,
        reason=why,
    )


def _absent(what: str, repo: str, names: list[str]) -> InputError:
    return InputError(
        "hub-not-found",
        f"The Hugging Face hub has no public repository {repo!r} that holds {' or '.join(names)}. Check the spelling "
        "of the name.",
        name=what,
        repo=repo,
        files=names,
    )


def start_probe() -> Callable[[], str]:
    """Begins to ask whether the hub answers. The returned function waits, and returns "" or why it does not answer."""
    answer: list[str] = []
    thread = threading.Thread(target=_probe, args=(answer,), daemon=True)
    begun = time.monotonic()
    thread.start()  # a name server that never answers heeds no timeout of HTTP

    def wait() -> str:
        thread.join(max(0.0, begun + TIMEOUT_SECONDS + 0.5 - time.monotonic()))
        return answer[0] if answer else f"timeout: {TIMEOUT_SECONDS:g} s"

    return wait


def _probe(answer: list[str]) -> None:
    try:
        import huggingface_hub as hub
    except ModuleNotFoundError as error:
        answer.append(str(error))
        return
    try:
        hub.get_session().head(hub.constants.ENDPOINT, timeout=TIMEOUT_SECONDS)
        answer.append("")
    except (OSError, RuntimeError, hub.errors.HfHubHTTPError, *_transport_errors()) as error:
        answer.append(str(error).splitlines()[0] if str(error) else type(error).__name__)


def _transport_errors() -> tuple[type[Exception], ...]:
    """The exceptions of the HTTP client that huggingface_hub has imported, which depends on its version."""
    clients = [sys.modules[name] for name in ("httpx2", "httpx", "requests") if name in sys.modules]
    names = ("HTTPError", "RequestException", "InvalidURL")
    return tuple(getattr(client, name) for client in clients for name in names if hasattr(client, name))


def fetch(
    repo: str, names: list[str], what: str, *, optional: bool = False, probe: Callable[[], str] | None = None
) -> Path | None:
    """The path of the first of `names` that `repo` has; None if it has none and it is `optional`.

    `what` is the model's name in messages. `probe` is a `start_probe` begun earlier, while something else was running.

    Raises InputError "hub-unreachable" within seconds, "hub-not-found" or "hub-missing".
    """
    try:
        import huggingface_hub as hub
    except ModuleNotFoundError:
        raise InputError(
            "hub-missing",
            "huggingface_hub is not installed, so no model can be downloaded. Run: pip install huggingface_hub",
        ) from None
    for name in names:
        try:
            cached = hub.try_to_load_from_cache(repo, name)
        except hub.errors.HFValidationError:  # no repository can have this name
            raise _absent(what, repo, names) from None
        if isinstance(cached, str):
            return Path(cached)
    if hub.constants.HF_HUB_OFFLINE:
        if optional:
            return None
        raise _unreachable(what, "HF_HUB_OFFLINE=1")
    if why := (probe or start_probe())():
        raise _unreachable(what, why)
    for name in names:
        try:
            return Path(hub.hf_hub_download(repo, name))
        except hub.errors.RepositoryNotFoundError:
            raise _absent(what, repo, names) from None
        except hub.errors.EntryNotFoundError:
            continue
        except (OSError, *_transport_errors()) as error:
            raise _unreachable(what, str(error).splitlines()[0]) from error
    if optional:
        return None
    raise _absent(what, repo, names)
