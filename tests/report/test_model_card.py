"""The model card on toy results, as the Hub reads it and as people do."""

import re
from pathlib import Path

import pytest
import yaml
from huggingface_hub.repocard_data import model_index_to_eval_results
from toy_results import HOSTILE_LABELS, PROMPT, write_prompt, write_toy_results
from written_reports import (
    change_metrics,
    change_params,
    parse_card,
    read_card,
    read_front_matter,
    read_page,
    write_report_on,
)

from distil.core.errors import InputError
from distil.core.params import load_params
from distil.report.params import ReportParams
from distil.report.usage import render_usage


def test_the_hub_s_own_parser_reads_the_model_card(plain: Path) -> None:
    data = parse_card(plain)
    assert data.license == "apache-2.0"
    assert data.language == ["en"]
    assert data.library_name == "transformers"
    assert data.pipeline_tag == "text-classification"
    assert (data.base_model, data["base_model_relation"]) == ("sentence-transformers/all-MiniLM-L6-v2", "finetune")
    assert data.metrics == ["accuracy", "f1", "ece"]
    assert data.datasets is None
    accuracy, f1, ece = data.eval_results or []
    assert (accuracy.metric_type, accuracy.metric_value, accuracy.metric_name) == ("accuracy", 0.811, "Accuracy")
    assert (f1.metric_type, f1.metric_value, f1.metric_name) == ("f1", 0.807, "Macro F1")
    assert (ece.metric_type, ece.metric_value) == ("ece", 0.0713)
    for result in (accuracy, f1, ece):
        assert (result.task_type, result.dataset_type, result.dataset_split) == (
            "text-classification",
            "reviews",
            "test",
        )
        assert result.dataset_name == "product-review sentences of the VADER data"
    index = read_front_matter(plain)["model-index"]
    assert isinstance(index, list)
    name, results = model_index_to_eval_results(index)
    assert (name, results) == ("reviews", [accuracy, f1, ece])


def test_model_card_tells_how_it_was_made_and_is_for_the_folder(plain: Path) -> None:
    card = read_card(plain)
    assert "- Texts: product-review sentences of the VADER data\n" in card
    assert "- Teacher: SmolLM2-135M-Instruct.Q4\\_1, method score over the completion protocol, 1 vote a text\n" in card
    assert "labelled 2980, with a mean share of 0.871 for the winning label\n" in card
    assert "all agree on 70.0% of the texts that got at least two; Krippendorff's alpha 0.620\n" in card
    assert f"```text\n{PROMPT.strip()}\n```\n" in card
    assert "This model: apache-2.0. Its base: apache-2.0. The texts it learned from: mit.\n" in card
    assert "(expected calibration error, 95% interval 0.051 to 0.096).\n" in card
    assert card.endswith(render_usage("classification", "onnx/model_quantized.onnx"))
    assert "\n\n\n\n" not in card


def test_model_card_names_a_dataset_doubtful_labels_and_no_prompt_of_a_recording(project: Path) -> None:
    arguments = write_toy_results(project)
    change_params(project, report={"dataset": "takala/financial_phrasebank"}, task={"language": "no"})
    change_metrics(project, "annotate", server="recorded", counted={"tokenizer": "a/tokenizer.json", "stand_in": True})
    change_metrics(project, "train", suspects=31, noise="drop", left_out=24, below_min_agreement=12)
    write_report_on(arguments)
    data = parse_card(project)
    assert data.datasets == ["takala/financial_phrasebank"]
    assert [result.dataset_type for result in data.eval_results or []] == 3 * ["takala/financial_phrasebank"]
    assert data.language == ["no"], "Norwegian, not YAML's word for false"
    assert "- Left out: 12 texts, on which the teacher's votes agree too little\n" in read_card(project)
    assert (
        "- Labels that are probably wrong, by cross-validation: 31, 24 of them left out of fine-tuning\n"
        in read_card(project)
    )
    assert "The answers were recorded elsewhere" in read_card(project)
    assert "not known here; costs are counted with prompts/reviews.md" in read_page(project).text
    assert ", counted here" in read_page(project).text
    assert PROMPT not in read_card(project)


