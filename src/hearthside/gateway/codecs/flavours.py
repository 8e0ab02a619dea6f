"""How servers that speak OpenAI's protocol differ from it, as data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hearthside.kit.addresses import Target


@dataclass(frozen=True, slots=True)
class Flavour:
    """The defaults are what nearly every compatible server takes.

    `include_usage`: asks for usage in the stream. `sampling`: temperature and its kin are taken at all.
    `prefill_message` is added to a trailing assistant message, `prefill_body` to the body with one.
    """

    include_usage: bool = True
    max_completion_tokens: bool = False
    sampling: bool = True
    random_seed: bool = False
    json_schema: bool = True
    prefill_message: Mapping[str, Any] = field(default_factory=dict[str, Any])
    prefill_body: Mapping[str, Any] = field(default_factory=dict[str, Any])


PLAIN = Flavour()
_MISTRAL = Flavour(include_usage=False, random_seed=True, prefill_message={"prefix": True})
_VLLM = Flavour(prefill_body={"continue_final_message": True, "add_generation_prompt": False})
_DEEPSEEK = Flavour(json_schema=False)

# o1, o3-mini, gpt-5, gpt-5.1-codex, …: they take max_completion_tokens and no sampling; gpt-5-chat-latest takes both.
_REASONING_MODEL = re.compile(r"(o\d|gpt-[5-9])(?!.*-chat)")

_NOT_TAKEN = re.compile(
    r"unsupported|not support|does not|not permitted|not allowed|extra|unknown|unrecognized|deprecated|invalid param"
    r"|incompatible|only the default",
    re.IGNORECASE,
)
_SAMPLING = re.compile(r"temperature|top_p|_penalty|\bstop\b", re.IGNORECASE)


def flavour_of(target: Target, provider_id: str, model: str) -> Flavour:
    """By the host where it is a known one, by the provider's id where the server may run anywhere."""
    match target.host:
        case "api.openai.com" if _REASONING_MODEL.match(model):
            return replace(PLAIN, max_completion_tokens=True, sampling=False)
        case "api.mistral.ai":
            return _MISTRAL
        case "api.deepseek.com":
            return _DEEPSEEK
        case _:
            return _VLLM if provider_id == "vllm" else PLAIN


def adapted(flavour: Flavour, refusal: str) -> Flavour | None:
    """The flavour that a server's refusal of a field asks for; None where it asks for nothing that can be changed.

    Models come out faster than tables are kept: what this one has wrong is learnt from the first answer.
    """
    if flavour.include_usage and ("stream_options" in refusal or "include_usage" in refusal):
        return replace(flavour, include_usage=False)
    if not flavour.max_completion_tokens and "max_completion_tokens" in refusal:
        return replace(flavour, max_completion_tokens=True)
    if flavour.sampling and refuses_sampling(refusal):
        return replace(flavour, sampling=False)
    return None


def refuses_sampling(refusal: str) -> bool:
    """Whether the model takes no temperature or the like at all, as reasoning models do. (A wrong value is else.)"""
    return bool(_SAMPLING.search(refusal) and _NOT_TAKEN.search(refusal))
