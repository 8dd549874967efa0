"""A key that must not get out, the disguises in which an endpoint may quote it, and whether something gives it away."""

import base64
import html
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote

import pyarrow.parquet as pq

KEY = "hf_Zq8/Kt3vWn5+RbXyLm2Jd7PsGc4Hf9Ax"
TELLING = 20  # characters of the key that nobody may find


def escape_json(text: str) -> str:
    return "".join(f"\\u{ord(sign):04x}" for sign in text)


def escape_url(text: str) -> str:
    return "".join(f"%{ord(sign):02X}" for sign in text)


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


DISGUISES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": escape_json,
    "slash": lambda key: key.replace("/", "\\/"),
    "json_in_json": lambda key: escape_json(key).replace("\\", "\\\\"),
    "url": lambda key: quote(key, safe=""),
    "url_all": escape_url,
    "url_twice": lambda key: quote(quote(key, safe=""), safe=""),
    "html": lambda key: "".join(f"&#{ord(sign)};" for sign in key),
    "base64": encode,
    "base64_of_user": lambda key: encode(f"user:{key}"),
    "base64_of_bearer": lambda key: encode(f"Bearer {key}, please"),
    "base64_urlsafe": lambda key: base64.urlsafe_b64encode(key.encode()).decode().rstrip("="),
    "base64_in_url": lambda key: quote(encode(key), safe=""),
    "hex": lambda key: key.encode().hex(),
    "hex_upper": lambda key: key.encode().hex().upper(),
}
CUTS: dict[str, Callable[[str], str]] = {
    "whole": str,
    "no_end": lambda key: key[:-4],
    "no_start": lambda key: key[4:],
    "middle": lambda key: key[4:-4],
}
WAYS = {f"{way}-{cut}": disguise(CUTS[cut](KEY)) for way, disguise in DISGUISES.items() for cut in CUTS}


def gives_away(text: str) -> bool:
    """Whether TELLING characters of the key stand in a text, in any of the disguises."""
    coded = {encode("x" * ahead + KEY)[8:-8] for ahead in range(3)} | {KEY[4:-4].encode().hex()}
    parts = {KEY[start : start + TELLING] for start in range(len(KEY) - TELLING + 1)}
    parts |= {code[start : start + 24] for code in coded for start in range(len(code) - 23)}
    for _ in range(4):
        plain = text.replace("-", "+").replace("_", "/")  # base64 for addresses
        if any(part in text or part.lower() in text.lower() or part in plain for part in parts):
            return True
        text = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
        text = html.unescape(unquote(text)).replace("\\/", "/").replace("\\\\", "\\")
    return False


def moves_terminal(text: str) -> bool:
    """Whether a terminal would do anything with a line but show it."""
    turns = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    kinds = {"Cc", "Cs", "Zl", "Zp"}
    return any(unicodedata.category(sign) in kinds or unicodedata.bidirectional(sign) in turns for sign in text)


def find_leaks(folder: Path) -> list[str]:
    """The files below a folder that give the key away; of a table what its cells say."""
    return [path.name for path in sorted(folder.rglob("*")) if path.is_file() and gives_away(_read(path))]


def _read(path: Path) -> str:
    if path.suffix == ".parquet":
        return "\n".join(str(row) for row in pq.read_table(path).to_pylist())
    return path.read_bytes().decode("utf-8", "replace")
