"""What OpenRouter alone says: whether it knows a key, and what may still be spent. Its list is for everybody."""

from typing import Any

import msgspec

from hearthside.gateway.failures import failure
from hearthside.gateway.upstream import CATALOGUE_TIMEOUTS, Call, Upstream
from hearthside.kit.errors import HearthsideError
from hearthside.providers.model import Endpoint

PROVIDER_ID = "openrouter"


class _Key(msgspec.Struct):
    limit_remaining: Any = None


class _Answer(msgspec.Struct):
    data: _Key


_ANSWER = msgspec.json.Decoder(_Answer)


class OpenRouterAccount:
    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def accepts(self, endpoint: Endpoint) -> bool:
        """True: it knows the key. False: there is no telling, for another provider, or something in its place, answers.

        https://openrouter.ai/docs/api-reference/limits. Errors: `gateway/failures.py`: provider_auth, provider_quota.
        """
        if endpoint.provider_id != PROVIDER_ID or endpoint.api_key is None:
            return False
        url = f"{endpoint.base_url.rstrip('/')}/key"
        headers = {"Authorization": f"Bearer {endpoint.api_key.reveal()}"}
        call = Call(endpoint, url, headers=headers, timeouts=CATALOGUE_TIMEOUTS)
        try:
            answer = await self._upstream.whole(call, _ANSWER.decode)
        except HearthsideError as error:
            if error.code in ("provider_auth", "provider_quota"):
                raise
            return False
        remaining = answer.data.limit_remaining
        if isinstance(remaining, (int, float)) and remaining <= 0:
            raise failure("provider_quota", endpoint)
        return True
