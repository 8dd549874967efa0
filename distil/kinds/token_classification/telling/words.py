"""How a task of spans in a text is told."""

from distil.forms.telling import CalibrationWords, CardWords, DatasetWords, LadderWords, ScoreWords, VoteWords, Words

EXPLAINED = (
    "A span counts if its start, its end and its label are right. Exact F1 is the harmonic mean of precision (how many "
    "of the spans found are right) and recall (how many of the right ones are found), over all spans, as in CoNLL 2003."
)
BY_PEOPLE = ScoreWords(
    key="micro_f1",
    second="macro_f1",
    heading="Exact F1",
    second_heading="Macro F1",
    title="Exact F1",
    spoken="exact F1",
    measured="exact F1 against people's spans",
    explained=EXPLAINED,
    outcome="The student reaches an exact F1 of {student} on {rows}",
    versus=", its teacher {teacher}",
    in_groups="Exact match",
    in_groups_title="Exact match",
)
BY_TEACHER = ScoreWords(
    key="micro_f1_with_teacher",
    second="macro_f1_with_teacher",
    heading="Exact F1 with teacher",
    second_heading="Macro F1 with teacher",
    title="Exact F1 with the teacher",
    spoken="exact F1 with the teacher",
    measured="exact F1 against the teacher's spans",
    explained=f"{EXPLAINED} Right is what the teacher says; it does not tell who is right.",
    outcome="Against its teacher's spans the student reaches an exact F1 of {student} on {rows}",
    versus="",
    in_groups="Exact match with the teacher",
    in_groups_title="Exact match with the teacher",
)
WORDS = Words(
    by_people=BY_PEOPLE,
    by_teacher=BY_TEACHER,
    ladder=LadderWords(
        verb="reaches",
        held_out="exact F1 on held-out spans of the teacher",
        axis="exact F1 on held-out spans",
        heading="Exact F1",
        chart="Exact F1 of each way to a student on held-out spans of the teacher, by seconds of training",
        ways="its exact F1 on held-out spans of the teacher",
        curve="Exact F1 of a linear head on the frozen encoder on held-out spans of the teacher",
        card="exact F1 on held-out spans of the teacher",
    ),
    votes=VoteWords(
        mean="a mean F1 of {share} between two votes",
        mean_on_page="On average two votes on a text agree with an F1 of {share}",
        groups="the share of votes that agree about the span that is disputed most",
        axis="share of votes that agree",
        shares="share of all spans",
    ),
    calibration=CalibrationWords(
        explained="Of the spans that were found: how often one is {right}, by its probability.",
        brier="Brier score: mean squared distance of a found span's probability from 1 if it is right, else from 0.",
        axis="probability of a span that was found",
        counted="Spans found",
        weighted="spans",
    ),
    card=CardWords(
        tag="token-classification",
        task="Token Classification",
        model="model, which finds spans in texts and labels them,",
        answers="Its labels",
        metrics=(
            ("f1", "micro_f1", "Exact F1"),
            ("precision", "micro_precision", "Precision"),
            ("recall", "micro_recall", "Recall"),
        ),
        unknown="so these scores tell how well the model finds the teacher's spans. They do not tell\n"
        "how often those are right.",
        limit="it finds spans of no other labels",
        beyond="most tools do not read on; the ways below that do say so",
    ),
    dataset=DatasetWords(
        label="what a tagger learns: a JSON list of spans, each with `start`, `end` (exclusive, in code points) and "
        "`label`",
        shares="four numbers for each span that a vote names: start, end, number of its label, share of the votes; "
        "the labels are, from 0",
    ),
    answer="spans",
    another="other spans",
    marked="Spans with a broken line and a label struck through are none of people's.",
    paired="approximate randomisation",
    unanswered="counts as one in which it found nothing",
    right="has all spans right on",
    both_wrong="Both have spans wrong or missing on",
    same_wrong="with the same spans",
    alarm="A baseline has a higher exact F1 against the teacher's spans than the student.",
    teacher_first="its exact F1 is {teacher}, that of a model that learnt from a few texts that people labelled "
    "{few_shot}",
    baselines={
        "gazetteer": "Gazetteer",
        "crf": "CRF",
        "embeddings": "Embeddings + LR",
        "few_shot": "Few-shot LR",
    },
    legends={
        "gazetteer": "Gazetteer: finds again what the teacher marked in training.",
        "crf": "CRF: a conditional random field over words and their shapes.",
        "embeddings": "LR: logistic regression on a frozen encoder's embeddings of words.",
        "few_shot": "Few-shot LR: on the same embeddings of a few texts, which people labelled.",
    },
    more_scores={
        "micro_precision": "Precision",
        "micro_recall": "Recall",
        "partial_f1": "Partial F1",
        "type_f1": "Type F1",
        "exact_match": "Exact match",
    },
    more_explained="Precision and recall: those of exact F1. Partial F1: an overlap is "
    "worth half, whatever the label. Type F1: an overlap with the right label is enough (both of SemEval 2013). Exact "
    "match: the share of texts with all spans right and none besides.",
)
