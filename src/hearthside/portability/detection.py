"""Which of the known formats a file is: by what is in it, never by its name."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from hearthside.kit.errors import Invalid
from hearthside.portability import chatgpt, claude, own
from hearthside.portability.archive import Archive, BareFile
from hearthside.portability.fields import Json
from hearthside.portability.model import ArchiveFormat, Contents, Limits, Refused

_CONVERSATIONS = re.compile(r"(?:[^/]+/)*conversations(?:-\d+)?\.json")
_ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
_JSON_STARTS = b"[{"
_BLANK = b"\xef\xbb\xbf \t\r\n"
_PEEK = 512


def opened(file: BinaryIO, limits: Limits) -> Contents:
    """The files of a zip, or a conversations.json by itself. Errors: Invalid (archive_unknown), as Archive's."""
    file.seek(0)
    start = file.read(_PEEK)
    if start.startswith(_ZIP_SIGNATURES):
        return Archive(file, limits)
    if start.lstrip(_BLANK)[:1] in (b"[", b"{"):
        return BareFile("conversations.json", file, limits)
    raise _unknown()


def format_of(contents: Contents) -> ArchiveFormat:
    """Errors: Invalid (archive_unknown)."""
    if own.MANIFEST in contents.names:
        return ArchiveFormat.HEARTHSIDE
    for name in conversation_files(contents):
        for raw in conversations_in(contents, name):
            origin = None if isinstance(raw, Refused) else format_of_conversation(raw)
            if origin is not None:
                return origin
    raise _unknown()


def conversation_files(contents: Contents) -> Sequence[str]:
    """The files of an export of ChatGPT's or Claude's that hold conversations, in the order of their numbers."""
    names = (name for name in contents.names if not name.startswith("__MACOSX/"))
    return sorted(name for name in names if _CONVERSATIONS.fullmatch(name))


def conversations_in(contents: Contents, name: str) -> Iterator[Json | Refused]:
    """The items of a list of conversations; some tools put the list into {"conversations": […]}."""
    for document in contents.documents(name):
        if isinstance(document, Refused):
            yield document
        elif isinstance(document, dict):
            listed: Any = document.get("conversations")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            if isinstance(listed, list):
                yield from (item for item in listed if isinstance(item, dict))  # pyright: ignore[reportUnknownVariableType]
            else:
                yield document


def format_of_conversation(raw: Json) -> ArchiveFormat | None:
    if chatgpt.is_conversation(raw):
        return ArchiveFormat.CHATGPT
    return ArchiveFormat.CLAUDE if claude.is_conversation(raw) else None


def _unknown() -> Invalid:
    return Invalid(
        "This is no archive that can be imported. Hearthside's own, ChatGPT's and Claude's exports can be, as the zip"
        " files that they are.",
        code="archive_unknown",
    )
