"""A text that must not be seen: prints as `***` wherever it lands by accident."""

from typing import final


@final
class Secret:
    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself. Call it where it leaves the process on purpose, nowhere else."""
        return self._value

    @property
    def last_four(self) -> str:
        """What a preview may show: the last four characters, or nothing of a secret too short to keep one."""
        return self._value[-4:] if len(self._value) >= 12 else ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._value)
