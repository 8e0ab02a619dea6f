"""/v1/users: the profile, the survey, and nobody else's."""

from tests.contracts.pocketllm.app import TIME, UUID, App

FIELDS = {
    "id", "email", "full_name", "username", "bio", "date_of_birth", "age", "profession", "heard_from", "avatar_url",
    "survey_completed", "onboarding_responses", "deletion_status", "deletion_requested_at", "deletion_scheduled_for",
    "created_at", "updated_at",
}  # fmt: skip
TOLD = {
    "full_name": "Ada Lovelace",
    "username": "ada",
    "bio": "Writes programs.\nFor a machine that is not there.",
    "date_of_birth": "1990-12-10",
    "age": 34,
    "profession": "Analyst",
    "heard_from": "Charles",
    "avatar_url": "https://example.com/ada.png",
}


async def test_a_new_profile(app: App) -> None:
    profile = await app.done("GET", "/users/profile")
    assert set(profile) == FIELDS
    assert UUID.fullmatch(profile["id"])
    assert profile["email"] == "user@example.com"
    assert (profile["survey_completed"], profile["deletion_status"]) == (False, "active")
    assert TIME.fullmatch(profile["created_at"])
    assert {name for name, value in profile.items() if value is None} == FIELDS - {
        "id", "email", "survey_completed", "deletion_status", "created_at", "updated_at"
    }  # fmt: skip


async def test_update(app: App) -> None:
    updated = await app.done("PUT", "/users/profile", TOLD)
    assert {name: updated[name] for name in TOLD} == TOLD
    assert await app.done("GET", "/users/profile") == updated
    unchanged = await app.done("PUT", "/users/profile", {"bio": None, "username": None, "age": 35})
    assert {name: unchanged[name] for name in TOLD} == TOLD | {"age": 35}, "null leaves a field as it is"


async def test_a_user_name_is_one_persons(app: App, other: App) -> None:
    await app.done("PUT", "/users/profile", {"username": "ada"})
    assert (await other.refused("PUT", "/users/profile", {"username": "ADA"}))[0] == 409
    assert (await other.done("GET", "/users/profile"))["username"] is None


async def test_onboarding(app: App) -> None:
    survey = {
        "full_name": "Ada",
        "age": 34,
        "onboarding": {"primary_goal": "learn", "interests": ["maths", "looms"], "experience_level": "expert"},
    }
    profile = await app.done("POST", "/users/profile/onboarding", survey)
    assert (profile["full_name"], profile["age"], profile["survey_completed"]) == ("Ada", 34, True)
    assert profile["onboarding_responses"] == survey["onboarding"]


async def test_onboarding_with_any_object_and_the_one_that_wins(app: App) -> None:
    free = {"favourite": {"number": 7}, "interests": "everything"}
    profile = await app.done("POST", "/users/profile/onboarding", {"onboarding": free, "survey_completed": False})
    assert (profile["onboarding_responses"], profile["survey_completed"]) == (free, False)
    both = {"onboarding": free, "onboarding_responses": {"wins": True}}
    profile = await app.done("POST", "/users/profile/onboarding", both)
    assert profile["onboarding_responses"] == {"wins": True}


async def test_by_id(app: App, other: App) -> None:
    mine = await app.done("GET", "/users/profile")
    assert await app.done("GET", f"/users/{mine['id']}") == mine
    for path in (f"/users/{mine['id']}", "/users/00000000-0000-7000-8000-000000000000", "/users/1"):
        assert await other.refused("GET", path) == (404, "There is no such user.")
