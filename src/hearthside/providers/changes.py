"""What may be said of a user's own provider, and what a change of it does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from hearthside.kit.addresses import AddressRefused, Target, parse_url
from hearthside.kit.errors import FieldProblem, Invalid
from hearthside.kit.secret import Secret
from hearthside.providers.known import KNOWN, LOCAL_ID
from hearthside.providers.model import WireProtocol

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


def _invalid(where: str, message: str) -> Invalid:
    return Invalid(message, fields=[FieldProblem(f"body.{where}", message)])
