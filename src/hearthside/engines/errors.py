"""How the local engine says no: one function for each thing that goes wrong, so that words and codes stand together."""

from hearthside.kit.errors import Conflict, Invalid, Unavailable, UpstreamFailed


def broken(reason: str, *, retry_after_seconds: float | None = None) -> Invalid:
    """The file is no model that can be run. Invalid, not Unavailable: asking again does not mend a file."""
    message = f"This model cannot be used: {reason}."
    return Invalid(message, code="model_broken", retry_after_seconds=retry_after_seconds)


def unknown(model_id: str) -> Invalid:
    return Invalid(f"There is no local model {model_id!r}. Look at the list of models.", code="model_not_found")


def too_large(need_bytes: int, budget_bytes: int) -> Invalid:
    return Invalid(
        f"This model needs about {size(need_bytes)} of memory, and local models may use {size(budget_bytes)} together. "
        "Choose a smaller one, or raise model_memory_bytes in the settings.",
        code="model_too_large",
    )


def busy(retry_after_seconds: float) -> Unavailable:
    message = "The local models are busy. Try again in a moment."
    return Unavailable(message, code="engine_busy", retry_after_seconds=retry_after_seconds)


def not_started(reason: str, retry_after_seconds: float) -> Unavailable:
    """The file may be well: the machine, not the model, failed to bring it up."""
    message = f"The local model could not be started: {reason}."
    return Unavailable(message, code="engine_failed", retry_after_seconds=retry_after_seconds)


def crashed(reason: str) -> UpstreamFailed:
    return UpstreamFailed(f"The local model stopped in the middle of its answer: {reason}.", code="engine_crashed")


def stopped() -> Unavailable:
    """It was unloaded by force, or the server is on its way down."""
    return Unavailable("The local model was unloaded.", code="engine_stopped", retry_after_seconds=1)


def in_use() -> Conflict:
    message = "The model is answering somebody or pinned. Unload it by force to end that."
    return Conflict(message, code="model_in_use")


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
