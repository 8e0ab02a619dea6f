"""Getting models from a Hugging Face repository, with its ordinary client: resumed, checked by hash, with progress.

The client is the optional extra `hearthside[hub]`, imported when it is used. Where it fetches from is its own setting,
HF_ENDPOINT; a token for private repositories likewise, HF_TOKEN.
"""

import errno
import importlib
import importlib.util
import warnings
from pathlib import Path, PurePosixPath
from typing import Any

from hearthside.engines.library import parts_of
from hearthside.kit.errors import Invalid, NotFound, StorageFull, Unavailable, UpstreamFailed


def repository_files(repository: str) -> dict[str, int]:
    """The GGUF files of a repository and their sizes in bytes (0: not told). Raises what `fetch` raises."""
    hub = _client()
    with _translated(repository):
        info = hub.HfApi().model_info(repository, files_metadata=True)
    siblings: list[Any] = info.siblings or []
    return {file.rfilename: file.size or 0 for file in siblings if file.rfilename.endswith(".gguf")}


def fetch(repository: str, file: str, folder: Path, *, show_progress: bool) -> Path:
    """Downloads `file`, and with the first part of a split model the others, into `folder`; returns its path there.

    What is there already is not fetched again, and what was interrupted goes on where it was. Raises Invalid
    `hub_missing`, `file_not_allowed`; NotFound `repository_not_found`, `file_not_found`; Unavailable `hub_unreachable`;
    UpstreamFailed `hub_error`; StorageFull.
    """
    path = PurePosixPath(file)
    if path.suffix != ".gguf" or path.is_absolute() or ".." in path.parts:
        raise Invalid("The file must be a .gguf file of the repository.", code="file_not_allowed")
    hub = _client()
    folder.mkdir(parents=True, exist_ok=True)
    options = {"tqdm_class": _rich_bar()} if show_progress else {}
    with _translated(repository):
        fetched = [
            hub.hf_hub_download(repository, str(path.with_name(part.name)), local_dir=folder, **options)
            for part in parts_of(Path(path.name))
        ]
    return Path(fetched[0])


def _client() -> Any:
    if importlib.util.find_spec("huggingface_hub") is None:
        raise Invalid(
            "Fetching models needs the Hugging Face client. Install it with: pip install 'hearthside[hub]'",
            code="hub_missing",
        )
    return importlib.import_module("huggingface_hub")


def _rich_bar() -> Any:
    """tqdm's own bar on top of rich; tqdm comes with the client."""
    module: Any = importlib.import_module("tqdm.rich")
    warnings.filterwarnings("ignore", category=module.TqdmExperimentalWarning)
    return module.tqdm


class _translated:  # noqa: N801 - reads as a phrase where it is used
    """The client's failures in our words."""

    def __init__(self, repository: str) -> None:
        self._repository = repository

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception):
            raise _in_our_words(error, self._repository) from error


def _in_our_words(error: Exception, repository: str) -> Exception:
    known: Any = importlib.import_module("huggingface_hub.errors")
    match error:
        case known.GatedRepoError():
            terms = "Accept them on its page, and set HF_TOKEN."
            return NotFound(f"{repository} asks to accept its terms first. {terms}", code="repository_not_found")
        case known.RepositoryNotFoundError() | known.HFValidationError():
            return NotFound(f"There is no model repository {repository!r}.", code="repository_not_found")
        case known.LocalEntryNotFoundError() | known.OfflineModeIsEnabled():
            return _unreachable()
        case known.EntryNotFoundError():
            return NotFound(f"{repository} has no such file.", code="file_not_found")
        case known.HfHubHTTPError():
            return UpstreamFailed("The model hub could not handle the request. Try again later.", code="hub_error")
        case OSError(errno=errno.ENOSPC):
            return StorageFull(
                "The disk is full. Free some space and run the same command again: it goes on from here."
            )
        case _ if type(error).__module__.startswith("httpx") or isinstance(error, ConnectionError):
            return _unreachable()  # the HTTP library under the client, of one name or another
        case _:
            return error


def _unreachable() -> Unavailable:
    return Unavailable("The model hub cannot be reached. Check the network, or HF_ENDPOINT.", code="hub_unreachable")
