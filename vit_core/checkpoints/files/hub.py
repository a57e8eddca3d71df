"""Files from the Hugging Face hub: its cache first, then the network, which is asked for no longer than seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from vit_core.errors import InputError

PATIENCE = 3.0  # seconds to wait for the hub's first answer


def _unreachable(what: str, why: str) -> InputError:
    return InputError(
        "hub-unreachable",
        f"{what} is not in the local cache and the Hugging Face hub cannot be reached "
        f"({why}). Without a network there are the embedded:<name> models, hf:<folder> and file:<path>.",
        name=what,
        reason=why,
    )


def ask() -> Callable[[], str]:
    """Begin to ask whether the hub answers; calling what comes back waits and says why it does not, "" if it does."""
    answer: list[str] = []
    thread = threading.Thread(target=_ask, args=(answer,), daemon=True)
    begun = time.monotonic()
    thread.start()  # a name server that never answers heeds no timeout but the one below

    def wait() -> str:
        thread.join(max(0.0, begun + PATIENCE + 0.5 - time.monotonic()))
        return answer[0] if answer else f"timeout: {PATIENCE:g} s"

    return wait


def _ask(answer: list[str]) -> None:
    try:
        import huggingface_hub as hub
    except ModuleNotFoundError as error:
        answer.append(str(error))
        return
    try:
        hub.get_session().head(hub.constants.ENDPOINT, timeout=PATIENCE)
        answer.append("")
    except (OSError, RuntimeError, hub.errors.HfHubHTTPError, *_transport_errors()) as error:
        answer.append(str(error).splitlines()[0] if str(error) else type(error).__name__)


def _transport_errors() -> tuple[type[Exception], ...]:
    """The exceptions of whichever HTTP client huggingface_hub was built on."""
    found = []
    for client in ("httpx2", "httpx", "requests"):
        try:
            module = __import__(client)
        except ImportError:
            continue
        found += [e for e in (getattr(module, n, None) for n in ("HTTPError", "RequestException", "InvalidURL")) if e]
    return tuple(found)


def fetch(
    repo: str, names: list[str], what: str, *, optional: bool = False, asked: Callable[[], str] | None = None
) -> Path | None:
    """The path of the first of `names` that `repo` has; None when it has none and it is `optional`.

    `asked` is an `ask` begun earlier, so that the hub answers while something else is being done.

    Raises InputError "hub-unreachable" within seconds, "hub-not-found" when there is no such repository or file.
    """
    try:
        import huggingface_hub as hub
    except ModuleNotFoundError:
        raise InputError(
            "hub-missing",
            "huggingface_hub is not installed, so nothing can be fetched from the hub; "
            "`pip install huggingface_hub` adds it.",
        ) from None
    for name in names:
        try:
            cached = hub.try_to_load_from_cache(repo, name)
        except hub.errors.HFValidationError:
            raise InputError(
                "hub-not-found",
                f"The hub has no repository {repo!r}: it cannot be called so.",
                name=what,
                repo=repo,
                files=names,
            ) from None
        if isinstance(cached, str):
            return Path(cached)
    if hub.constants.HF_HUB_OFFLINE:
        if optional:
            return None
        raise _unreachable(what, "HF_HUB_OFFLINE=1")
    why = (asked or ask())()
    if why:
        raise _unreachable(what, why)
    for name in names:
        try:
            return Path(hub.hf_hub_download(repo, name))
        except hub.errors.RepositoryNotFoundError:
            raise InputError(
                "hub-not-found", f"The hub has no public repository {repo!r}.", name=what, repo=repo, files=names
            ) from None
        except hub.errors.EntryNotFoundError:
            continue
        except (OSError, *_transport_errors()) as error:
            raise _unreachable(what, str(error).splitlines()[0]) from error
    if optional:
        return None
    raise InputError(
        "hub-not-found", f"The hub's {repo!r} has none of {', '.join(names)}.", name=what, repo=repo, files=names
    )
