"""GoTrue's JSON, as far as it is spoken here (supabase/auth `openapi.yaml`).

Requests may hold more than is read: clients send fields for CAPTCHAs, PKCE and telephones whether they are used or not.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from hearthside.kit.text import storable

Timestamp = Annotated[str, Field(examples=["2024-01-15T10:30:00.000000Z"])]


def _check_storable(text: str) -> str:
    if storable(text) != text:
        raise ValueError("U+0000 and halves of surrogate pairs are not allowed")
    return text


Line = Annotated[str, AfterValidator(_check_storable)]
Email = Annotated[Line, Field(max_length=320)]
Password = Annotated[str, Field(max_length=1024)]


class Body(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class Answer(BaseModel):
    # Compiled with the first answer of its kind, not while the server starts.
    model_config = ConfigDict(defer_build=True)


class Told(Body):
    """What a person tells of themselves; what has no place in a profile is not kept."""

    full_name: Annotated[Line | None, Field(max_length=1000)] = None
    name: Annotated[Line | None, Field(max_length=1000)] = None
    avatar_url: Annotated[Line | None, Field(max_length=2000)] = None
    invite_code: Annotated[Line | None, Field(max_length=200)] = None


class SignUpBody(Body):
    email: Email | None = None
    phone: Line | None = None
    password: Password | None = None
    data: Told | None = None


class TokenBody(Body):
    email: Email | None = None
    password: Password | None = None
    refresh_token: Annotated[str | None, Field(max_length=1024)] = None


class UserBody(Body):
    email: Email | None = None
    phone: Line | None = None
    password: Password | None = None
    current_password: Password | None = None
    data: Told | None = None


class Identity(Answer):
    identity_id: str
    id: str
    user_id: str
    provider: str
    identity_data: dict[str, Any]
    email: str | None
    created_at: Timestamp
    updated_at: Timestamp
    last_sign_in_at: Timestamp | None


class UserOut(Answer):
    id: str
    aud: Literal["authenticated"]
    role: Literal["authenticated"]
    email: str | None
    email_confirmed_at: Timestamp | None
    confirmed_at: Timestamp | None
    phone: str
    last_sign_in_at: Timestamp | None
    app_metadata: dict[str, Any]
    user_metadata: dict[str, Any]
    identities: list[Identity]
    created_at: Timestamp
    updated_at: Timestamp
    is_anonymous: bool


class Granted(Answer):
    access_token: str
    token_type: Literal["bearer"]
    expires_in: int
    expires_at: int
    refresh_token: str
    user: UserOut


class PublicSettings(Answer):
    external: dict[str, bool]
    disable_signup: bool
    mailer_autoconfirm: bool
    phone_autoconfirm: bool
    sms_provider: str
    mfa_enabled: bool
    saml_enabled: bool


class Health(Answer):
    version: str
    name: str
    description: str


class Keys(Answer):
    """Access tokens are signed with a key that is not published: clients ask `GET /user` about them."""

    keys: list[dict[str, Any]]


class Failure(Answer):
    code: int
    error_code: str
    msg: str
