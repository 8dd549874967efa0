"""Read a sheet of an .xlsx workbook, row by row, so that memory holds the cells that are asked for and no others."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from lzma import LZMAError
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pandas as pd
from tqdm import tqdm

from distil.assets.bounds import check_unpacked
from distil.core.errors import InputError
from distil.texts.cells import find_column, read_value
from distil.texts.opening import open_to_seek

if TYPE_CHECKING:
    from openpyxl import Workbook

AS_TEXT = "write ' before it in the cell, or save the sheet as .csv, where every cell is a text"
MOST_ROWS = 1 << 20  # Excel's own limit; before a row that says it is the billionth come as many empty ones
BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, struct.error, LZMAError, EOFError, OSError, RuntimeError)  # or encrypted
BROKEN_XML = (SyntaxError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError)


def read_xlsx(path: Path, name: str, wanted: dict[str, str], sheet: str | None) -> pd.DataFrame:
    """Return the columns `wanted` (role -> column) of a sheet, by default the first, by role; the index is the row.

    The first row that is not empty is the header. Of a formula the value counts that was last computed.
    """
    with open_to_seek(path) as stream:
        rows = iter_rows(stream, name, sheet)
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


def iter_cells(path: Path, name: str) -> Iterator[tuple[int, list[Any]]]:
    """Yield number and cells of each row of a workbook's first sheet that is not empty, the header first."""
    with open_to_seek(path) as stream:
        for number, row in iter_rows(stream, name, None):
            yield number, [_plain(cell) for cell in row]


def iter_rows(stream: IO[bytes], name: str, sheet: str | None) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Number and cells of each row that is not empty."""
    import openpyxl  # here, since only who has a workbook needs it

    try:
        with zipfile.ZipFile(stream) as parts:
            sizes = [part.file_size for part in parts.infolist()]  # which are kept to
        check_unpacked(name, stream.seek(0, io.SEEK_END), sum(sizes))
        book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
        chosen = _pick_sheet(book, name, sheet)
        chosen.reset_dimensions()  # some tools write down a size that is not the sheet's
        for number, row in enumerate(chosen.iter_rows(values_only=True, max_row=MOST_ROWS), start=1):
            if any(cell is not None for cell in row):
                yield number, row
    except (*BROKEN_ZIP, *BROKEN_XML) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        remedy = "save it anew as .xlsx, without a password"
        raise InputError(f"{name} is not a sound xlsx workbook ({reason}); {remedy}") from None


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
