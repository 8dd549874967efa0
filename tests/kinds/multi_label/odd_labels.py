"""Labels that are easily misread, and sets of them."""

from hypothesis import strategies as st

ODD = [
    *(
        "joy",
        "Joy",
        "deep_sadness",
        "a, b",
        "a",
        "b",
        "a; b",
        "a|b",
        "[a]",
        '["a"]',
        "{}",
        "[]",
        "none",
        "None",
        "no label",
    ),
    *(
        'say "hi"',
        "it's",
        "\\",
        "{",
        "]",
        "0",
        "1",
        "true",
        "null",
        "labels",
        "reason",
        '{"labels": []}',
        "- a",
        "1. a",
    ),
    *(
        "\U0001f600",
        "\u0634\u0643\u0631",
        "caf\u00e9",
        "cafe\u0301",
        "<think>",
        "</think>",
        "```",
        "rock and roll",
        "a: yes",
    ),
]
NAMES = st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=6)
TASKS = st.lists(NAMES, min_size=2, max_size=8, unique=True)


@st.composite
def tasks_with_sets(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Labels, and some of them in their order."""
    labels = draw(TASKS)
    chosen = draw(st.sets(st.sampled_from(labels)))
    return labels, [label for label in labels if label in chosen]
