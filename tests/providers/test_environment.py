"""The server's own providers, from the variables that people have set anyway."""

import pytest

from hearthside.kit.secret import Secret
from hearthside.providers.environment import discoverable_endpoints, ollama_host_url, server_endpoints
from hearthside.providers.model import Endpoint, WireProtocol


def found(environ: dict[str, str], *configured: dict[str, str]) -> dict[str, Endpoint]:
    return {endpoint.provider_id: endpoint for endpoint in server_endpoints(environ, configured)}


def test_nothing_set_is_the_local_engine_alone() -> None:
    assert [endpoint.protocol for endpoint in server_endpoints({})] == [WireProtocol.LOCAL]


def test_a_key_makes_a_provider() -> None:
    openai = found({"OPENAI_API_KEY": "sk-x"})["openai"]
    assert openai == Endpoint(
        "openai", "OpenAI", WireProtocol.OPENAI, "https://api.openai.com/v1", Secret("sk-x"), trusted=True
    )


@pytest.mark.parametrize(
    ("variable", "provider_id"),
    [
        ("ANTHROPIC_API_KEY", "anthropic"),
        ("GEMINI_API_KEY", "google"),
        ("GOOGLE_API_KEY", "google"),
        ("OPENROUTER_API_KEY", "openrouter"),
        ("GROQ_API_KEY", "groq"),
        ("MISTRAL_API_KEY", "mistral"),
        ("DEEPSEEK_API_KEY", "deepseek"),
        ("XAI_API_KEY", "xai"),
        ("TOGETHER_API_KEY", "together"),
    ],
)
def test_the_usual_variables(variable: str, provider_id: str) -> None:
    assert set(found({variable: "key"})) == {"local", provider_id}
    assert set(found({variable: "  "})) == {"local"}


def test_an_address_of_ones_own_needs_no_key() -> None:
    providers = found({"OPENAI_BASE_URL": "http://gpu:8000/v1/", "VLLM_BASE_URL": "http://10.0.0.5:8000/v1"})
    assert (providers["openai"].base_url, providers["openai"].api_key) == ("http://gpu:8000/v1", None)
    assert providers["vllm"].base_url == "http://10.0.0.5:8000/v1"
    assert "vllm" not in found({"VLLM_API_KEY": "key"})


def test_settings_win_over_the_environment_and_name_new_ones() -> None:
    providers = found(
        {"OPENAI_API_KEY": "sk-x"},
        {"id": "openai", "base_url": "https://proxy.example/v1", "api_key": "other"},
        {"id": "lab", "kind": "vllm", "base_url": "http://lab:8000/v1", "name": "The lab"},
        {"id": "claude", "kind": "anthropic", "api_key": "k"},
    )
    assert providers["openai"].base_url == "https://proxy.example/v1"
    assert providers["openai"].api_key == Secret("other")
    assert (providers["lab"].name, providers["lab"].protocol) == ("The lab", WireProtocol.OPENAI)
    assert providers["claude"].base_url == "https://api.anthropic.com"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"id": "x", "kind": "telepathy", "base_url": "http://x/"}, "kinds are openai"),
        ({"id": "x", "kind": "openai-compatible", "base_url": "http://x/"}, "'x' has the kind"),
        ({"id": "lab", "kind": "vllm"}, "needs a base_url"),
        ({"base_url": "http://x/"}, "needs an id"),
        ({"id": "local", "kind": "openai"}, "needs an id"),
        ({"id": "x", "kind": "openai", "base_url": "ftp://x/"}, "'x' cannot be used"),
    ],
)
def test_settings_that_cannot_be_are_explained(entry: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        server_endpoints({}, [entry])


def test_a_wrong_address_in_the_environment_is_explained() -> None:
    with pytest.raises(ValueError, match="'openai'"):
        server_endpoints({"OPENAI_BASE_URL": "localhost:8000"})


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        (":8080", "http://127.0.0.1:8080"),
        ("box", "http://box:11434"),
        ("box:1", "http://box:1"),
        ("http://box", "http://box:80"),
        ("https://box/ollama", "https://box:443/ollama"),
        ("[::]:8080", "http://127.0.0.1:8080"),
        ("[::1]", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
    ],
)
def test_ollama_host_is_written_in_many_ways(value: str, url: str) -> None:
    assert ollama_host_url(value) == url


def test_what_is_looked_for() -> None:
    usual = {"ollama_url": "http://127.0.0.1:11434", "lmstudio_url": "http://127.0.0.1:1234"}
    ollama, lmstudio = discoverable_endpoints({}, **usual)
    assert (ollama.protocol, ollama.base_url) == (WireProtocol.OLLAMA, "http://127.0.0.1:11434")
    assert (lmstudio.protocol, lmstudio.base_url) == (WireProtocol.OPENAI, "http://127.0.0.1:1234/v1")
    (moved,) = discoverable_endpoints({"OLLAMA_HOST": "box"}, ollama_url="", lmstudio_url="")
    assert moved.base_url == "http://box:11434"
    assert discoverable_endpoints({}, ollama_url="", lmstudio_url="") == []
