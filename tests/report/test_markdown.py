from distil.report.markdown import escape_markdown


def test_markdown_is_escaped_on_one_line() -> None:
    assert escape_markdown("a *b* [c](d)\n# e") == "a \\*b\\* \\[c\\](d) # e"
