"""What a teacher may not be shown as an example: test rows, by which it and its student are scored.

A test row that is shown with people's label is known to the teacher, and by its answers to the student too.
"""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from distil.core.errors import InputError
from distil.core.ids import text_id
from distil.core.params import TaskParams
from distil.core.tables import TEXTS, count_rows, read_rows
from distil.forms.labelling import load_labelling
from distil.labels.params import SplitParams
from distil.prompting.examples import read_examples
from distil.prompting.params import AnnotateParams
from distil.prompting.prompt_files import read_prompt

LONGEST_SHOWN = 60  # characters of a text in a message


def check_examples(task: TaskParams, params: AnnotateParams, texts: Path, split: SplitParams) -> None:
    """Raise `InputError` if an example of the prompt, or of the file that is shown beside it, is a test row.

    Which rows these are is told by their gold labels or by the source; where there are neither, any text may be shown.
    """
    shown = {params.prompt: [example.text for example in read_prompt(Path(params.prompt)).examples]}
    if params.examples and params.examples.nearest:
        file, form = params.examples.file, load_labelling(task.kind).answers
        shown[file] = [example.text for example in read_examples(Path(file), task.labels, form)]
    known = {text_id(text): (file, text) for file, some in shown.items() for text in some}
    if not _has_any(texts, list(known)):
        return
    from distil.labels.splits import find_test  # half a second to import, and hardly any study has such examples

    rows = read_rows(texts, TEXTS)
    for tested in rows.loc[find_test(rows, split), "id"]:
        if tested in known:
            file, text = known[tested]
            raise InputError(
                f"{file} shows {text[:LONGEST_SHOWN]!r} as an example, which is a test row: what the teacher is told "
                "of it reaches the student too, and flatters both; take it out, 'distil review examples' offers others"
            )


def _has_any(texts: Path, ids: Sequence[str]) -> bool:
    """Whether the table has a row of these ids; a million texts are not read for it."""
    count_rows(texts, TEXTS)  # raises where it is none
    known = pq.read_table(texts, columns=["id"])["id"]
    return bool(pc.any(pc.is_in(known, value_set=pa.array(ids, pa.string()))).as_py())
