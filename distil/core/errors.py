"""The errors that a user can mend: each message names the value, the place and the remedy in one line."""

from distil.core.harmless import printable
from distil.core.secrets import hide_credentials

LONGEST = 2000  # characters of a message


class DistilError(Exception):
    """Ends a stage with one line on stderr and exit code 1, whatever others wrote into it."""

    def __str__(self) -> str:
        return printable(super().__str__())


class InputError(DistilError):
    """Something the user wrote is wrong: a parameter, a prompt, a data file, a correction."""


class AssetError(DistilError):
    """A pinned download is missing, unreachable or not the bytes that were pinned."""


class EndpointError(DistilError):
    """The teacher's endpoint cannot be used: wrong URL, refused key, no quota, or down for good."""


def describe_error(error: DistilError) -> str:
    """The message, which is in one line and without escape sequences, without passwords and keys too.

    Of a very long one the middle is left out.
    """
    line = hide_credentials(str(error))
    if len(line) <= LONGEST:
        return line
    half = LONGEST // 2
    return f"{line[:half]} [... {len(line) - LONGEST:,} characters ...] {line[-half:]}"
