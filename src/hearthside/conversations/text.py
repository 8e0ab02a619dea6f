"""Texts that come in pieces, as they can be stored."""

from hearthside.kit.text import storable


class PieceJoiner:
    """Makes the pieces of a text storable one by one. Some providers cut between the halves of a surrogate pair."""

    def __init__(self) -> None:
        self._first_half = ""

    def feed(self, piece: str) -> str:
        """The piece, less a first half at its end, which comes with the next piece."""
        text = self._first_half + piece
        self._first_half = text[-1] if text and "\ud800" <= text[-1] <= "\udbff" else ""
        return storable(text.removesuffix(self._first_half) if self._first_half else text)
