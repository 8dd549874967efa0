"""How a task of several labels a text is told."""

from distil.forms.telling import CalibrationWords, CardWords, DatasetWords, LadderWords, ScoreWords, VoteWords, Words

EXPLAINED = (
    "Each label of each text is a decision. Micro F1 is the harmonic mean of precision (how many of the labels given "
    "are right) and recall (how many of the right ones are given), over all decisions."
)
BY_PEOPLE = ScoreWords(
    key="micro_f1",
    second="macro_f1",
    heading="Micro F1",
    second_heading="Macro F1",
    title="Micro F1",
    spoken="micro F1",
    measured="micro F1 against people's labels",
    explained=EXPLAINED,
    outcome="The student reaches a micro F1 of {student} on {rows}",
    versus=", its teacher {teacher}",
    in_groups="Exact match",
    in_groups_title="Exact match",
)
BY_TEACHER = ScoreWords(
    key="micro_f1_with_teacher",
    second="macro_f1_with_teacher",
    heading="Micro F1 with teacher",
    second_heading="Macro F1 with teacher",
    title="Micro F1 with the teacher",
    spoken="micro F1 with the teacher",
    measured="micro F1 against the teacher's labels",
    explained=f"{EXPLAINED} Right is what the teacher says; it does not tell who is right.",
    outcome="Against its teacher's labels the student reaches a micro F1 of {student} on {rows}",
    versus="",
    in_groups="Exact match with the teacher",
    in_groups_title="Exact match with the teacher",
)
WORDS = Words(
    by_people=BY_PEOPLE,
    by_teacher=BY_TEACHER,
    ladder=LadderWords(
        verb="reaches",
        held_out="micro F1 on held-out teacher labels",
        axis="micro F1 on held-out labels",
        heading="Micro F1",
        chart="Micro F1 of each way to a student on held-out teacher labels, by seconds of training",
        ways="its micro F1 on held-out labels of the teacher",
        curve="Micro F1 of a linear head on the frozen encoder on held-out labels of the teacher",
        card="micro F1 on held-out labels of the teacher",
    ),
    votes=VoteWords(
        mean="a mean agreement of {share} on the label that is disputed most",
        mean_on_page="On average {share} of the votes on a text agree about the label that is disputed most",
        groups="the share of votes that agree about the label that is disputed most",
        axis="share of votes that agree",
        shares="share of all labels that were given",
    ),
    calibration=CalibrationWords(
        explained="Of the labels that were given: how often one is {right}, by its probability.",
        brier="Brier score: mean squared distance of a given label's probability from 1 if it is right, else from 0.",
        axis="probability of a label that was given",
        counted="Labels given",
        weighted="labels",
    ),
    card=CardWords(
        tag="text-classification",
        task="Multi-label Text Classification",
        model="classifier, which gives a text some of its labels or none,",
        answers="Its labels",
        metrics=(
            ("f1", "micro_f1", "Micro F1"),
            ("f1", "macro_f1", "Macro F1"),
            ("exact_match", "exact_match", "Exact match"),
        ),
        unknown="so these scores tell how well the model gives the teacher's labels. They do not tell\n"
        "how often those are right.",
        limit="it knows no other labels, and gives none where none of them fits",
        beyond="it does not read on",
    ),
    dataset=DatasetWords(
        label="what a classifier learns: a JSON list of labels, `[]` where none applies",
        shares="of its votes for each label",
    ),
    answer="labels",
    another="other labels",
    marked="Labels struck through are none of people's.",
    paired="approximate randomisation",
    unanswered="counts as one in which it found nothing",
    right="has all labels right on",
    both_wrong="Both have labels wrong or missing on",
    same_wrong="with the same labels",
    alarm="A baseline has a higher micro F1 against the teacher's labels than the student.",
    teacher_first="its micro F1 is {teacher}, that of a classifier that learnt from a few texts that people labelled "
    "{few_shot}",
    baselines={
        "most_frequent_set": "Most frequent set",
        "tfidf": "TF-IDF + LR",
        "embeddings": "Embeddings + LR",
        "few_shot": "Few-shot LR",
    },
    legends={
        "most_frequent_set": "Most frequent set: the labels that the teacher gave together most often in training.",
        "tfidf": "LR: a logistic regression a label on the teacher's labels; embeddings: of a frozen encoder.",
        "few_shot": "Few-shot LR: on the same embeddings of a few texts a label, which people labelled.",
    },
    more_scores={
        "micro_precision": "Precision",
        "micro_recall": "Recall",
        "exact_match": "Exact match",
        "jaccard": "Jaccard",
        "mean_average_precision": "Mean average precision",
    },
    more_explained="Precision and recall: those of micro F1. Exact match: the share of "
    "texts with all labels right and none besides. Jaccard: of the labels that are right or given, the share that is "
    "both, mean over texts. Mean average precision: how well probabilities rank texts for a label, whatever its "
    "threshold.",
)
