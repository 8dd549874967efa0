"""What `distil page` writes, and that the page is whole and names nothing elsewhere."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from distil.cli.main import app
from distil.core.errors import InputError
from distil.serve.page import LIBRARY_FILES, hash_inline, read_page, served_policy


def write(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["page", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A node_modules whose files have the right names."""
    for name in LIBRARY_FILES:
        (tmp_path / "node_modules" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "node_modules" / name).write_text(name)
    return tmp_path / "node_modules"


def test_a_folder_has_all_that_a_browser_needs_and_no_more(model: Path, modules: Path, tmp_path: Path) -> None:
    told = write(tmp_path / "page", "--model", model, "--transformers", modules)
    files = {
        path.relative_to(tmp_path / "page").as_posix() for path in (tmp_path / "page").rglob("*") if path.is_file()
    }
    assert files == {
        "index.html",
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "onnx/model_quantized.onnx",
        *(f"transformers.js/{Path(name).name}" for name in LIBRARY_FILES),
    }
    assert "python -m http.server" in told and "npm" not in told


def test_without_transformers_js_it_says_how_to_get_it(model: Path, tmp_path: Path) -> None:
    told = write(tmp_path / "page", "--model", model)
    assert "npm install @huggingface/transformers" in told and "--transformers node_modules" in told


def test_what_it_cannot_write_is_one_line_and_leaves_nothing(model: Path, modules: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is there already"):
        write(tmp_path, "--model", model)
    (modules / LIBRARY_FILES[2]).unlink()
    with pytest.raises(InputError, match=r"asyncify\.wasm is missing; '.*npm install .*' brings it"):
        write(tmp_path / "page", "--model", model, "--transformers", modules)
    with pytest.raises(InputError, match="holds no exported student"):
        write(tmp_path / "page", "--model", tmp_path)
    assert not (tmp_path / "page").exists()


def test_the_policy_names_the_script_and_the_style_by_their_hashes_and_nothing_inline_besides() -> None:
    page = read_page()
    for rule, hashes in hash_inline(page).items():
        assert re.fullmatch(r"'sha256-[\w+/=]{44}'", hashes), rule
        assert hashes in served_policy(page)
        assert f"{rule} {hashes}" in page, "and in the page itself, for the time without a server"
    assert not re.search(r"\son\w+=|style=|javascript:", re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL))
    assert "unsafe-inline" not in served_policy(page) + page and "'unsafe-eval'" not in page


def test_the_page_names_no_address_but_this_machines() -> None:
    assert set(re.findall(r"https?://[^\s/'`]+", read_page())) == {"http://127.0.0.1:8000"}
