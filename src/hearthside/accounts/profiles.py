"""Profiles: what people tell of themselves, at once or in the survey of their first day."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from hearthside.accounts import profile_store, store
from hearthside.accounts.model import Profile, ProfileChange
from hearthside.accounts.names import checked_display_name, checked_prose, checked_username, compared
from hearthside.kit.actor import Actor, Scope
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import Conflict, FieldProblem, Invalid, NotFound, Unauthenticated
from hearthside.kit.text import storable, storable_json

LONGEST = {"bio": 500, "profession": 120, "heard_from": 120}
LONGEST_URL = 2000
YOUNGEST, OLDEST = 13, 120
FIRST_BIRTHDAY = date(1900, 1, 1)
MOST_RESPONSE_CHARACTERS = 32_000

_URL = re.compile(r"https?://[^\s/?#]+[^\s]*", re.IGNORECASE)


class Profiles:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, actor: Actor) -> Profile:
        actor.require(Scope.READ)
        async with self._database.read() as connection:
            profile = await profile_store.get(connection, actor.user_id)
        if profile is None:
            raise Unauthenticated("This account is gone.")
        return profile

    async def find(self, actor: Actor, uid: str) -> Profile:
        """The profile with that uid, which can only be one's own. Errors: NotFound (user_not_found)."""
        if uid != actor.user_uid:
            raise NotFound("There is no such user.", code="user_not_found")
        return await self.get(actor)

    async def update(self, actor: Actor, change: ProfileChange) -> Profile:
        """Errors: Invalid, Conflict (username_exists)."""
        actor.require(Scope.WRITE)
        names, told = _names(change), self._told(change)
        async with self._database.write() as connection:
            if names and not await store.set_names(connection, actor.user_id, names):
                raise Conflict("This user name is taken.", code="username_exists")
            if names or told:
                await profile_store.change(connection, actor.user_id, told, now=self._clock.now())
        return await self.get(actor)

    async def onboarding(self, actor: Actor, survey: ProfileChange) -> Profile:
        """What somebody answered in the survey, which is thereby completed unless it says otherwise. As `update`."""
        completed = True if survey.survey_completed is None else survey.survey_completed
        return await self.update(actor, replace(survey, survey_completed=completed))

    def _told(self, change: ProfileChange) -> dict[str, Any]:
        """The columns of the profile that change."""
        told: dict[str, Any] = {
            field: checked_prose(text, field, limit=limit) or None
            for field, limit in LONGEST.items()
            if (text := getattr(change, field)) is not None
        }
        if change.avatar_url is not None:
            told["avatar_url"] = _checked_url(change.avatar_url.strip()) or None
        if change.date_of_birth is not None:
            told["date_of_birth"] = self._checked_birthday(change.date_of_birth)
        if change.age is not None:
            told["age"] = _checked_age(change.age)
        if change.onboarding_responses is not None:
            told["onboarding_responses"] = _checked_responses(change.onboarding_responses)
        if change.survey_completed is not None:
            told["survey_completed"] = change.survey_completed
        return told

    def _checked_birthday(self, day: date) -> date:
        if not FIRST_BIRTHDAY <= day <= self._clock.now().date():
            raise _invalid("date_of_birth", f"must be a day from {FIRST_BIRTHDAY} on, and not one to come")
        return day


def _names(change: ProfileChange) -> dict[str, str | None]:
    """The columns of the user that change."""
    names: dict[str, str | None] = {}
    if change.full_name is not None:
        names["display_name"] = checked_display_name(change.full_name, "full_name")
    if change.username is not None:
        username = checked_username(change.username)
        names |= {"username": username, "username_key": compared(username)}
    return names


def _checked_url(url: str) -> str:
    if url and (len(url) > LONGEST_URL or storable(url) != url or not _URL.fullmatch(url)):
        raise _invalid("avatar_url", f"must be an http or https URL of at most {LONGEST_URL} characters")
    return url


def _checked_age(age: int) -> int:
    if not YOUNGEST <= age <= OLDEST:
        raise _invalid("age", f"must be {YOUNGEST} to {OLDEST}")
    return age


def _checked_responses(responses: Mapping[str, Any]) -> dict[str, Any]:
    """Any JSON object that both databases store."""
    wanted = f"must be a JSON object of at most {MOST_RESPONSE_CHARACTERS} characters, without U+0000"
    try:
        size = len(json.dumps(dict(responses), allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        raise _invalid("onboarding_responses", wanted) from None
    if size > MOST_RESPONSE_CHARACTERS or storable_json(dict(responses)) != responses:
        raise _invalid("onboarding_responses", wanted)
    return dict(responses)


def _invalid(field: str, wanted: str) -> Invalid:
    return Invalid(f"{field} {wanted}.", fields=[FieldProblem(where=field, message=wanted)])
