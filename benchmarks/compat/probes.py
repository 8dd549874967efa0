"""Texts on which tokenizers are most likely to differ from each other, by name."""

PROBES = {
    "empty": "",
    "white space": " \t\n",
    "one letter": "a",
    "emoji": "I love it 😀👍",
    "joined emoji": "our 👨‍👩‍👧 likes it ❤️",  # one sign each, of several characters
    "accents apart": "cafe\u0301 na\u00efve \u0130stanbul Stra\u00dfe",  # e and its accent are two characters
    "Chinese": "質量很好，我很滿意。",  # noqa: RUF001
    "Korean": "품질이 나쁩니다",
    "Cyrillic": "Отличный товар, рекомендую",
    "Arabic": "منتج سيئ للغاية",
    "Hindi": "बहुत अच्छा उत्पाद",
    "wide letters": "ｇｏｏｄ ﬁne 𝓯𝓪𝓷𝓬𝔂",  # noqa: RUF001
    "invisible": "zero\u200bwidth no\u00a0break soft\u00adhyphen nul\x00 bell\x07",
    "special tokens": "[CLS] good [SEP] bad [MASK] <s> </s> <mask>",
    "one long word": "x" * 5000,
    "too long": "It works very well. " * 500,
}
