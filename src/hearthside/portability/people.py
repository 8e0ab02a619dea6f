"""Profiles for an archive: what a person tells of themselves, and what of it a new account takes over."""

from collections.abc import Mapping
from dataclasses import fields as fields_of
from datetime import date
from typing import Any, Final

from hearthside.accounts.model import Profile, ProfileChange
from hearthside.accounts.profiles import Profiles
from hearthside.kit.actor import Actor
from hearthside.portability import fields

# Names to sign in with are the account's own.
_TEXTS: Final = ("full_name", "bio", "profession", "heard_from", "avatar_url")
_TOLD: Final = tuple(field.name for field in fields_of(ProfileChange))


class AccountProfiles:
    """`profile_part.Profiles` over the accounts."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    async def read(self, actor: Actor) -> Mapping[str, Any]:
        profile = await self._profiles.get(actor)
        told = {name: getattr(profile, name) for name in _TOLD}
        born = profile.date_of_birth
        return {
            "email": profile.email,
            **told,
            "date_of_birth": None if born is None else born.isoformat(),
            "created_at": profile.created_at.isoformat(),
        }

    async def fill(self, actor: Actor, values: Mapping[str, Any]) -> None:
        known = await self._profiles.get(actor)
        change = _lacking(known, values)
        if change != ProfileChange():
            await self._profiles.update(actor, change)


def _lacking(known: Profile, values: Mapping[str, Any]) -> ProfileChange:
    """What `values` tell and nobody has told yet."""
    told: dict[str, Any] = {name: fields.text_or_none(values, name) for name in _TEXTS}
    told["age"] = values["age"] if type(values.get("age")) is int else None
    told["date_of_birth"] = _day(fields.text(values, "date_of_birth"))
    told["onboarding_responses"] = fields.mapping(values, "onboarding_responses") or None
    told["survey_completed"] = True if values.get("survey_completed") is True and not known.survey_completed else None
    new = {name: value for name, value in told.items() if name == "survey_completed" or getattr(known, name) is None}
    return ProfileChange(**new)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
