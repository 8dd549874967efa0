"""All kinds have the same modules, with the functions that the protocols name; mypy compares the signatures."""

from typing import get_args

import pytest

from distil.core.params import Kind
from distil.forms.gold import GoldForm
from distil.forms.labels import LabelForm, VoteForm
from distil.forms.reading import AnswerForm
from distil.forms.scores import ScoreForm
from distil.kinds.classification.labelling import answers, form, gold, votes
from distil.kinds.classification.learning import teaching
from distil.kinds.classification.scoring import scores
from distil.kinds.labelling import load_labelling
from distil.kinds.learning import Teaching, load_teaching
from distil.kinds.multi_label.labelling import answers as many_answers
from distil.kinds.multi_label.labelling import form as many_form
from distil.kinds.multi_label.labelling import gold as many_gold
from distil.kinds.multi_label.labelling import votes as many_votes
from distil.kinds.multi_label.scoring import scores as many_scores
from distil.kinds.scoring import load_scores
from distil.kinds.token_classification.labelling import answers as span_answers
from distil.kinds.token_classification.labelling import form as span_form
from distil.kinds.token_classification.labelling import gold as span_gold
from distil.kinds.token_classification.labelling import votes as span_votes
from distil.kinds.token_classification.learning import teaching as span_teaching
from distil.kinds.token_classification.scoring import scores as span_scores

KINDS: tuple[Kind, ...] = get_args(Kind)
Forms = tuple[LabelForm, GoldForm, AnswerForm, VoteForm, ScoreForm]

FORMS: dict[Kind, Forms] = {
    "classification": (form, gold, answers, votes, scores),
    "multi_label": (many_form, many_gold, many_answers, many_votes, many_scores),
    "token_classification": (span_form, span_gold, span_answers, span_votes, span_scores),
}

TEACHING: dict[Kind, Teaching] = {"classification": teaching, "token_classification": span_teaching}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_loaded_is_the_kinds_own(kind: Kind) -> None:
    found = load_labelling(kind)
    assert (found.form, found.gold, found.answers, found.votes, load_scores(kind)) == FORMS[kind]


@pytest.mark.parametrize("kind", TEACHING)
def test_what_teaches_is_the_kinds_own(kind: Kind) -> None:
    assert load_teaching(kind) is TEACHING[kind]
