"""Teachers on loopback that are as strict as those for which presets/teachers has a file.

Each speaks OpenAI's protocol in its own way, as its documentation and reports of its users have it: which fields it
refuses, whether it wants a key, how it words an error, and what else its answers hold. Where it passes over what it
does not know, so does this one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from loopback_teacher import Body, LoopbackTeacher, serve_teacher

KEY = "sk-of-the-test"
USAGE = {"prompt_tokens": 21, "completion_tokens": 3, "total_tokens": 24}
PATH = "/v1/chat/completions"


@dataclass(frozen=True)
class Dialect:
    """A way to speak; errors are a status and a body."""

    base_url: str
    variable: str | None  # that holds the key; None: no key is wanted
    no_model: tuple[int, Body]
    no_key: tuple[int, Body] | None = None
    refused: dict[str, Body] = field(default_factory=dict)  # field -> body of the 400 that it gets
    strict: bool = False  # whether a field that OpenAI does not document is refused
    adds: Body = field(default_factory=dict)  # to the answer
    usage: Body = field(default_factory=lambda: USAGE)


def say(message: str, kind: str = "invalid_request_error", code: Any = None, param: str | None = None) -> Body:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


OPENAI_FIELDS = {
    *("model", "messages", "max_completion_tokens", "max_tokens", "temperature", "top_p", "seed", "response_format"),
    *("logprobs", "top_logprobs", "stop", "n", "user", "reasoning_effort"),
}
DETAILS = {"prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0}}

DIALECTS = {
    "openai": Dialect(
        "https://api.openai.com/v1",
        "OPENAI_API_KEY",
        (404, say("The model `x` does not exist or you do not have access to it.", code="model_not_found")),
        (401, say("Incorrect API key provided.", code="invalid_api_key")),
        {
            "max_tokens": say(
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
                "instead.",
                code="unsupported_parameter",
                param="max_tokens",
            )
        },
        strict=True,
        adds={"service_tier": "default", "system_fingerprint": "fp_1"},
        usage=USAGE | DETAILS,
    ),
    "anthropic": Dialect(
        "https://api.anthropic.com/v1",
        "ANTHROPIC_API_KEY",
        (404, say("model: x", "not_found_error", "not_found_error")),
        (401, say("Invalid Anthropic API Key", "authentication_error", "authentication_error")),
        {"temperature": say("`temperature` is deprecated for this model.", code="invalid_request_error")},
    ),
    "huggingface-router": Dialect(
        "https://router.huggingface.co/v1",
        "HF_TOKEN",
        (
            400,
            say(
                "The requested model 'x' is not supported by any provider you have enabled.", code="model_not_supported"
            ),
        ),
        (401, {"error": "Invalid username or password."}),
    ),
    "hf-endpoint": Dialect(
        "",  # asked of the Hub's API
        "HF_TOKEN",
        (404, {"error": "Not Found"}),
        (401, {"error": "Invalid credentials in Authorization header"}),
        adds={"system_fingerprint": "3.3.4-sha-1"},
    ),
    "together": Dialect(
        "https://api.together.xyz/v1",
        "TOGETHER_API_KEY",
        (404, say("Unable to access model x.", code="model_not_available")),
        (401, say("Invalid API key provided.", code="invalid_api_key")),
        adds={"prompt": []},
    ),
    "vllm": Dialect(
        "http://localhost:8000/v1",
        None,
        (404, say("The model `x` does not exist.", "NotFoundError", 404, "model")),
        adds={"prompt_logprobs": None, "kv_transfer_params": None},
        usage=USAGE | {"prompt_tokens_details": None},
    ),
    "ollama": Dialect(
        "http://localhost:11434/v1",
        None,
        (404, say('model "x" not found, try pulling it first', "api_error")),
        adds={"system_fingerprint": "fp_ollama"},
    ),
    "llama-cpp": Dialect(
        "http://localhost:8080/v1",
        None,
        (400, say("model not found", code="model_not_found")),  # of one that serves several
        adds={"timings": {"prompt_n": 21}, "system_fingerprint": "b1"},
    ),
}


@contextmanager
def serve_dialect(dialect: Dialect, model: str) -> Iterator[LoopbackTeacher]:
    """Serve a model in a dialect; the answer to each text is `yes`."""
    server: LoopbackTeacher

    def behave(body: Body, number: int) -> web.Response:
        refusal = _refuse(dialect, model, body, server.paths[number], server.headers[number])
        return refusal or web.json_response(_answer(dialect, body))

    with serve_teacher(behave) as server:
        yield server


def _refuse(dialect: Dialect, model: str, body: Body, path: str, headers: dict[str, str]) -> web.Response | None:
    if path != PATH:
        return web.json_response({"detail": "Not Found"}, status=404)
    if dialect.no_key and headers.get("Authorization") != f"Bearer {KEY}":
        return web.json_response(dialect.no_key[1], status=dialect.no_key[0])
    if body["model"] != model:
        return web.json_response(dialect.no_model[1], status=dialect.no_model[0])
    for name in body:
        if name in dialect.refused:
            return web.json_response(dialect.refused[name], status=400)
        if dialect.strict and name not in OPENAI_FIELDS:
            return web.json_response(say(f"Unrecognized request argument supplied: {name}"), status=400)
    return None


def _answer(dialect: Dialect, body: Body) -> Body:
    message = {"role": "assistant", "content": "yes", "refusal": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": dialect.usage,
        **dialect.adds,
    }
