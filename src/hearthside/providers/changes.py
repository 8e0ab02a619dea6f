"""What may be said of a user's own provider, and what a change of it does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from hearthside.kit.addresses import AddressRefused, Target, parse_url
from hearthside.kit.errors import FieldProblem, Invalid
from hearthside.kit.secret import Secret
from hearthside.kit.text import storable
from hearthside.providers.known import KNOWN, LOCAL_ID
from hearthside.providers.model import Endpoint, ProviderConfig, WireProtocol

_LONGEST_KEY = 4096
_LONGEST_NAME = 200  # of the column in store.py
_KEY = re.compile(rf"[!-~]{{1,{_LONGEST_KEY}}}")
_PROVIDER_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Unset(Enum):
    """Tells a field that was not given from one that was given as null."""

    UNSET = "unset"


UNSET = Unset.UNSET


@dataclass(frozen=True, slots=True)
class ProviderChange:
    """What to change. `api_key` None removes the key; `base_url` None goes back to the provider's usual address.

    `metadata["protocol"]` is the wire protocol of a provider that is not known by name; openai by default.
    """

    api_key: Secret | Unset | None = UNSET
    base_url: str | Unset | None = UNSET
    display_name: str | Unset | None = UNSET
    metadata: Mapping[str, Any] | Unset = UNSET
    is_active: bool | Unset = UNSET


def check_provider_id(provider_id: str) -> None:
    """Raises Invalid for an id that no configuration can have; the local engine's is one."""
    if provider_id == LOCAL_ID or not _PROVIDER_ID.fullmatch(provider_id):
        raise _invalid("provider", "A provider's id is made of a-z, 0-9, dot, dash and underscore, and is not 'local'.")


def checked_key(key: Secret) -> Secret:
    """The key without the blanks that were copied along. Raises Invalid for what can be none."""
    text = key.reveal().strip()
    if not _KEY.fullmatch(text):
        raise _invalid("api_key", f"An API key is made of 1 to {_LONGEST_KEY} visible ASCII characters.")
    return Secret(text)


def check_key(config: ProviderConfig) -> None:
    """Raises Invalid for a provider that is of no use without a key and has none."""
    known = KNOWN.get(config.provider_id)
    if known is not None and known.needs_key and not config.has_api_key:
        raise _invalid("api_key", f"{known.name} needs an API key.")


def protocol_of(provider_id: str, metadata: Mapping[str, Any]) -> WireProtocol:
    """Raises Invalid."""
    known = KNOWN.get(provider_id)
    if known is not None:
        return known.protocol
    name = metadata.get("protocol", WireProtocol.OPENAI)
    kinds = [protocol.value for protocol in WireProtocol if protocol is not WireProtocol.LOCAL]
    if name not in kinds:
        raise _invalid("metadata.protocol", f"The protocol is one of {', '.join(kinds)}.")
    return WireProtocol(name)


def address_of(provider_id: str, base_url: str | None) -> str:
    """The address that is meant: the given one, else the usual one; "" where there is none."""
    known = KNOWN.get(provider_id)
    return base_url or (known.base_url if known else "")


def checked_target(provider_id: str, base_url: str | None) -> Target:
    """Raises Invalid for an address that cannot be one."""
    address = address_of(provider_id, base_url)
    if not address:
        raise _invalid("base_url", "This provider has no usual address: give its base_url.")
    try:
        return parse_url(address)
    except AddressRefused as error:
        raise _invalid("base_url", error.message) from None


def is_same_place(provider_id: str, one: str | None, other: str | None) -> bool:
    """Whether a key given for one address may go to the other: same scheme, host and port."""
    first, second = address_of(provider_id, one), address_of(provider_id, other)
    return bool(first and second) and parse_url(first).origin == parse_url(second).origin


def origin_of(endpoint: Endpoint) -> str:
    """What a key that is brought along is bound to; "" for the local engine, which takes none."""
    if not endpoint.base_url:
        return ""
    return "{}://{}:{}".format(*parse_url(endpoint.base_url).origin)


def usual_endpoint(provider_id: str) -> Endpoint | None:
    """A known provider at its usual address, without a key."""
    known = KNOWN.get(provider_id)
    if known is None or not known.base_url:
        return None
    return Endpoint(known.id, known.name, known.protocol, known.base_url, None, trusted=False)


def blank_config(user_id: int, provider_id: str, *, now: datetime) -> ProviderConfig:
    """A configuration that says nothing and is not stored."""
    return ProviderConfig(
        *(0, "", user_id, provider_id),
        display_name=None,
        base_url=None,
        metadata={},
        has_api_key=False,
        key_last_four="",
        is_active=False,
        created_at=now,
        updated_at=now,
    )


def shown_name(text: str | None) -> str | None:
    """A display name as it can be stored; None for an empty one. Raises Invalid."""
    name = storable(text or "").strip()
    if len(name) > _LONGEST_NAME:
        raise _invalid("display_name", f"A name has {_LONGEST_NAME} characters at most.")
    return name or None


def _invalid(where: str, message: str) -> Invalid:
    return Invalid(message, fields=[FieldProblem(f"body.{where}", message)])
