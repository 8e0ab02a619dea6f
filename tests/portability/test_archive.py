"""Zips that were made to do harm, and those that are broken: each is refused in words, and none costs much."""

import io
import struct
import zipfile
from typing import Any

import pytest

from hearthside.kit.errors import HearthsideError, Invalid, TooLarge
from hearthside.portability.archive import Archive
from hearthside.portability.detection import format_of, opened
from hearthside.portability.model import ArchiveFormat, Limits
from tests.portability.rooms import zip_of, zip_of_conversations

GPT = {"id": "c", "mapping": {}}
CLAUDE = {"uuid": "c", "chat_messages": []}


def read_all(packed: io.BytesIO, limits: Limits | None = None) -> dict[str, bytes]:
    archive = Archive(packed, limits or Limits())
    return {name: b"".join(archive.chunks(name)) for name in archive.names}


def refusal(packed: io.BytesIO, limits: Limits | None = None) -> HearthsideError:
    with pytest.raises(HearthsideError) as caught:
        read_all(packed, limits)
    return caught.value


def test_what_is_in_a_zip_is_read() -> None:
    assert read_all(zip_of({"a.json": "[]", "b/c.txt": "x"})) == {"a.json": b"[]", "b/c.txt": b"x"}


@pytest.mark.parametrize(
    "name", ["../a", "a/../../b", "/etc/passwd", "C:\\a", "..\\a", "a\\..\\..\\b", "//host/share", "x" * 1001]
)
def test_a_name_that_leads_out_is_refused(name: str) -> None:
    assert refusal(zip_of({"a.json": "[]", name: "x"})).code == "archive_unsafe"


def test_a_colon_or_dots_in_a_name_are_no_harm() -> None:
    assert set(read_all(zip_of({"file-1-Notes: today..pdf": "x"}))) == {"file-1-Notes: today..pdf"}


def test_two_files_of_one_name_are_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a", "1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a", "2")
    assert refusal(packed).code == "archive_unsafe"


def test_a_symbolic_link_is_refused() -> None:
    packed, link = io.BytesIO(), zipfile.ZipInfo("a")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert refusal(packed).code == "archive_unsafe"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_with_a_memory_of_their_own_are_refused(method: int) -> None:
    assert refusal(zip_of({"a": "x"}, method)).code == "archive_invalid"


def test_an_encrypted_file_is_refused() -> None:
    data = bytearray(zip_of({"a": "x"}).getvalue())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert refusal(io.BytesIO(data)).code == "archive_invalid"


def test_more_files_than_a_limit_are_refused_before_they_become_objects() -> None:
    packed = zip_of({str(number): "" for number in range(50)})
    assert read_all(packed, Limits(entries=50))
    assert isinstance(refusal(packed, Limits(entries=49)), TooLarge)
    assert isinstance(refusal(packed, Limits(directory_bytes=100)), TooLarge)


def test_a_bomb_is_refused_by_its_own_words() -> None:
    packed = zip_of({"a": b"\0" * 5_000_000})
    limits = Limits(ratio_floor_bytes=1_000_000)
    assert refusal(packed, limits).code == "archive_unsafe"
    assert isinstance(refusal(packed, Limits(total_bytes=4_000_000)), TooLarge)


def test_what_repeats_itself_below_the_floor_is_no_bomb() -> None:
    assert len(read_all(zip_of({"a": b"\0" * 5_000_000}))["a"]) == 5_000_000


def test_bytes_are_counted_over_all_that_is_read() -> None:
    archive = Archive(zip_of({"a": b"\0" * 600}), Limits(total_bytes=1000))
    list(archive.chunks("a"))
    with pytest.raises(TooLarge):
        list(archive.chunks("a"))


def test_a_bomb_that_lies_of_its_size_gives_no_more_than_it_said() -> None:
    data = bytearray(zip_of({"a": b"\0" * 5_000_000}).getvalue())
    size_at = data.index(b"PK\x01\x02") + 24
    data[size_at : size_at + 4] = struct.pack("<I", 100)
    assert refusal(io.BytesIO(data)).code == "archive_invalid"  # the checksum is of something else


def test_files_that_share_their_bytes_are_refused_or_count_each_time() -> None:
    """The bomb of overlapping files: a directory that names the same bytes a hundred times."""
    once = zip_of({"a00": b"\0" * 1_000_000}).getvalue()
    start = once.index(b"PK\x01\x02")
    end = once.index(b"PK\x05\x06")
    entry, ending = once[start:end], once[end:]
    entries = b"".join(entry.replace(b"a00", f"a{number:02}".encode()) for number in range(100))
    packed = once[:start] + entries + ending[:8] + struct.pack("<HHI", 100, 100, len(entries)) + ending[16:]
    assert refusal(io.BytesIO(packed), Limits(ratio_floor_bytes=2**20)).code == "archive_unsafe"


@pytest.mark.parametrize("place", [10, 60, -10, -30])
def test_a_zip_with_a_wrong_byte_is_refused_or_read_but_nothing_else(place: int) -> None:
    whole = zip_of({"a.json": '[{"a": "some text"}]' * 20}).getvalue()
    for wrong in (0x00, 0x41, 0xFF):
        data = bytearray(whole)
        data[place] = wrong
        try:
            read_all(io.BytesIO(data))
        except HearthsideError as error:
            assert error.code.startswith("archive_")  # noqa: PT017 - either is right


@pytest.mark.parametrize("keep", [10, 30, 100, -1, -20])
def test_a_zip_that_is_cut_off_is_refused(keep: int) -> None:
    whole = zip_of({"a.json": "[]" * 100, "b.json": "{}"}).getvalue()
    assert refusal(io.BytesIO(whole[:keep])).code == "archive_invalid"


@pytest.mark.parametrize(
    ("packed", "expected"),
    [
        (zip_of_conversations(GPT), ArchiveFormat.CHATGPT),
        (zip_of_conversations(GPT, name="export/conversations-000.json"), ArchiveFormat.CHATGPT),
        (zip_of_conversations({}, CLAUDE), ArchiveFormat.CLAUDE),
        (zip_of({"conversations.json": '{"conversations": [{"id": "c", "mapping": {}}]}'}), ArchiveFormat.CHATGPT),
        (zip_of({"hearthside.json": "{}", "conversations.json": "[]"}), ArchiveFormat.HEARTHSIDE),
        (io.BytesIO(b'[{"chat_messages": []}]'), ArchiveFormat.CLAUDE),
        (io.BytesIO(b'\xef\xbb\xbf\n{"mapping": {}}'), ArchiveFormat.CHATGPT),
    ],
)
def test_a_format_is_known_by_what_is_in_the_file(packed: io.BytesIO, expected: ArchiveFormat) -> None:
    assert format_of(opened(packed, Limits())) is expected


@pytest.mark.parametrize(
    "packed",
    [
        io.BytesIO(b""),
        io.BytesIO(b"%PDF-1.7"),
        io.BytesIO(b"[]"),
        io.BytesIO(b'[{"role": "user"}]'),
        zip_of({}),
        zip_of({"notes.txt": "hello"}),
        zip_of({"conversations.json": "[]"}),
        zip_of({"__MACOSX/conversations.json": '[{"mapping": {}}]'}),
    ],
)
def test_anything_else_is_told_to_be_unknown(packed: Any) -> None:
    with pytest.raises(Invalid) as caught:
        format_of(opened(packed, Limits()))
    assert caught.value.code == "archive_unknown"
