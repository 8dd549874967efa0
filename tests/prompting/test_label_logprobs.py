import pytest

from distil.core.errors import InputError
from distil.prompting.label_logprobs import find_label_logprobs

LABELS = ["negative", "positive"]


def test_scores_come_in_the_order_of_the_labels() -> None:
    assert find_label_logprobs([(" positive", -0.4), (" negative", -1.2), (" no", -5.0)], LABELS) == [-1.2, -0.4]


def test_the_longest_first_token_and_the_likelier_spelling_count() -> None:
    tokens = [("positive", -3.0), (" positive", -2.0), (" pos", -1.0), (" neg", -1.5), (" n", -0.5)]
    assert find_label_logprobs(tokens, LABELS) == [-1.5, -2.0]


def test_a_label_outside_the_top_gets_the_lowest_of_them() -> None:
    assert find_label_logprobs([(" positive", -0.1), (" good", -3.0), (" bad", -7.5)], LABELS) == [-7.5, -0.1]


def test_no_label_among_the_tokens_is_no_score() -> None:
    assert find_label_logprobs([(" good", -0.1)], LABELS) is None
    assert find_label_logprobs([], LABELS) is None


def test_labels_that_share_their_first_token_are_refused() -> None:
    with pytest.raises(InputError, match="'very good' and 'very bad' share the first token 'very'"):
        find_label_logprobs([(" very", -0.1), (" v", -4.0)], ["very good", "very bad"])


def test_a_stray_token_that_begins_both_labels_does_no_harm() -> None:
    assert find_label_logprobs([(" good", -0.1), (" great", -0.5), (" g", -6.0)], ["good", "great"]) == [-0.1, -0.5]


def test_a_token_that_begins_both_labels_is_no_likelier_at_the_same_log_probability() -> None:
    assert find_label_logprobs([(" g", -0.5), (" good", -0.5), (" great", -0.5)], ["good", "great"]) == [-0.5, -0.5]


def test_an_empty_token_begins_no_label_and_a_certain_one_does() -> None:
    assert find_label_logprobs([("positive", 0.0), (" ", -0.1), ("", -0.2), ("neg", -9.0)], LABELS) == [-9.0, 0.0]
    assert find_label_logprobs([("positive", -0.5), ("", 0.0)], LABELS) == [-0.5, -0.5]
