"""The model files: what lies in the folder, and the model that comes with Hearthside.

A model's id is its path below the folder without `.gguf`. Of a model that was split into several files
(`name-00001-of-00003.gguf`) the first stands for all. Headers are read once for each state of a file and remembered.
"""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from hearthside import builtin
from hearthside.engines.errors import broken, unknown
from hearthside.engines.faults import fingerprint
from hearthside.engines.gguf import BrokenFile, Header, read_header, read_part
from hearthside.engines.model import LocalModel

_SHARD = re.compile(r"-(\d{5})-of-(\d{5})$")


@dataclass(frozen=True, slots=True)
class _Stamp:
    size_bytes: int
    changed_ns: int


class LocalLibrary:
    """All methods read files: call them in a thread. They may run in several at once."""

    def __init__(self, folder: Path, built_in: builtin.BuiltIn | None) -> None:
        self._folder = folder
        self._built_in = built_in
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[_Stamp, LocalModel]] = {}

    @property
    def folder(self) -> Path:
        return self._folder

    def models(self) -> list[LocalModel]:
        """The built-in one first, then by id; those with a `problem` included."""
        with self._lock:
            found = {path: self._remembered(path) for path in self._paths()}
            self._known = {path: self._known[path] for path in found if path in self._known}
        return [model for model in found.values() if model is not None]

    def find(self, model_id: str) -> LocalModel:
        """Raises Invalid `model_not_found`; a model with a problem is found."""
        for model in self.models():
            if model.id == model_id:
                return model
        raise unknown(model_id)

    def describe(self, path: Path) -> LocalModel:
        """The model of a file in the folder, looked at now."""
        built_in = self._built_in
        if built_in is not None and path == built_in.path:
            model = _examined(built_in.id, path)
            return replace(model, label=built_in.label, description=built_in.description, built_in=True)
        return _examined(path.relative_to(self._folder).with_suffix("").as_posix(), path)

    def examine(self, model: LocalModel) -> str:
        """The fingerprint of a file whose header was just checked again. Raises Invalid `model_broken`."""
        if problem := self.describe(model.path).problem:
            raise broken(problem)
        try:
            return fingerprint(model.path)
        except OSError as error:
            raise broken("the file cannot be read") from error

    def _paths(self) -> Iterator[Path]:
        if self._built_in is not None:
            yield self._built_in.path
        for path in sorted(self._folder.rglob("*.gguf")):
            shard = _SHARD.search(path.stem)
            if path.is_file() and (shard is None or int(shard.group(1)) == 1):
                yield path

    def _remembered(self, path: Path) -> LocalModel | None:
        try:
            status = path.stat()
        except OSError:
            return None  # gone since the folder was listed
        stamp = _Stamp(status.st_size, status.st_mtime_ns)
        known = self._known.get(path)
        # A split model is looked at again: a part may have come or gone while the first stayed as it was.
        if known is None or known[0] != stamp or _SHARD.search(path.stem):
            known = self._known[path] = stamp, self.describe(path)
        return known[1]


def _examined(model_id: str, path: Path) -> LocalModel:
    """What the header says; what is wrong with the file is put into `problem`."""
    model = LocalModel(model_id, label=model_id, path=path, size_bytes=0, context_tokens=0, description="")
    try:
        parts = parts_of(path)
        model = replace(model, size_bytes=sum(part.stat().st_size for part in parts))
        header = read_header(path)
        parameters = header.parameters + sum(read_part(part) for part in parts[1:])
    except BrokenFile as error:
        return replace(model, problem=str(error))
    except OSError:
        return replace(model, problem="the file, or a part of it, cannot be read")
    return replace(_with_header(model, header), parameters=parameters)


def parts_of(path: Path) -> list[Path]:
    """All files of the model that begins with `path`: of a split one the others too. They need not exist."""
    shard = _SHARD.search(path.stem)
    if shard is None:
        return [path]
    stem, count = path.stem[: shard.start()], int(shard.group(2))
    return [path.with_name(f"{stem}-{number:05d}-of-{count:05d}.gguf") for number in range(1, count + 1)]


def _with_header(model: LocalModel, header: Header) -> LocalModel:
    return replace(
        model,
        label=header.name or model.label,
        context_tokens=header.context_tokens,
        description=header.description,
        architecture=header.architecture,
        key_value_bytes=header.key_value_bytes,
        takes_tools=header.takes_tools,
        problem="it makes embeddings and cannot chat" if header.makes_embeddings else None,
    )
