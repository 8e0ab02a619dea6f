"""The server's own providers: from the settings and from the environment variables that the ecosystem uses.

All of them are trusted: whoever sets the server's environment may name private addresses.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from hearthside.kit.addresses import AddressRefused, parse_url
from hearthside.kit.secret import Secret
from hearthside.providers.known import KNOWN, LOCAL_ID, KnownProvider
from hearthside.providers.model import Endpoint, WireProtocol

# Ollama and LM Studio are looked for and are there when they run: providers/discovery.py.
_DISCOVERED = ("ollama", "lmstudio")
_OLLAMA_PORT = 11434


def server_endpoints(environ: Mapping[str, str], configured: Iterable[Mapping[str, Any]] = ()) -> list[Endpoint]:
    """The local engine, then what the environment names, then the setting `providers`, which wins over it.

    Raises ValueError, in words for people, for a provider that is named and cannot be used.
    """
    found = {LOCAL_ID: Endpoint(LOCAL_ID, "This machine", WireProtocol.LOCAL, "", None, trusted=True)}
    for known in KNOWN.values():
        if known.id not in _DISCOVERED and (endpoint := _from_environment(environ, known)):
            found[known.id] = endpoint
    for entry in configured:
        endpoint = _from_settings(entry)
        found[endpoint.provider_id] = endpoint
    return list(found.values())


def discoverable_endpoints(environ: Mapping[str, str], *, ollama_url: str, lmstudio_url: str) -> list[Endpoint]:
    """Where Ollama and LM Studio are if they run. An empty URL switches one off; its own variable wins over the URL."""
    ollama, lmstudio = (_first(environ, KNOWN[name].url_variables) for name in _DISCOVERED)
    urls = {
        "ollama": ollama_host_url(ollama) if ollama else ollama_url,
        "lmstudio": _with_version(lmstudio or lmstudio_url),
    }
    return [
        Endpoint(id_, known.name, known.protocol, _checked(id_, url), _key(environ, known), trusted=True)
        for id_, url in urls.items()
        if url and (known := KNOWN[id_])
    ]


def ollama_host_url(value: str) -> str:
    """OLLAMA_HOST as a URL to connect to. It is written for the server too: `0.0.0.0`, `:11434`, `host`, a URL."""
    scheme, _, rest = value.strip().rpartition("://")
    authority, slash, path = rest.partition("/")
    host, port = _split_port(authority)
    if host in ("", "0.0.0.0", "[::]"):  # noqa: S104 - where it listens on all, it is reached on loopback
        host = "127.0.0.1"
    default = {"http": 80, "https": 443}.get(scheme, _OLLAMA_PORT)
    return f"{scheme or 'http'}://{host}:{port or default}{slash}{path}"


def _split_port(authority: str) -> tuple[str, str]:
    head, colon, tail = authority.rpartition(":")
    if colon and tail.isdigit() and (head.endswith("]") or ":" not in head):
        return head, tail
    if authority.count(":") > 1 and not authority.startswith("["):
        return f"[{authority}]", ""
    return authority, ""


def _from_environment(environ: Mapping[str, str], known: KnownProvider) -> Endpoint | None:
    """There once its key is set; where none is needed, or the address is one's own, once its address is."""
    key = _key(environ, known)
    url = _first(environ, known.url_variables)
    if not url and (key is None or not known.base_url):
        return None
    return Endpoint(known.id, known.name, known.protocol, _checked(known.id, url or known.base_url), key, trusted=True)


def _from_settings(entry: Mapping[str, Any]) -> Endpoint:
    """{id, kind, base_url, api_key, name}: `kind` is a wire protocol or a known provider; unsaid, it is the id."""
    provider_id = str(entry.get("id", ""))
    if not provider_id or provider_id == LOCAL_ID:
        raise ValueError(f"Each entry of the setting providers needs an id of its own; {provider_id!r} is none.")
    kind = str(entry.get("kind", provider_id))
    known = KNOWN.get(kind)
    protocol = known.protocol if known else _protocol(provider_id, kind)
    url = str(entry.get("base_url") or (known.base_url if known else ""))
    if not url:
        raise ValueError(f"The provider {provider_id!r} in the settings needs a base_url.")
    key = Secret(str(entry["api_key"])) if entry.get("api_key") else None
    name = str(entry.get("name") or (known.name if known and known.id == provider_id else provider_id))
    return Endpoint(provider_id, name, protocol, _checked(provider_id, url), key, trusted=True)


def _protocol(provider_id: str, kind: str) -> WireProtocol:
    kinds = [protocol.value for protocol in WireProtocol if protocol is not WireProtocol.LOCAL]
    if kind not in kinds:
        raise ValueError(f"The provider {provider_id!r} has the kind {kind!r}; kinds are {', '.join(kinds)}.")
    return WireProtocol(kind)


def _checked(provider_id: str, url: str) -> str:
    try:
        parse_url(url)
    except AddressRefused as error:
        raise ValueError(f"The address of the provider {provider_id!r} cannot be used. {error.message}") from None
    return url.rstrip("/")


def _with_version(url: str) -> str:
    return f"{url.rstrip('/')}/v1" if url and not url.rstrip("/").endswith("/v1") else url


def _key(environ: Mapping[str, str], known: KnownProvider) -> Secret | None:
    value = _first(environ, known.key_variables)
    return Secret(value) if value else None


def _first(environ: Mapping[str, str], names: Iterable[str]) -> str:
    return next((value for name in names if (value := environ.get(name, "").strip())), "")
