"""How a kind of task has its gold labels read: from what stands in a file's cells to one canonical string each."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class Fault(NamedTuple):
    """Rows whose gold is not sound, and what is to be said after the value of the first of them."""

    rows: NDArray[np.bool_]
    complaint: str


class GoldRead(NamedTuple):
    """Canonical labels, missing where a row has none; what is to be told of how they were read; what is not sound."""

    gold: pd.Series
    notes: list[str]
    fault: Fault | None


class GoldForm(Protocol):
    """A kind's way of reading gold."""

    PLACED: bool  # whether a label tells of places in the text as it stands

    def read_gold(
        self, cells: pd.Series, texts: pd.Series, labels: Sequence[str], names: Mapping[str, str]
    ) -> GoldRead:
        """Read cells, which are strings or missing; `names` are those of the data that the task calls otherwise.

        What a file holds as a list or an object comes as JSON. `texts` are the rows' texts, as they stand.
        """
