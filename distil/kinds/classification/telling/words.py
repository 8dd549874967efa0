"""How a task of one label a text is told."""

from distil.forms.telling import CalibrationWords, CardWords, DatasetWords, LadderWords, ScoreWords, VoteWords, Words

BY_PEOPLE = ScoreWords(
    key="accuracy",
    second="macro_f1",
    heading="Accuracy",
    second_heading="Macro F1",
    title="Accuracy",
    spoken="accuracy",
    measured="accuracy against people's labels",
    explained="Share of the test texts that get the label that people gave them.",
    outcome="The student is right on {student} of {rows}",
    versus=", its teacher on {teacher}",
    in_groups="Accuracy",
    in_groups_title="Accuracy",
)
BY_TEACHER = ScoreWords(
    key="agreement",
    second="macro_f1_with_teacher",
    heading="Agreement",
    second_heading="Macro F1 with teacher",
    title="Agreement with the teacher",
    spoken="agreement",
    measured="agreement with the teacher",
    explained="Share of the test texts that get the teacher's label. It does not tell who is right.",
    outcome="The student agrees with its teacher on {student} of {rows}",
    versus="",
    in_groups="Agreement",
    in_groups_title="Agreement with the teacher",
)
WORDS = Words(
    by_people=BY_PEOPLE,
    by_teacher=BY_TEACHER,
    ladder=LadderWords(
        verb="gives",
        held_out="of the held-out teacher labels",
        axis="share of held-out labels",
        heading="Held-out labels",
        chart="Held-out teacher labels that each way to a student gives, by seconds of training",
        ways="how many held-out labels of the teacher it gives",
        curve="Held-out labels of the teacher that a linear head on the frozen encoder gives",
        card="the share of held-out labels of the teacher that they give",
    ),
    votes=VoteWords(
        mean="a mean share of {share} for the winning label",
        mean_on_page="On average {share} of the votes on a text agree",
        groups="the share of the label that won: of the teacher's votes, or its probability",
        axis="share of the winning label",
        shares="share of the texts that have a label",
    ),
    calibration=CalibrationWords(
        explained="How often a label is {right}, by the probability that it was given with.",
        brier="Brier score: mean squared distance of the probabilities from the label, from 0 to 2.",
        axis="probability of the label that was given",
        counted="Texts",
        weighted="texts",
    ),
    card=CardWords(
        tag="text-classification",
        task="Text Classification",
        model="text classifier",
        answers="Its answers",
        metrics=(("accuracy", "accuracy", "Accuracy"), ("f1", "macro_f1", "Macro F1")),
        unknown="so these scores tell how often the model gives the teacher's label. They do not tell how\n"
        "often that is right.",
        limit="it always answers with one of its labels, also where none fits",
        beyond="it does not read on",
    ),
    dataset=DatasetWords(label="what a classifier learns", shares="of its votes or scores"),
    answer="label",
    another="another label",
    marked="Labels struck through differ from people's.",
    paired="McNemar's exact test",
    unanswered="counts as wrong",
    right="is right on",
    both_wrong="Both are wrong on",
    same_wrong="with the same label",
    alarm="A baseline gives the teacher's label more often than the student.",
    teacher_first="it is right on {teacher}, a classifier that learnt from a few texts that people labelled on "
    "{few_shot}",
    baselines={
        "majority": "Majority label",
        "tfidf": "TF-IDF + LR",
        "embeddings": "Embeddings + LR",
        "few_shot": "Few-shot LR",
    },
    legends={
        "majority": "Majority label: always the label that the teacher gave most often in training.",
        "tfidf": "LR: logistic regression on the teacher's labels; embeddings: of a frozen encoder.",
        "few_shot": "Few-shot LR: on the same embeddings of a few texts a label, which people labelled.",
    },
)
