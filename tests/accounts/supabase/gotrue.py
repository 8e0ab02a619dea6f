"""A GoTrue of the tests' own, on the loopback address, after its OpenAPI document (supabase/auth `openapi.yaml`)."""

import json
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from hearthside.kit.clock import Clock

ANON_KEY, SERVICE_KEY = "anon-key-of-the-tests", "service-role-key-of-the-tests"
SECRET = "a-jwt-secret-of-the-tests-with-40-letters"
LIFE_SECONDS = 3600


@dataclass
class Account:
    id: str
    email: str
    password: str
    data: dict[str, Any]
    created_at: datetime
    is_confirmed: bool
    is_banned: bool = False


@dataclass
class SignedIn:
    account: Account
    at: int
    refresh_tokens: list[str] = field(default_factory=list)


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass
class FakeGoTrue:
    """`confirms`: new users have to answer a letter first. `key` None: tokens are HS256, else signed with that key."""

    clock: Clock
    confirms: bool = False
    key: ECKey | None = None
    url: str = ""
    is_down: bool = False
    accounts: dict[str, Account] = field(default_factory=dict)
    sessions: dict[str, SignedIn] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def application(self) -> web.Application:
        application = web.Application(middlewares=[self._front])
        base = "/auth/v1"
        application.router.add_post(f"{base}/signup", self._sign_up)
        application.router.add_post(f"{base}/token", self._token)
        application.router.add_post(f"{base}/logout", self._log_out)
        application.router.add_get(f"{base}/user", self._user)
        application.router.add_delete(f"{base}/admin/users/{{id}}", self._delete_user)
        application.router.add_get(f"{base}/.well-known/jwks.json", self._keys)
        return application

    @web.middleware
    async def _front(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path.removeprefix('/auth/v1')}")
        if self.is_down:
            return web.Response(status=503, text="upstream connect error")
        if not request.path.endswith("jwks.json") and request.headers.get("apikey") not in {ANON_KEY, SERVICE_KEY}:
            return web.json_response({"message": "No API key found in request"}, status=401)
        try:
            answer: web.StreamResponse = await handler(request)
        except Refused as refusal:
            body = {"code": refusal.status, "error_code": refusal.code, "msg": refusal.message}
            return web.json_response(body, status=refusal.status)
        return answer

    # Endpoints

    async def _sign_up(self, request: web.Request) -> web.Response:
        body = await request.json()
        if len(body["password"]) < 6:
            raise Refused(422, "validation_failed", "Password should be at least 6 characters.")
        if any(account.email == body["email"].lower() for account in self.accounts.values()):
            if self.confirms:
                return web.json_response(self._shown(self._new(body), identities=[]))
            raise Refused(422, "user_already_exists", "User already registered")
        account = self._new(body)
        self.accounts[account.id] = account
        return web.json_response(self._shown(account) if self.confirms else self.sign_in(account))

    async def _token(self, request: web.Request) -> web.Response:
        body = await request.json()
        if request.query["grant_type"] == "password":
            return web.json_response(self.sign_in(self._proven(body["email"], body["password"])))
        for session_id, session in self.sessions.items():
            if body["refresh_token"] in session.refresh_tokens:
                if body["refresh_token"] != session.refresh_tokens[-1]:
                    raise Refused(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
                return web.json_response(self._granted(session_id))
        raise Refused(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")

    async def _log_out(self, request: web.Request) -> web.Response:
        session_id = self._claims(request)["session_id"]
        if self.sessions.pop(session_id, None) is None:
            raise Refused(403, "session_not_found", "Session from session_id claim in JWT does not exist")
        return web.Response(status=204)

    async def _user(self, request: web.Request) -> web.Response:
        account = self.accounts.get(self._claims(request)["sub"])
        if account is None:
            raise Refused(403, "user_not_found", "User from sub claim in JWT does not exist")
        return web.json_response(self._shown(account))

    async def _delete_user(self, request: web.Request) -> web.Response:
        if request.headers["Authorization"] != f"Bearer {SERVICE_KEY}":
            raise Refused(403, "not_admin", "User not allowed")
        if self.accounts.pop(request.match_info["id"], None) is None:
            raise Refused(404, "user_not_found", "User not found")
        return web.json_response({})

    async def _keys(self, request: web.Request) -> web.Response:
        keys = [self.key.as_dict(private=False)] if self.key else []
        return web.json_response({"keys": keys})

    # What a test does as somebody else

    def sign_in(self, account: Account) -> dict[str, Any]:
        """As if they had signed in from elsewhere, with the client of Supabase: the answer that they would get."""
        session_id = str(uuid4())
        self.sessions[session_id] = SignedIn(account, int(self.clock.now().timestamp()))
        return self._granted(session_id)

    def account(self, email: str) -> Account:
        return next(account for account in self.accounts.values() if account.email == email)

    def token(self, **changes: Any) -> str:
        """An access token with these claims changed; None leaves one out."""
        claims = {key: value for key, value in changes.items() if value is not None}
        if self.key is not None:
            header = {"alg": "ES256", "kid": self.key.kid, "typ": "JWT"}
            return jwt.encode(header, claims, self.key, algorithms=["ES256"])
        return jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, OctKey.import_key(SECRET), algorithms=["HS256"])

    def claims_of(self, session_id: str) -> dict[str, Any]:
        session, now = self.sessions[session_id], int(self.clock.now().timestamp())
        return {
            "iss": f"{self.url}/auth/v1",
            "sub": session.account.id,
            "aud": "authenticated",
            "exp": now + LIFE_SECONDS,
            "iat": now,
            "email": session.account.email,
            "phone": "",
            "app_metadata": {"provider": "email", "providers": ["email"]},
            "user_metadata": session.account.data,
            "role": "authenticated",
            "aal": "aal1",
            "amr": [{"method": "password", "timestamp": session.at}],
            "session_id": session_id,
            "is_anonymous": False,
        }

    def _proven(self, email: str, password: str) -> Account:
        for account in self.accounts.values():
            if account.email == email.lower() and account.password == password:
                if account.is_banned:
                    raise Refused(400, "user_banned", "User is banned")
                if not account.is_confirmed:
                    raise Refused(400, "email_not_confirmed", "Email not confirmed")
                return account
        raise Refused(400, "invalid_credentials", "Invalid login credentials")

    def _new(self, body: dict[str, Any]) -> Account:
        data = {"email": body["email"], **body.get("data", {})}
        return Account(str(uuid4()), body["email"].lower(), body["password"], data, self.clock.now(), not self.confirms)

    def _granted(self, session_id: str) -> dict[str, Any]:
        session = self.sessions[session_id]
        session.refresh_tokens.append(secrets.token_urlsafe(16))
        claims = self.claims_of(session_id)
        return {
            "access_token": self.token(**claims),
            "token_type": "bearer",
            "expires_in": LIFE_SECONDS,
            "expires_at": claims["exp"],
            "refresh_token": session.refresh_tokens[-1],
            "user": self._shown(session.account),
        }

    def _shown(self, account: Account, **more: Any) -> dict[str, Any]:
        created_at = account.created_at.isoformat()
        return {
            "id": account.id,
            "aud": "authenticated",
            "role": "authenticated",
            "email": account.email,
            "phone": "",
            "app_metadata": {"provider": "email", "providers": ["email"]},
            "user_metadata": account.data,
            "identities": [{"id": account.id, "identity_id": account.id, "user_id": account.id, "provider": "email",
                            "identity_data": {}, "created_at": created_at, "updated_at": created_at,
                            "last_sign_in_at": created_at}],
            "created_at": created_at,
            "updated_at": created_at,
            "is_anonymous": False,
            **({"email_confirmed_at": created_at} if account.is_confirmed else {"confirmation_sent_at": created_at}),
            **more,
        }  # fmt: skip

    def _claims(self, request: web.Request) -> dict[str, Any]:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        key, algorithm = (self.key, "ES256") if self.key else (OctKey.import_key(SECRET), "HS256")
        claims: dict[str, Any] = json.loads(json.dumps(jwt.decode(token, key, algorithms=[algorithm]).claims))
        return claims


@asynccontextmanager
async def serving(fake: FakeGoTrue) -> AsyncGenerator[FakeGoTrue]:
    runner = web.AppRunner(fake.application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield fake
    finally:
        await runner.cleanup()
