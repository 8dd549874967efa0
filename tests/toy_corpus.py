"""Write files as a user's tools would, and read a corpus of them as the stage fetch does."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from distil.core.errors import InputError
from distil.kinds.classification.labelling import gold as one_label
from distil.texts.sources import CorpusParams, Reading, read_source

LABELS = ["negative", "positive"]


def write_texts(path: Path, texts: list[str]) -> None:
    """Write texts in the format of the path's suffix, packed if that is .gz, as a user's tool would."""
    packed = path.suffix == ".gz"
    kind = (path.with_suffix("") if packed else path).suffix.lower()
    content = to_bytes(kind, texts)
    path.write_bytes(gzip.compress(content) if packed else content)


def to_bytes(kind: str, texts: list[str]) -> bytes:
    """The bytes of a file of that kind with these texts."""
    records = [{"text": text} for text in texts]
    if kind == ".parquet":
        binary = io.BytesIO()
        pq.write_table(pa.table({"text": texts}), binary)
        return binary.getvalue()
    if kind == ".xlsx":
        return to_xlsx({"Sheet1": [["text"], *([text] for text in texts)]})
    if kind == ".json":
        return json.dumps(records, indent=1).encode()
    if kind == ".jsonl":
        return "".join(json.dumps(record) + "\n" for record in records).encode()
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter="\t" if kind == ".tsv" else ",", quoting=csv.QUOTE_ALL)
    writer.writerows([["text"], *([text] for text in texts)])
    return stream.getvalue().encode()


def to_xlsx(sheets: dict[str, list[list[Any]]]) -> bytes:
    """The bytes of a workbook with these sheets, rows and cells."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def read_all(corpus: Path, **keys: Any) -> Reading:
    """Read the corpus as the stage does."""
    params = CorpusParams.model_validate({"source": "corpus", **keys})
    return read_source(params, LABELS, one_label, corpus, corpus / "assets.txt")


def read(corpus: Path, **keys: Any) -> pd.DataFrame:
    """The rows alone."""
    return read_all(corpus, **keys).rows


def complain(path: Path, content: str | bytes, **keys: Any) -> str:
    """Return what is said of a corpus with one file of this content; always one line that names the file."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError) as caught:
        read(path.parent, **keys)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    return message
