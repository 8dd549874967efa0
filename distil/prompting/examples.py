"""Choose for each text the labelled examples that are nearest to it, to be shown to the teacher.

Source: Liu et al. (2022), What Makes Good In-Context Examples for GPT-3?, who retrieve examples by nearest neighbours.

A choice must not depend on the texts beside it, since a request is known by what it shows and would be paid for again.
But a text's vector changes in its last digits with the batch that it is in: where that could change the choice, the
text is encoded once more, by itself. Another type of CPU or a GPU may still choose otherwise between near equals.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.assets.references import resolve
from distil.core.errors import InputError
from distil.core.ids import text_id
from distil.core.links import check_ends
from distil.forms.reading import AnswerForm
from distil.prompting.params import ExamplesParams
from distil.prompting.prompt_files import Example, check_reason

if TYPE_CHECKING:
    from distil.encoders.torch_model import TorchEncoder

Indices = NDArray[np.int32]

TEXTS_AT_ONCE = 1000
DIGITS = 9  # of a cosine; equal vectors differ by less
CLOSE = 1e-5  # cosines that may change places with the batch; it moves them by about 1e-7
NEVER = -2.0  # below every cosine


class NearestExamples:
    """A file of examples, and the choice among them by the cosine of their vectors and a text's."""

    def __init__(
        self,
        params: ExamplesParams,
        labels: Sequence[str],
        form: AnswerForm,
        assets: Path,
        device: str,
        *,
        need_reasons: bool = False,
    ) -> None:
        """Read the file and encode its texts; nothing is encoded if `nearest` is 0, no reason kept if none is shown.

        Raises `InputError` as `read_examples` and `distil.assets.references.resolve` do, and if the file has fewer
        examples than are to be shown.
        """
        self.nearest = params.nearest
        self.examples = read_examples(Path(params.file), labels, form, need_reasons=need_reasons)
        if not params.show_reason:
            self.examples = [example.model_copy(update={"reason": None}) for example in self.examples]
        if len(self.examples) < self.nearest:
            raise InputError(
                f"the examples {params.file} have {len(self.examples)} rows, but annotate.examples.nearest is "
                f"{self.nearest}; add rows, or ask for fewer"
            )
        self._same: dict[str, list[int]] = defaultdict(list)
        for number, example in enumerate(self.examples):
            self._same[text_id(example.text)].append(number)
        if self.nearest and params.embeddings:
            self._encoder = _load_encoder(params.embeddings, assets, device)
            alone = [self._encoder.encode([example.text]) for example in self.examples]
            self._vectors = np.concatenate(alone).astype(np.float64)

    def choose(self, texts: Sequence[str]) -> list[tuple[Example, ...]]:
        """The nearest examples of each text, the nearest last; never one that is the text itself."""
        return [self.by_indices(row) for row in self.choose_indices(texts)]

    def choose_indices(self, texts: Sequence[str]) -> Indices:
        """What `choose` returns as places in the file, shape (texts, nearest); -1, first in a row, where none is left.

        Of examples that are equally near, the one that stands first in the file is the nearer one.
        """
        chosen = np.full((len(texts), self.nearest), -1, dtype=np.int32)
        if self.nearest:
            for start in range(0, len(texts), TEXTS_AT_ONCE):
                some = texts[start : start + TEXTS_AT_ONCE]
                chosen[start : start + len(some)] = self._choose(some)
        return chosen

    def by_indices(self, indices: Iterable[int]) -> tuple[Example, ...]:
        """The examples at a row of `choose_indices`."""
        return tuple(self.examples[index] for index in indices if index >= 0)

    def _choose(self, texts: Sequence[str]) -> Indices:
        chosen, unsure = self._rank(texts)
        for row in unsure:
            chosen[row] = self._rank([texts[row]])[0]
        return chosen

    def _rank(self, texts: Sequence[str]) -> tuple[Indices, list[int]]:
        """The choice for each text, and the rows in which another batch could change it."""
        cosines = np.round(self._encoder.encode(texts).astype(np.float64) @ self._vectors.T, DIGITS)
        for row, text in enumerate(texts):
            cosines[row, self._same.get(text_id(text), [])] = NEVER
        order = np.argsort(-cosines, axis=1, kind="stable")[:, : self.nearest + 1]
        ranked = np.take_along_axis(cosines, order, axis=1)
        unsure = np.flatnonzero((ranked[:, :-1] - ranked[:, 1:] < CLOSE).any(axis=1))
        chosen = np.where(ranked > NEVER, order, -1)[:, : self.nearest]
        return chosen[:, ::-1].astype(np.int32), unsure.tolist()


def read_examples(path: Path, labels: Sequence[str], form: AnswerForm, *, need_reasons: bool = False) -> list[Example]:
    """Read a csv file with a header: text, label and perhaps reason; an empty reason is none.

    Raises `InputError`, with the line's number where there is one, if the file is missing, not UTF-8, malformed or
    without rows, lacks a column, or has a row without text, with a label that is not one of the labels, or without a
    reason although one is needed.
    """
    name = f"the examples {path}"
    check_ends(path, name)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            examples = list(_read_rows(stream, name, labels, form, need_reasons=need_reasons))
    except FileNotFoundError:
        raise InputError(f"{name} are missing; annotate.examples.file in params.yaml names them") from None
    except OSError as error:
        raise InputError(f"{name} cannot be read ({error.strerror}); annotate.examples.file names them") from None
    except UnicodeDecodeError:
        raise InputError(f"{name} are not UTF-8; save the file as UTF-8") from None
    if not examples:
        raise InputError(f"{name} have no rows")
    return examples


def _read_rows(
    stream: Iterable[str], name: str, labels: Sequence[str], form: AnswerForm, *, need_reasons: bool
) -> Iterator[Example]:
    rows = csv.DictReader(stream, strict=True)
    try:
        missing = {"text", "label"} - set(rows.fieldnames or [])
        if missing:
            raise InputError(f"{name} have no column {', '.join(sorted(missing))}; the header is text,label,reason")
        for row in rows:
            place = f"{name}, line {rows.line_num}"
            if None in row or None in row.values():
                raise InputError(f"{place}: not as many cells as in the header; put a cell with a comma in quotes")
            if not row["text"].strip():
                raise InputError(f"{place}: the text is blank")
            label = form.read_example(row["label"], row["text"], labels, place)
            reason = row.get("reason", "").strip() or None
            if need_reasons:
                check_reason(reason, place)
            yield Example(text=row["text"], label=label, reason=reason)
    except csv.Error as error:
        raise InputError(f"{name}, line {rows.line_num + 1}: {error}; double a quotation mark within quotes") from None


def _load_encoder(reference: str, assets: Path, device: str) -> "TorchEncoder":
    from distil.encoders.torch_model import TorchEncoder  # seconds to import, and most studies show no such examples

    return TorchEncoder(resolve(reference, assets), device)
