"""Files from the Hugging Face hub: from its cache, else from the network, which may not answer.

huggingface_hub is imported inside functions because it is slow to import.
"""

from __future__ import annotations

import os.path
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from vit_core.checkpoints.errors import not_found, shorten
from vit_core.checkpoints.files.foreign import foreign, kind_of_name
from vit_core.downloads import Progress, ShouldStop, download_file, ignore_progress, never_stop, transport_errors
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


def unreachable(what: str, why: str) -> InputError:
    """The InputError "hub-unreachable" for the model called `what`."""
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


def _check_repo(what: str, repo: str, names: list[str]) -> None:
    """Raises InputError "hub-not-found" if no repository can have this name; asks nobody."""
    from huggingface_hub import errors, utils

    try:
        utils.validate_repo_id(repo)
    except errors.HFValidationError:
        raise _absent(what, repo, names) from None


def _gated(what: str, repo: str) -> InputError:
    return InputError(
        "hub-gated",
        f"The owners of {repo!r} ask for consent before its files are sent. Accept their terms on its page on the "
        "Hugging Face hub, run `hf auth login` on this computer, and try again.",
        name=what,
        repo=repo,
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
    except (OSError, RuntimeError, hub.errors.HfHubHTTPError, *transport_errors()) as error:
        answer.append(str(error).splitlines()[0] if str(error) else type(error).__name__)


@contextmanager
def refusals(what: str, repo: str, names: list[str]) -> Iterator[None]:
    """Turns the hub's errors into InputErrors."""
    hub = import_hub()
    try:
        yield
    except hub.errors.GatedRepoError:
        raise _gated(what, repo) from None
    except (hub.errors.RepositoryNotFoundError, hub.errors.HFValidationError):
        raise _absent(what, repo, names) from None
    except (OSError, *transport_errors()) as error:
        raise unreachable(what, str(error).splitlines()[0]) from error


def import_hub():
    """The package huggingface_hub. Raises InputError "hub-missing"."""
    try:
        import huggingface_hub as hub
        import huggingface_hub.file_download  # the package imports its modules, also errors and constants, when asked
    except ModuleNotFoundError:
        raise InputError(
            "hub-missing",
            "huggingface_hub is not installed, so no model can be downloaded. Run: pip install huggingface_hub",
        ) from None
    return hub


def cache_folder() -> Path | None:
    """The folder of the hub's cache, in which each model has a folder "models--<owner>--<name>"."""
    try:
        from huggingface_hub import constants
    except ModuleNotFoundError:
        return None
    return Path(constants.HF_HUB_CACHE)


def cached_file(repo: str, names: list[str]) -> Path | None:
    """The path of the first of `names` that the hub's cache holds of `repo`; None without one.

    As huggingface_hub's `try_to_load_from_cache`, which takes a quarter of a second to import.
    """
    cache = cache_folder()
    if cache is None:
        return None
    folder = cache / f"models--{repo.replace('/', '--')}"
    try:
        snapshot = folder / "snapshots" / (folder / "refs" / "main").read_text(encoding="utf-8").strip()
        return next((snapshot / name for name in names if os.path.isfile(snapshot / name)), None)
    except (OSError, ValueError):
        return None


def _known_absent(repo: str, names: list[str]) -> bool:
    """Whether the hub once answered that `repo` has none of these files."""
    hub = import_hub()
    try:
        return all(hub.try_to_load_from_cache(repo, name) is hub._CACHED_NO_EXIST for name in names)
    except hub.errors.HFValidationError:
        return False


def fetch(
    repo: str, names: list[str], what: str, *, optional: bool = False, probe: Callable[[], str] | None = None
) -> Path | None:
    """The path of the first of `names` that `repo` has; None if it has none and it is `optional`.

    Without a network, an `optional` file of a repository of which others are in the cache counts as absent. `what` is
    the model's name in messages. `probe` is a `start_probe` begun earlier, while something else was running.

    Raises InputError "hub-unreachable" within seconds, "hub-not-found", "hub-gated" or "hub-missing".
    """
    hub = import_hub()
    if found := cached_file(repo, names):
        return found
    if optional and _known_absent(repo, names):
        return None
    _check_repo(what, repo, names)
    why = "HF_HUB_OFFLINE=1" if hub.constants.HF_HUB_OFFLINE else (probe or start_probe())()
    if why:
        if optional and (hub.constants.HF_HUB_OFFLINE or cached_file(repo, ["config.json"])):
            return None
        raise unreachable(what, why)
    with refusals(what, repo, names):
        for name in names:
            try:
                return Path(hub.hf_hub_download(repo, name))
            except hub.errors.RemoteEntryNotFoundError:
                continue
    if optional:
        return None
    raise _absent(what, repo, names)


def download(
    repo: str,
    names: list[str],
    what: str,
    progress: Progress = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> Path:
    """As `fetch`, for a large file: tells its progress, stops on request, and continues an earlier attempt.

    The file goes into the hub's cache, where `fetch` and other programs find it. Raises Stopped, the errors of `fetch`,
    and those of `download_file`.
    """
    hub = import_hub()
    if found := cached_file(repo, names):
        return found
    _check_repo(what, repo, names)
    hub.get_session()  # reads certificates: not in the seconds that the hub has for its answer
    why = "HF_HUB_OFFLINE=1" if hub.constants.HF_HUB_OFFLINE else start_probe()()
    if why:
        raise unreachable(what, why)
    with refusals(what, repo, names):
        for name in names:
            url = hub.hf_hub_url(repo, name)
            try:
                facts = hub.get_hf_file_metadata(url)
            except hub.errors.RemoteEntryNotFoundError:
                continue
            if facts.etag and facts.commit_hash:
                folder = Path(hub.constants.HF_HUB_CACHE) / hub.file_download.repo_folder_name(
                    repo_id=repo, repo_type="model"
                )
                headers = hub.utils.build_hf_headers()
                download_file(
                    url,
                    folder / "blobs" / facts.etag,
                    progress,
                    should_stop,
                    size=facts.size,
                    digest=_digest(facts.etag),
                    headers=headers,
                )
            return Path(hub.hf_hub_download(repo, name))  # finds the blob and adds it to the snapshot
    raise _absent(what, repo, names)


def _digest(etag: str) -> str | None:
    """The digest that the hub's name of a file is: SHA-256 of a large file, git's name of a small one."""
    kind = {64: "sha256", 40: "git"}.get(len(etag))
    return f"{kind}:{etag}" if kind and re.fullmatch("[0-9a-f]+", etag) else None
