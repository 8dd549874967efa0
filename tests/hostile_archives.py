"""Archives and tables as a stranger would make them, in memory: wheels and sdists of demo==1.0, xlsx and parquet."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

WHEEL, SDIST = "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"
ABOUT = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
Members = Iterable[tuple[str, bytes]]


def make_wheel(members: Members) -> bytes:
    about = [
        ("demo-1.0.dist-info/METADATA", ABOUT),
        ("demo-1.0.dist-info/WHEEL", b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
    ]
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in [*members, *about]:
            bundle.writestr(name, data)
    return written.getvalue()


def make_tar(members: Members, head_of_last: dict[str, str] | None = None) -> bytes:
    """A tar.gz of just these members, the last of which may have extended headers."""
    written, listed = io.BytesIO(), list(members)
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        for number, (name, data) in enumerate(listed, start=1):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            member.pax_headers = head_of_last or {} if number == len(listed) else {}
            tar.addfile(member, io.BytesIO(data))
    return written.getvalue()


def make_sdist(members: Members, trace: Path | None = None) -> bytes:
    """An sdist that leaves a trace if any of its code runs: setup.py, or a build backend of its own."""
    leave = f"open({str(trace)!r}, 'a').write('run')\n".encode() if trace else b""
    backend = leave + b"def prepare_metadata_for_build_wheel(folder, settings=None):\n    raise SystemExit\n"
    own = [
        ("demo-1.0/PKG-INFO", ABOUT),
        ("demo-1.0/pyproject.toml", b'[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n'),
        ("demo-1.0/b.py", backend),
        ("demo-1.0/setup.py", leave),
    ]
    return make_tar([*own, *members])


def make_tar_bomb(unpacked: int) -> bytes:
    """An sdist with one file of so many zeros, written without ever holding them."""
    member = tarfile.TarInfo("demo-1.0/zeros")
    member.size = unpacked
    return b"".join(_pack([member.tobuf(), *_zeros(unpacked), bytes(1024)]))


def make_gzip_bomb(head: bytes, unpacked: int) -> bytes:
    """A .gz that begins with `head` and goes on with so many letters, in one line."""
    return b"".join(_pack([head, *(b"a" * len(block) for block in _zeros(unpacked))]))


def make_workbook() -> bytes:
    book, written = openpyxl.Workbook(), io.BytesIO()
    for row in (["text", "label"], ["hello", "good"], ["no", "bad"]):
        book.active.append(row)
    book.save(written)
    return written.getvalue()


def change_sheet(book: bytes, old: bytes, new: bytes) -> bytes:
    """The workbook with other XML in its sheet."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as source, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "xl/worksheets/sheet1.xml":
                assert old in content
                content = content.replace(old, new)
            target.writestr(name, content)
    return written.getvalue()


def make_parquet(rows: int = 3, text: str = "hello", **options: object) -> bytes:
    written = io.BytesIO()
    table = pa.table({"text": pa.array([text] * rows), "label": pa.array(["good"] * rows)})
    pq.write_table(table, written, **options)
    return written.getvalue()


def _zeros(count: int) -> Iterator[bytes]:
    for start in range(0, count, 1 << 20):
        yield bytes(min(1 << 20, count - start))


def _pack(blocks: Iterable[bytes]) -> Iterator[bytes]:
    written = io.BytesIO()
    with gzip.GzipFile(fileobj=written, mode="wb", mtime=0, compresslevel=9) as packed:
        for block in blocks:
            packed.write(block)
    yield written.getvalue()
