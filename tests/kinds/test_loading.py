"""All kinds have the same modules, with the functions that the protocols name; mypy compares the signatures."""

from typing import get_args

import pytest

from distil.core.params import Kind
from distil.forms.answering import AskForm, load_asking
from distil.forms.gold import GoldForm
from distil.forms.labelling import load_labelling
from distil.forms.labels import LabelForm, VoteForm
from distil.forms.reading import AnswerForm
from distil.forms.scores import ScoreForm, load_scores
from distil.forms.telling import ExampleForm, load_telling
from distil.kinds.classification.labelling import answers, form, gold, votes
from distil.kinds.classification.learning import baselines, teaching
from distil.kinds.classification.scoring import asking, judging, scores
from distil.kinds.classification.telling import examples
from distil.kinds.multi_label.labelling import answers as many_answers
from distil.kinds.multi_label.labelling import form as many_form
from distil.kinds.multi_label.labelling import gold as many_gold
from distil.kinds.multi_label.labelling import votes as many_votes
from distil.kinds.multi_label.learning import baselines as many_baselines
from distil.kinds.multi_label.learning import teaching as many_teaching
from distil.kinds.multi_label.scoring import asking as many_asking
from distil.kinds.multi_label.scoring import judging as many_judging
from distil.kinds.multi_label.scoring import scores as many_scores
from distil.kinds.multi_label.telling import examples as many_examples
from distil.kinds.token_classification.labelling import answers as span_answers
from distil.kinds.token_classification.labelling import form as span_form
from distil.kinds.token_classification.labelling import gold as span_gold
from distil.kinds.token_classification.labelling import votes as span_votes
from distil.kinds.token_classification.learning import baselines as span_baselines
from distil.kinds.token_classification.learning import teaching as span_teaching
from distil.kinds.token_classification.scoring import asking as span_asking
from distil.kinds.token_classification.scoring import judging as span_judging
from distil.kinds.token_classification.scoring import scores as span_scores
from distil.kinds.token_classification.telling import examples as span_examples
from distil.linear.per_kind import Baselines, load_baselines_of
from distil.quality.comparison import AGAINST_TEACHER
from distil.quality.judging import JudgeForm, load_judging
from distil.student.teaching import Teaching, load_teaching

KINDS: tuple[Kind, ...] = get_args(Kind)
Forms = tuple[LabelForm, GoldForm, AnswerForm, VoteForm, ExampleForm]
Scores = tuple[ScoreForm, AskForm, JudgeForm]

FORMS: dict[Kind, Forms] = {
    "classification": (form, gold, answers, votes, examples),
    "multi_label": (many_form, many_gold, many_answers, many_votes, many_examples),
    "token_classification": (span_form, span_gold, span_answers, span_votes, span_examples),
}
SCORES: dict[Kind, Scores] = {
    "classification": (scores, asking, judging),
    "multi_label": (many_scores, many_asking, many_judging),
    "token_classification": (span_scores, span_asking, span_judging),
}
BASELINES: dict[Kind, Baselines] = {
    "classification": baselines,
    "multi_label": many_baselines,
    "token_classification": span_baselines,
}

TEACHING: dict[Kind, Teaching] = {
    "classification": teaching,
    "multi_label": many_teaching,
    "token_classification": span_teaching,
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_loaded_is_the_kinds_own(kind: Kind) -> None:
    found = load_labelling(kind)
    assert (found.form, found.gold, found.answers, found.votes, load_telling(kind).examples) == FORMS[kind]
    assert (load_scores(kind), load_asking(kind), load_judging(kind)) == SCORES[kind]


@pytest.mark.parametrize("kind", BASELINES)
def test_baselines_are_the_kinds_own(kind: Kind) -> None:
    assert load_baselines_of(kind) is BASELINES[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_speaks_of_scores_that_the_kind_has(kind: Kind) -> None:
    words, headline = load_telling(kind).words, load_scores(kind).HEADLINE
    assert (words.by_people.key, words.by_people.second) == headline[:2]
    renamed = AGAINST_TEACHER | {name: f"{name}_with_teacher" for name in headline if name not in AGAINST_TEACHER}
    assert (words.by_teacher.key, words.by_teacher.second) == tuple(renamed[name] for name in headline[:2])


@pytest.mark.parametrize("kind", TEACHING)
def test_what_teaches_is_the_kinds_own(kind: Kind) -> None:
    assert load_teaching(kind) is TEACHING[kind]