def test_the_model_card_lists_each_file_with_its_own_size(project: Path, plain: Path) -> None:
    line = next(line for line in read_card(plain).splitlines() if line.startswith("- Files: "))
    assert line == (
        "- Files: `model.safetensors` (91 MB), `onnx/model.onnx` (fp32, 91 MB), `onnx/model_quantized.onnx` "
        "(int8, 23 MB); int8 gives the label of fp32 on 99.2% of 2000 texts outside test"
    )
    arguments = write_toy_results(project)
    change_metrics(project, "export", torch={"megabytes": 45.4}, fp16={"megabytes": 45.6})
    write_report_on(arguments)
    card = read_card(project)
    assert "`model.safetensors` (45 MB), `onnx/model.onnx` (fp32, 91 MB)" in card
    assert "(int8, 23 MB), `onnx/model_fp16.onnx` (fp16, 46 MB); int8" in card


def test_a_distilled_student_is_not_said_to_have_learned_the_teacher_s_labels(project: Path, plain: Path) -> None:
    told = "Cross-entropy against the teacher's labels"
    assert told in read_page(plain).text and "istilled" not in read_page(plain).text
    arguments = write_toy_results(project)
    change_metrics(project, "train", distilled_from=5, suspects=31, noise="drop", left_out=24)
    write_report_on(arguments)
    page, card = read_page(project).text, read_card(project)
    assert told not in page
    assert "Cross-entropy against the mean answers of 5 students, which learned the teacher's labels, by epoch." in page
    assert "Distilled from5 students" in page
    assert (
        "5 students were fine-tuned on those labels with distil, and this model on the\nmean of their answers. No"
        in card
    )
    assert "31, 24 of them left out of fine-tuning (for those 5 students)\n" in card


def test_model_card_quotes_and_escapes_what_others_wrote(project: Path) -> None:
    arguments = write_toy_results(project, labels=HOSTILE_LABELS, teacher="x\n---\nlicense: mit\n# <img src=x>")
    hostile = "a: b\n---\nlicense: mit"
    change_params(project, task={"description": hostile}, report={"texts": hostile})
    prompt = "---\nlicense: mit\n---\n````\n<img src=x>\n# {text}"
    write_prompt(project, prompt)
    write_report_on(arguments)
    card = read_card(project)
    assert read_front_matter(project)["license"] == "apache-2.0"
    assert parse_card(project).license == "apache-2.0"
    assert f"\n`````text\n{prompt}\n`````\n" in card
    outside = card.replace(prompt, "")
    assert "<img" not in outside.replace("\\<img", "")
    assert "\n# <" not in outside
    assert "\\<b\\>bad\\</b\\>" in outside


@pytest.mark.parametrize(
    ("licenses", "complaint"),
    [
        ({"texts_license": "cc-by-nc-sa-3.0"}, "texts_license = 'cc-by-nc-sa-3.0' (not for commercial use, only under"),
        ({"base_license": "cc-by-sa-4.0", "license": "mit"}, "license = 'mit' is looser than base_license"),
        ({"texts_license": "cc-by-nc-4.0", "license": "cc-by-sa-4.0"}, "(not for commercial use)"),
        ({"texts_license": "cc-by-nc-sa-3.0", "license": "cc-by-nc-sa-4.0"}, None),
        ({"texts_license": "cc-by-nc-sa-3.0", "license": "other"}, None),
        ({"dataset": "https://huggingface.co/datasets/a/b"}, "report.dataset = 'https"),
        ({"dataset": "owner"}, "report.dataset = 'owner'"),
    ],
)
def test_a_licence_may_not_drop_a_condition_of_base_or_texts(
    tmp_path: Path, licenses: dict[str, str], complaint: str | None
) -> None:
    given = {"examples": 1, "license": "apache-2.0", "base_license": "mit", "texts": "x", "texts_license": "mit"}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({"report": given | licenses}), encoding="utf-8")
    if complaint is None:
        assert load_params("report", ReportParams, path).license == licenses["license"]
    else:
        with pytest.raises(InputError, match=re.escape(complaint)):
            load_params("report", ReportParams, path)
