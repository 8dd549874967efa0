"""To whom keys go: the Hugging Face token unasked only to the Hub, its router, and an endpoint of the user's own."""

import asyncio
from pathlib import Path

import pytest
from loopback_teacher import error, serve_teacher

from distil.core.errors import EndpointError, InputError
from distil.core.params import load_params
from distil.core.runtime import HfEndpointParams, RuntimeParams
from distil.prompting.params import AnnotateParams
from distil.prompting.requests import Request
from distil.teacher.client import Teacher
from distil.teacher.endpoint import Endpoint, advise_on_key, find_endpoint
from distil.teacher.protocols import Chat
from distil.teacher.tokens import TokenEstimate

STRANGERS = [
    "someone-space.hf.space",
    "abc.us-east-1.aws.endpoints.huggingface.cloud",
    "api-inference.huggingface.co",
    "hf.co",
    "api.openai.com",
    "nothuggingface.co",
    "huggingface.co.evil.example",
]


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")


@pytest.mark.parametrize("host", STRANGERS)
def test_the_token_goes_to_a_stranger_only_if_it_is_named(host: str) -> None:
    address = f"https://{host}/v1"
    assert find_endpoint(RuntimeParams(base_url=address), "m").key is None
    assert find_endpoint(RuntimeParams(base_url=address, api_key_env="HF_TOKEN"), "m").key == "hf_secret"


@pytest.mark.parametrize("host", ["router.huggingface.co", "huggingface.co", "ROUTER.huggingface.co:443"])
def test_the_token_goes_to_the_hub_and_its_router(host: str) -> None:
    assert find_endpoint(RuntimeParams(base_url=f"https://{host}/v1"), "m").key == "hf_secret"


def test_the_token_goes_to_an_endpoint_of_ones_own_and_nobody_can_write_that_it_is() -> None:
    asleep = RuntimeParams(hf_endpoint=HfEndpointParams(name="mine"))
    address = f"https://{STRANGERS[1]}"
    assert find_endpoint(asleep.at(address), "m").key == "hf_secret"
    with pytest.raises(ValueError, match="exclude each other"):
        RuntimeParams(base_url=address, hf_endpoint=HfEndpointParams(name="mine"))
    with pytest.raises(InputError, match="plain http"):
        find_endpoint(asleep.at("http://evil.example"), "m")


@pytest.mark.parametrize("host", STRANGERS[:2])
def test_a_space_that_wants_a_key_is_told_how_to_get_it(host: str) -> None:
    assert "write api_key_env: HF_TOKEN beside its base_url" in advise_on_key(Endpoint(f"https://{host}/v1"))


def test_a_401_without_a_key_says_where_to_name_one() -> None:
    params = AnnotateParams(prompt="p", method="generate", protocol="chat", model="m", max_tokens=9)

    async def ask(url: str) -> None:
        protocol, runtime = Chat(params, "m"), RuntimeParams(max_retries=0)
        async with Teacher(Endpoint(url), protocol, runtime, TokenEstimate(9)) as teacher:
            await teacher.ask(Request(key="k", text="t", messages=(("user", "q"),), vote=1, seed=0))

    with (
        serve_teacher(lambda _body, _number: error(401, "who are you")) as server,
        pytest.raises(EndpointError, match=r"no key was sent: .* runtime\.api_key_env"),
    ):
        asyncio.run(ask(server.url))


KEYS = [
    "hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345",
    "gsk_AbCdEfGhIjKlMnOpQrStUvWxYz012345",
    "sk-proj-AbCdEfGhIjKlMnOpQrStUv012345",
    "AKIAIOSFODNN7EXAMPLE",
    "abcdefghijklmnopqrstuvwxyz",
    "0123456789abcdef0123456789abcdef",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("form", ["{}", "[{}]", "[{}, {}]", "{{key: {}}}"])
@pytest.mark.parametrize(
    "place", ["api_key_env: {}", "endpoints: {{m: {{base_url: 'https://h/v1', api_key_env: {}}}}}"]
)
def test_a_key_in_the_place_of_a_variables_name_is_in_no_message(
    key: str, form: str, place: str, tmp_path: Path
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(f"runtime: {{base_url: 'https://h/v1', {place.format(form.format(key, key))}}}\n")
    with pytest.raises(InputError) as caught:
        find_endpoint(load_params("runtime", RuntimeParams, path), "m")
    assert key not in str(caught.value)
    assert "api_key_env" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["OPENAI_API_KEY_X", "LLM_KEY_2", "MYKEY"])
def test_a_name_that_is_no_key_is_named(name: str) -> None:
    with pytest.raises(InputError, match=f"variable {name}, .* is empty"):
        find_endpoint(RuntimeParams(base_url="https://h/v1", api_key_env=name), "m")
