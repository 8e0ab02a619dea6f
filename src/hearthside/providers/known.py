"""The providers that are known by name, as a table."""

from collections.abc import Mapping
from dataclasses import dataclass

from hearthside.providers.model import WireProtocol

LOCAL_ID = "local"


@dataclass(frozen=True, slots=True)
class KnownProvider:
    """`base_url` "" where there is no usual one. `key_variables` and `url_variables` are the environment variables that
    the ecosystem uses, the first that is set wins."""

    id: str
    name: str
    protocol: WireProtocol
    base_url: str
    needs_key: bool
    key_variables: tuple[str, ...] = ()
    url_variables: tuple[str, ...] = ()


_OPENAI = WireProtocol.OPENAI

_TABLE = (
    KnownProvider(
        *("openai", "OpenAI", _OPENAI, "https://api.openai.com/v1", True),
        key_variables=("OPENAI_API_KEY",),
        url_variables=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    ),
    KnownProvider(
        *("anthropic", "Anthropic", WireProtocol.ANTHROPIC, "https://api.anthropic.com", True),
        key_variables=("ANTHROPIC_API_KEY",),
        url_variables=("ANTHROPIC_BASE_URL",),
    ),
    KnownProvider(
        *("google", "Google Gemini", WireProtocol.GEMINI, "https://generativelanguage.googleapis.com/v1beta", True),
        key_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        url_variables=("GOOGLE_GEMINI_BASE_URL",),
    ),
    KnownProvider(
        *("openrouter", "OpenRouter", _OPENAI, "https://openrouter.ai/api/v1", True),
        key_variables=("OPENROUTER_API_KEY",),
        url_variables=("OPENROUTER_BASE_URL",),
    ),
    KnownProvider(*("groq", "Groq", _OPENAI, "https://api.groq.com/openai/v1", True), key_variables=("GROQ_API_KEY",)),
    KnownProvider(
        *("mistral", "Mistral", _OPENAI, "https://api.mistral.ai/v1", True), key_variables=("MISTRAL_API_KEY",)
    ),
    KnownProvider(
        *("deepseek", "DeepSeek", _OPENAI, "https://api.deepseek.com/v1", True), key_variables=("DEEPSEEK_API_KEY",)
    ),
    KnownProvider(*("xai", "xAI", _OPENAI, "https://api.x.ai/v1", True), key_variables=("XAI_API_KEY",)),
    KnownProvider(
        *("together", "Together", _OPENAI, "https://api.together.xyz/v1", True), key_variables=("TOGETHER_API_KEY",)
    ),
    KnownProvider(
        *("ollama", "Ollama", WireProtocol.OLLAMA, "", False),
        key_variables=("OLLAMA_API_KEY",),
        url_variables=("OLLAMA_HOST",),
    ),
    KnownProvider(
        *("lmstudio", "LM Studio", _OPENAI, "", False), url_variables=("LMSTUDIO_BASE_URL", "LM_STUDIO_BASE_URL")
    ),
    KnownProvider(
        *("vllm", "vLLM", _OPENAI, "", False), key_variables=("VLLM_API_KEY",), url_variables=("VLLM_BASE_URL",)
    ),
    KnownProvider(
        *("llama_server", "llama.cpp", _OPENAI, "", False),
        key_variables=("LLAMA_API_KEY",),
        url_variables=("LLAMA_SERVER_URL",),
    ),
)

KNOWN: Mapping[str, KnownProvider] = {provider.id: provider for provider in _TABLE}
"""By id, in the order in which they are listed."""
