"""Trying a provider's key: the provider's list is asked for with it, and what comes of that is said in plain words."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from hearthside.gateway.failures import ServerFault
from hearthside.gateway.model import ModelInfo
from hearthside.gateway.providers.openrouter import OpenRouterAccount
from hearthside.gateway.service import Gateway
from hearthside.kit.addresses import AddressRefused
from hearthside.kit.errors import HearthsideError
from hearthside.kit.secret import Secret
from hearthside.providers.known import KNOWN
from hearthside.providers.model import Endpoint
from hearthside.providers.service import ProviderDirectory

PATIENCE_SECONDS = 10.0


class Verdict(StrEnum):
    FINE = "fine"
    KEY_MISSING = "key_missing"
    KEY_REFUSED = "key_refused"
    NO_CREDIT = "no_credit"
    UNREACHABLE = "unreachable"
    WRONG_ADDRESS = "wrong_address"
    PROVIDER_FAILED = "provider_failed"
    """The provider has trouble of its own, or asks to slow down: nothing is known of the key."""


@dataclass(frozen=True, slots=True)
class KeyReport:
    """`message` is for people. `models` is how many the provider lists; None where it lists none to us.

    `is_key_proven` is False where the provider answers anybody, so that nothing is known of the key.
    """

    verdict: Verdict
    message: str
    models: int | None = None
    is_key_proven: bool = False


class KeyCheck:
    def __init__(
        self,
        gateway: Gateway,
        directory: ProviderDirectory,
        openrouter: OpenRouterAccount,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._patience_seconds = patience_seconds
        self._gateway = gateway
        self._directory = directory
        self._openrouter = openrouter

    async def check(
        self,
        user_id: int,
        provider_id: str,
        *,
        api_key: Secret | None = None,
        base_url: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> KeyReport:
        """What is wrong with the key, or with the address; what is not said is taken from what is stored.

        Ten seconds at most. Raises Invalid for what cannot even be tried: no such provider, an address that is none.
        """
        try:
            endpoint = await self._directory.trial(
                user_id, provider_id, api_key=api_key, base_url=base_url, metadata=metadata
            )
        except AddressRefused as error:
            return KeyReport(Verdict.WRONG_ADDRESS, error.message)
        known = KNOWN.get(provider_id)
        if endpoint.api_key is None and known is not None and known.needs_key:
            return KeyReport(Verdict.KEY_MISSING, f"{endpoint.name} needs an API key.")
        try:
            async with asyncio.timeout(self._patience_seconds):
                return await self._ask(endpoint)
        except TimeoutError:
            message = f"{endpoint.name} did not answer within {self._patience_seconds:g} seconds."
            return KeyReport(Verdict.UNREACHABLE, message)
        except HearthsideError as error:
            return _report(endpoint, error)

    async def _ask(self, endpoint: Endpoint) -> KeyReport:
        models = await self._gateway.models(endpoint)
        if endpoint.api_key is None:
            return KeyReport(Verdict.FINE, f"{_found(endpoint, models)} It wants no key.", len(models))
        if await self._openrouter.accepts(endpoint) or not await self._answers_anybody(endpoint):
            return KeyReport(Verdict.FINE, _found(endpoint, models), len(models), is_key_proven=True)
        unsure = "It lists them without a key too, so the first message will show whether the key is right."
        return KeyReport(Verdict.FINE, f"{_found(endpoint, models)} {unsure}", len(models))

    async def _answers_anybody(self, endpoint: Endpoint) -> bool:
        try:
            await self._gateway.models(replace(endpoint, api_key=None))
        except HearthsideError:
            return False
        return True


def _found(endpoint: Endpoint, models: Sequence[ModelInfo]) -> str:
    if not models:
        return f"{endpoint.name} answers, but lists no models. Check the address if there should be some."
    return f"{endpoint.name} answers and lists {len(models)} model{'s' if len(models) > 1 else ''}."


_VERDICTS: Mapping[str, Verdict] = {
    "provider_auth": Verdict.KEY_REFUSED,
    "provider_quota": Verdict.NO_CREDIT,
    "provider_unreachable": Verdict.UNREACHABLE,
    "provider_timeout": Verdict.UNREACHABLE,
    "address_not_allowed": Verdict.WRONG_ADDRESS,
    # A path that is not there can sound like a model that is not.
    "model_not_found": Verdict.WRONG_ADDRESS,
}


def _report(endpoint: Endpoint, error: HearthsideError) -> KeyReport:
    verdict = _VERDICTS.get(error.code, Verdict.PROVIDER_FAILED)
    if error.code == "provider_error" and not isinstance(error, ServerFault):
        verdict = Verdict.WRONG_ADDRESS
    if verdict is Verdict.WRONG_ADDRESS and not isinstance(error, AddressRefused):
        message = f"Something answers there, but not as {endpoint.name} would. Check the address. {error.message}"
        return KeyReport(verdict, message)
    return KeyReport(verdict, error.message)
