"""Where the rows go: of folders, patterns and addresses, and never over what is read."""

from pathlib import Path

import fsspec
from predicting import TEXTS, label, predict, refuse


def test_folders_and_patterns(model: Path) -> None:
    for name in ("in/a.csv", "in/deep/b.txt", "in/.hidden.csv", "in/notes.md"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(f"text\n{TEXTS[0]}\n")
    predict(model, "in", "out/")
    assert sorted(str(path) for path in Path("out").rglob("*") if path.suffix != ".json") == [
        "out/a.csv", "out/deep", "out/deep/b.csv",
    ]  # fmt: skip
    predict(model, "in/*.csv", "some", "--format", "parquet")
    assert [path.name for path in Path("some").glob("*.parquet")] == ["a.parquet"]
    Path("in/a.txt").write_text("another\n")
    assert "2 files of in would be written to both/a.jsonl; leave out --format" in refuse(
        model, "in", "both", "--format", "jsonl"
    )
    assert "would be read as an input next time" in refuse(model, "in", "in/labelled")
    Path("in/deep/c.csv").write_text("body\nwithout the column\n")
    Path("in/a.txt").unlink()
    assert "in/deep/c.csv has no column 'text'" in refuse(model, "in", "checked")
    assert not Path("checked").exists()


def test_no_output_is_an_input(model: Path) -> None:
    Path("in").mkdir()
    Path("in/a.jsonl").write_text('{"text": "good"}\n')
    before = Path("in/a.jsonl").read_bytes()
    assert "is among what is to be labelled" in refuse(model, "in/a.jsonl", "in/a.jsonl", "--overwrite")
    assert "is among what is to be labelled" in refuse(model, "in/*.jsonl", "./in", "--overwrite")
    assert "would be read as an input next time" in refuse(model, "in/**/*.jsonl", "in/labelled")
    assert Path("in/a.jsonl").read_bytes() == before
    predict(model, "in/*.jsonl", "in/labelled")
    with fsspec.filesystem("memory").open("/from/a.jsonl", "wb") as file:
        file.write(before)
    assert "would be read as an input next time" in refuse(model, "memory://from", "memory://from/labelled")


def test_addresses(model: Path) -> None:
    files = fsspec.filesystem("memory")
    with files.open("/bucket/in.csv", "wb") as file:
        file.write(f"text\n{TEXTS[0]}\nb\n".encode())
    for _ in range(2):
        told = predict(model, "memory://bucket/in.csv", "memory://bucket/out.csv")
    assert "out.csv: 2 rows, written before" in told
    with files.open("/bucket/out.csv") as file:
        assert file.read().decode().splitlines()[1].startswith(f"{TEXTS[0]},{label(model, TEXTS[:1])[0]},")
    assert files.exists("/bucket/out.csv.manifest.json")
    assert [path.suffix for path in Path("cache/predict").iterdir()] == [".lock"]
    assert "cannot be reached" in refuse(model, "nothing://bucket/in.csv", "out.csv")
