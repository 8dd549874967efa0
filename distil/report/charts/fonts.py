"""Fonts for labels in scripts that matplotlib's own font does not have: those of these names that are installed."""

from collections.abc import Sequence

from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

FIRST = "sans-serif"  # DejaVu Sans, which comes with matplotlib
FALLBACKS = (
    *("Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans CJK KR", "Source Han Sans"),  # each has all of the three
    *("WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback", "IPAexGothic", "NanumGothic"),
    *("PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo", "Arial Unicode MS"),  # macOS
    *("Microsoft YaHei", "Yu Gothic", "Malgun Gothic"),  # Windows
)


def list_families() -> list[str]:
    """The families to draw with: a character is taken from the first that has it."""
    installed = set(fontManager.get_font_names())
    return [FIRST, *(family for family in FALLBACKS if family in installed)]


def find_undrawable(labels: Sequence[str]) -> list[str]:
    """The labels with a character that none of the families has; a box stands for it in the PNG files."""
    fonts = [get_font(findfont(FontProperties(family=[family]))) for family in list_families()]
    drawable = {
        char for char in "".join(labels) if char.isspace() or any(font.get_char_index(ord(char)) for font in fonts)
    }
    return [label for label in labels if not set(label) <= drawable]
