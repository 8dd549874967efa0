"""Read a sheet of an .xlsx workbook, row by row, so that memory holds the cells that are asked for and no others."""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pandas as pd
from tqdm import tqdm

from distil.core.errors import InputError
from distil.texts.cells import find_column, read_value
from distil.texts.opening import open_to_seek

if TYPE_CHECKING:
    from openpyxl import Workbook

AS_TEXT = "write ' before it in the cell, or save the sheet as .csv, where every cell is a text"
BROKEN = (zipfile.BadZipFile, zlib.error, SyntaxError, KeyError, ValueError, OSError)  # SyntaxError: of the XML in it


def read_xlsx(path: Path, name: str, wanted: dict[str, str], sheet: str | None) -> pd.DataFrame:
    """Return the columns `wanted` (role -> column) of a sheet, by default the first, by role; the index is the row.

    The first row that is not empty is the header. Of a formula the value counts that was last computed.
    """
    with open_to_seek(path) as stream:
        rows = _iter_rows(stream, name, sheet)
        _, header = next(rows, (0, ()))
        names = ["" if cell is None else str(cell) for cell in header]
        if not names:
            raise InputError(f"{name} has no rows" + (f" on the sheet {sheet!r}" if sheet else ""))
        places = [find_column(name, role, column, names) for role, column in wanted.items()]
        cells, numbers = [], []
        for number, row in tqdm(rows, desc=name, unit=" rows", delay=5, disable=None):
            chosen = [row[place] if place < len(row) else None for place in places]
            place = f"{name}, row {number}"
            named = zip(wanted, chosen, strict=True)
            cells.append([read_value(_plain(cell), role, place, AS_TEXT) for role, cell in named])
            numbers.append(number)
    return pd.DataFrame(cells, columns=list(wanted), index=pd.Index(numbers, name="row"), dtype=str)


def _iter_rows(stream: IO[bytes], name: str, sheet: str | None) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Number and cells of each row that is not empty."""
    import openpyxl  # here, since only who has a workbook needs it

    try:
        book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
        chosen = _pick_sheet(book, name, sheet)
        chosen.reset_dimensions()  # some tools write down a size that is not the sheet's
        for number, row in enumerate(chosen.iter_rows(values_only=True), start=1):
            if any(cell is not None for cell in row):
                yield number, row
    except BROKEN as error:
        remedy = "save it anew as .xlsx, without a password"
        raise InputError(f"{name} is not a sound xlsx workbook ({error}); {remedy}") from None


def _pick_sheet(book: "Workbook", name: str, sheet: str | None) -> Any:
    sheets = {worksheet.title: worksheet for worksheet in book.worksheets}  # without charts that fill a sheet
    if not sheets:
        raise InputError(f"{name} has no sheet with rows, charts alone; put the texts on a sheet")
    if sheet is None:
        return next(iter(sheets.values()))
    if sheet not in sheets:
        raise InputError(f"{name} has no sheet {sheet!r}; set fetch.sheet to one of: {', '.join(sheets)}")
    return sheets[sheet]


def _plain(cell: Any) -> Any:
    """A cell's text without Excel's escapes (a line break is `_x000D_` and a new line), a whole number as a whole."""
    from openpyxl.utils.escape import unescape

    if isinstance(cell, str):
        return unescape(cell)
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell
