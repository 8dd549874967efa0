"""How many tokens requests take: guessed at first, then learned from the answers."""

from distil.forms.answers import Answer
from distil.prompting.requests import Request

CHARACTERS_PER_TOKEN = 4.0  # of English, by the rule of thumb in OpenAI's help pages
TOKENS_AROUND = 50  # at most, for the template around the messages
MARGIN = 1.5  # of the largest use seen, for a bound of the next one's


def count_characters(request: Request) -> int:
    """Characters in all messages of a request."""
    return sum(len(content) for _, content in request.messages)


class TokenEstimate:
    """What one teacher's requests take."""

    def __init__(self, max_tokens: int) -> None:
        self.max_tokens = max_tokens  # of an answer
        self.answers = 0  # learned from
        self._characters = 0
        self._input = 0
        self._output = 0
        self._most_per_character = 0.0
        self._most_output = 0

    def learn(self, request: Request, answer: Answer) -> None:
        """Take an answer's token counts in; one without them teaches nothing."""
        if answer.input_tokens is None or answer.output_tokens is None:
            return
        self.answers += 1
        characters = max(count_characters(request), 1)
        self._characters += characters
        self._input += answer.input_tokens
        self._output += answer.output_tokens
        self._most_output = max(self._most_output, answer.output_tokens)
        self._most_per_character = max(self._most_per_character, answer.input_tokens / characters)

    @property
    def mean(self) -> tuple[float, float] | None:
        """Input and output tokens of an answer so far; None before the first."""
        return (self._input / self.answers, self._output / self.answers) if self.answers else None

    def expect(self, characters: float) -> tuple[float, float]:
        """Input and output tokens to expect of a request with so many characters; unlearned, the answer is long."""
        if not self.answers:
            return characters / CHARACTERS_PER_TOKEN, float(self.max_tokens)
        return characters * self._input / self._characters, self._output / self.answers

    def bound(self, request: Request) -> tuple[float, float]:
        """Input and output tokens that a request will hardly pass: a token holds at least a byte."""
        most: float = len(request.prompt.encode("utf-8", "surrogatepass")) + TOKENS_AROUND
        if self.answers:
            most = min(most, MARGIN * self._most_per_character * count_characters(request) + TOKENS_AROUND)
        return most, max(self.max_tokens, MARGIN * self._most_output if self._most_output > self.max_tokens else 0.0)
