"""Storable text; unit tests of pure functions."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hearthside.conversations.text import PieceJoiner, storable

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))


@given(ANY_TEXT)
def test_storable_text_can_be_stored(text: str) -> None:
    stored = storable(text)
    assert "\0" not in stored
    assert stored.encode().decode() == stored


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert storable(text) == text


@given(st.text(st.characters(exclude_characters="\0")), st.lists(st.integers(0, 100)))
def test_pieces_cut_anywhere_make_the_text_again(text: str, cuts: list[int]) -> None:
    units = [chr(int.from_bytes(pair, "little")) for pair in _pairs(text.encode("utf-16-le"))]
    places = sorted({0, len(units), *(cut % (len(units) + 1) for cut in cuts)})
    joiner = PieceJoiner()
    pieces = [joiner.feed("".join(units[start:end])) for start, end in pairwise(places)]
    assert "".join(pieces) == text


def _pairs(data: bytes) -> list[bytes]:
    return [data[place : place + 2] for place in range(0, len(data), 2)]
