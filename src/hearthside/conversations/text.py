"""Text as it can be stored: without U+0000, which PostgreSQL refuses, and without halves of surrogate pairs."""

import re

_ODD = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """Pairs of surrogates become the character that they stand for, lone ones U+FFFD; U+0000 goes."""
    if not _ODD.search(text):
        return text
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class PieceJoiner:
    """Makes the pieces of a text storable one by one. Some providers cut between the halves of a surrogate pair."""

    def __init__(self) -> None:
        self._first_half = ""

    def feed(self, piece: str) -> str:
        """The piece, less a first half at its end, which comes with the next piece."""
        text = self._first_half + piece
        self._first_half = text[-1] if text and "\ud800" <= text[-1] <= "\udbff" else ""
        return storable(text.removesuffix(self._first_half) if self._first_half else text)
