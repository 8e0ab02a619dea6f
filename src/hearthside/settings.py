"""Every setting, read once from the environment and from hearthside.toml, then frozen.

The environment wins over the file. All names carry the prefix HEARTHSIDE_ there (none in the file), but for the few
that the ecosystem already has a name for: DATABASE_URL, REDIS_URL, ASSETS_URL, SUPABASE_… and the providers' own
(OPENAI_API_KEY, …; see providers/environment.py). docs/settings.md lists them all; a test compares the two.
"""

import ipaddress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class PocketLLMDialect(StrEnum):
    """The two generations of one published interface."""

    FLAT = "flat"
    ENVELOPE = "envelope"


class SignUp(StrEnum):
    OPEN = "open"
    INVITE = "invite"
    CLOSED = "closed"


def _shared(name: str) -> Any:
    """A setting that the ecosystem has its own name for, beside ours."""
    return Field(default=None, validation_alias=AliasChoices(name.upper(), f"HEARTHSIDE_{name.upper()}", name))


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="HEARTHSIDE_", toml_file="hearthside.toml", frozen=True, extra="ignore", env_ignore_empty=True
    )

    # Where it listens
    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 for every network.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Host names that requests may name, comma-separated; empty: localhost and where it listens.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Proxies (addresses or networks, comma-separated) whose X-Forwarded-* is believed."
    )
    https: bool = Field(
        default=False, description="Served over HTTPS (behind a proxy): Secure __Host- cookies and HSTS."
    )

    pocketllm_dialect: PocketLLMDialect = Field(
        default=PocketLLMDialect.FLAT,
        description="Which of the PocketLLM dialects answers at /v1: flat or envelope. Each keeps its own prefix too.",
    )

    # Where it keeps things
    data_dir: Path = Field(default=Path("data"), description="Folder of the database, the keys and the models.")
    database_url: str | None = _shared("database_url")
    redis_url: str | None = _shared("redis_url")
    assets_url: str | None = _shared("assets_url")
    master_key: SecretStr | None = Field(
        default=None, description="32 bytes, base64; encrypts provider keys. Default: a file in the data folder."
    )
    previous_master_key: SecretStr | None = Field(
        default=None, description="The master key before this one, while `hearthside admin rotate-keys` is to be run."
    )

    # Accounts
    sign_up: SignUp | None = Field(
        default=None, description="open, invite or closed; default: open on loopback, else invite."
    )
    bootstrap_token: SecretStr | None = Field(
        default=None, description="Token that makes the first admin; default: random, printed once at first start."
    )
    session_days: int = Field(default=7, ge=1, le=365, description="A browser session ends after so many days.")
    session_idle_hours: int = Field(default=72, ge=1, description="… or after so many hours without a request.")
    deletion_grace_days: int = Field(
        default=30, ge=1, le=3650, description="A deleted account can be brought back for so many days."
    )
    supabase_url: str | None = _shared("supabase_url")
    supabase_anon_key: SecretStr | None = _shared("supabase_anon_key")
    supabase_service_role_key: SecretStr | None = _shared("supabase_service_role_key")
    supabase_jwt_secret: SecretStr | None = _shared("supabase_jwt_secret")

    # Limits
    requests_per_minute_per_address: int = Field(
        default=60, ge=1, description="Messages, streams, retries: by address."
    )
    requests_per_minute_per_user: int = Field(default=120, ge=1, description="Messages, streams, retries: by user.")
    sign_in_attempts_per_minute: int = Field(
        default=10, ge=1, description="Sign-in attempts by address and by account."
    )
    daily_messages_per_user: int = Field(default=5000, ge=0, description="Messages a user may send a day; 0: no limit.")
    daily_tokens_per_user: int = Field(default=0, ge=0, description="Tokens a user may spend a day; 0: no limit.")
    max_body_bytes: int = Field(default=1_048_576, ge=1024, description="The largest JSON body taken.")
    max_upload_bytes: int = Field(default=26_214_400, ge=1024, description="The largest file taken.")
    max_streams_per_user: int = Field(default=50, ge=1, description="Streams that a user may have open at once.")

    # Models
    models_dir: Path | None = Field(
        default=None, description="Folder of GGUF files; default: models in the data folder."
    )
    model_memory_bytes: int = Field(default=0, ge=0, description="Memory for local models; 0: half of the machine's.")
    model_idle_seconds: int = Field(
        default=300, ge=-1, description="A local model unloads after so long unused; -1: never."
    )
    model_threads: int = Field(default=0, ge=0, description="Threads of a local model; 0: the machine's cores.")
    ollama_url: str = Field(
        default="http://127.0.0.1:11434", description="Ollama, found by itself when it runs; empty: off."
    )
    lmstudio_url: str = Field(default="http://127.0.0.1:1234", description="LM Studio, likewise.")
    default_model: str | None = Field(default=None, description="provider/model that is used where nothing is chosen.")

    # Providers, beside the usual environment variables
    providers: tuple[dict[str, Any], ...] = Field(
        default=(), description="Server-wide providers: [{id, kind, base_url, api_key, name}], in the file or as JSON."
    )

    # Reliability
    drain_seconds: float = Field(
        default=20, ge=0, description="How long running replies may finish when the server stops."
    )
    log_format: str = Field(default="text", pattern="^(text|json)$", description="text or json.")
    log_level: str = Field(
        default="info", pattern="^(debug|info|warning|error)$", description="debug, info, warning, error."
    )

    @field_validator("allowed_hosts", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings' signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings' signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def listens_on_loopback_only(self) -> bool:
        """True where nobody on another machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def effective_sign_up(self) -> SignUp:
        """What sign-up is where the setting says nothing: open on loopback, by invite elsewhere.

        Where Supabase keeps the accounts it decides; there are no invites.
        """
        is_open = self.listens_on_loopback_only or self.supabase_url is not None
        return self.sign_up or (SignUp.OPEN if is_open else SignUp.INVITE)

    @property
    def models_folder(self) -> Path:
        return self.models_dir or self.data_dir / "models"
