"""The errors that a user can mend: each message names the value, the place and the remedy in one line."""

from distil.core.harmless import printable
from distil.core.secrets import hide_credentials


class DistilError(Exception):
    """Ends a stage with one line on stderr and exit code 1."""


class InputError(DistilError):
    """Something the user wrote is wrong: a parameter, a prompt, a data file, a correction."""


class AssetError(DistilError):
    """A pinned download is missing, unreachable or not the bytes that were pinned."""


class EndpointError(DistilError):
    """The teacher's endpoint cannot be used: wrong URL, refused key, no quota, or down for good."""


def describe_error(error: DistilError) -> str:
    """The message as a terminal may have it: in one line, without escape sequences, passwords and keys."""
    return printable(hide_credentials(str(error)))
