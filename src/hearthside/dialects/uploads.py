"""Files that people send: larger than other bodies, read while they arrive, and never held in memory.

A path that takes one is named with `upload_paths(app).add(…)`; the edge then counts its body instead of collecting it.
Both forms that clients use are taken: the file as the body, and multipart/form-data (RFC 7578), of which the first part
with a file name is the file.
"""

import asyncio
import mmap
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email.message import Message
from email.parser import BytesHeaderParser
from typing import BinaryIO

from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request

from hearthside.dialects.bodies import ClientGone
from hearthside.kit.errors import FieldProblem, Invalid

# So much is collected before a thread writes it.
_CHUNK_BYTES = 1024 * 1024
_MOST_PARTS = 100


def upload_paths(app: FastAPI) -> set[str]:
    """The paths whose bodies are files; the edge looks at the same set."""
    paths: set[str] | None = getattr(app.state, "upload_paths", None)
    if paths is None:
        paths = app.state.upload_paths = set[str]()
    return paths


@asynccontextmanager
async def uploaded(request: Request) -> AsyncGenerator[BinaryIO]:
    """The file that the request carries, on disk, gone when the block ends.

    Errors: Invalid (no_file), TooLarge; ClientGone.
    """
    with tempfile.TemporaryFile() as body:
        await _receive(request, body)
        boundary = _boundary(request.headers.get("content-type", ""))
        if boundary is None:
            _check(body.tell() > 0, "The body is empty: send the file in it.")
            body.seek(0)
            yield body
            return
        with tempfile.TemporaryFile() as file:
            await asyncio.to_thread(_cut_out, body, boundary, file)
            yield file


async def _receive(request: Request, body: BinaryIO) -> None:
    waiting = bytearray()
    try:
        async for chunk in request.stream():
            waiting += chunk
            if len(waiting) >= _CHUNK_BYTES:
                await asyncio.to_thread(body.write, waiting)
                waiting = bytearray()
    except ClientDisconnect:
        raise ClientGone from None
    await asyncio.to_thread(body.write, waiting)


def _boundary(content_type: str) -> bytes | None:
    """None: this is no multipart/form-data. Errors: Invalid, where it is and says no boundary."""
    if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
        return None
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    _check(boundary is not None and 0 < len(boundary) <= 200 and boundary.isascii(), "The multipart body is broken.")
    return b"--" + str(boundary).encode()


def _cut_out(body: BinaryIO, delimiter: bytes, file: BinaryIO) -> None:
    """Writes the part that has a file name into `file`. Errors: Invalid (no_file)."""
    body.flush()
    _check(body.tell() > 0, "The body is empty: send the file in it.")
    with mmap.mmap(body.fileno(), 0, access=mmap.ACCESS_READ) as view:
        span = _find_file(view, delimiter)
        _check(span is not None, "The multipart body holds no file: give the part a filename.")
        start, end = span or (0, 0)
        with memoryview(view) as whole, whole[start:end] as content:
            file.write(content)
    file.seek(0)


def _find_file(view: mmap.mmap, delimiter: bytes) -> tuple[int, int] | None:
    """Where the content of the first part with a file name begins and ends."""
    place = view.find(delimiter)
    for _ in range(_MOST_PARTS):
        line_end = view.find(b"\r\n", place + len(delimiter)) if place >= 0 else -1
        head_end = view.find(b"\r\n\r\n", line_end) if line_end >= 0 else -1
        end = view.find(b"\r\n" + delimiter, head_end + 2) if head_end >= 0 else -1
        if end < 0:
            return None
        head = BytesHeaderParser().parsebytes(view[line_end + 2 : head_end + 2])
        if head.get_filename() is not None:
            return min(head_end + 4, end), end
        place = end + 2
    return None


def _check(is_so: bool, message: str) -> None:
    if not is_so:
        raise Invalid(message, code="no_file", fields=[FieldProblem("body", message)])
