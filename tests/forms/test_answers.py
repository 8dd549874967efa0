import json

import pytest

from distil.forms.answers import Answer


@pytest.mark.parametrize(
    ("answer", "fields"),
    [
        (Answer("good"), {"reply": "good"}),
        (Answer(None, refused=True), {"refused": True}),
        (Answer("", "stop", input_tokens=0, output_tokens=1), {"reply": "", "finish_reason": "stop"}),
        (Answer(None, top_logprobs=((" a", -0.5), (" b", -1.0))), {"top_logprobs": [[" a", -0.5], [" b", -1.0]]}),
    ],
)
def test_an_answer_is_one_line_without_what_it_does_not_tell_and_comes_back(answer: Answer, fields: object) -> None:
    line = answer.to_json()
    written = json.loads(line)
    assert {name: value for name, value in written.items() if "tokens" not in name} == fields
    assert ("input_tokens" in written) == (answer.input_tokens is not None), "none told is not zero"
    assert Answer.from_json(line) == answer
