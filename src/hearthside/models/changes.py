"""What may be said of a saved model: the settings that a client gives, and names as they can be stored."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from hearthside.kit.errors import FieldProblem, Invalid
from hearthside.kit.text import storable, storable_json
from hearthside.models.model import ModelSettings, Selection

MOST_SELECTIONS = 1000
LONGEST_NAME = 300
LONGEST_TEXT = 20_000
LONGEST_PROMPT = 100_000
_MOST_TOKENS = 10_000_000

_RANGES: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "max_tokens": (1, _MOST_TOKENS),
}
_NAMES = frozenset(field.name for field in fields(ModelSettings))


def merged(settings: ModelSettings, change: Mapping[str, Any]) -> ModelSettings:
    """`settings` with what `change` names, by the fields of ModelSettings. Raises Invalid.

    None gives a field its default back.
    """
    problems = [problem for name, value in change.items() if (problem := _problem(name, value))]
    if problems:
        raise Invalid(f"The settings are not valid. {problems[0].where}: {problems[0].message}", fields=problems)
    defaults = ModelSettings()
    values = {name: getattr(defaults, name) if value is None else value for name, value in change.items()}
    return replace(settings, **storable_json(values))


def distinct(selections: Sequence[Selection]) -> list[Selection]:
    """The selections, each model once (the last word on it counts), with texts that can be stored. Raises Invalid."""
    if len(selections) > MOST_SELECTIONS:
        raise _invalid(f"{MOST_SELECTIONS} models at most are imported at once.")
    return list({one.model: _checked(one) for one in selections}.values())


def _checked(selection: Selection) -> Selection:
    model = selection.model
    if not model.strip() or len(model) > LONGEST_NAME or storable(model) != model:
        raise _invalid(f"A model's name has 1 to {LONGEST_NAME} characters.")
    return Selection(model, short(selection.name), prose(selection.description))


def _invalid(message: str) -> Invalid:
    return Invalid(message, fields=[FieldProblem("body.models", message)])


def short(text: str | None) -> str | None:
    """A name as it can be stored; None for an empty one."""
    return storable(text or "").strip()[:LONGEST_NAME] or None


def prose(text: str | None) -> str | None:
    """A description as it can be stored; None for an empty one."""
    return storable(text or "").strip()[:LONGEST_TEXT] or None


def _problem(name: str, value: Any) -> FieldProblem | None:
    where = f"body.settings.{name}"
    if name not in _NAMES:
        return FieldProblem(where, "there is no such setting")
    if value is None:
        return None
    if name in _RANGES:
        lowest, highest = _RANGES[name]
        fits = _is_number(value, whole=name == "max_tokens") and lowest <= value <= highest
        return None if fits else FieldProblem(where, f"must be a number from {lowest:g} to {highest:g}")
    if name == "system_prompt":
        fits = isinstance(value, str) and len(value) <= LONGEST_PROMPT
        return None if fits else FieldProblem(where, f"must be a text of {LONGEST_PROMPT} characters at most")
    return None if isinstance(value, Mapping) else FieldProblem(where, "must be an object")


def _is_number(value: Any, *, whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        return False
    return math.isfinite(value)
