"""Addresses as people and strangers write them: one line for each that is none, and no password in any message."""

import os
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT, Project
from hypothesis import given, settings
from hypothesis import strategies as st
from stage_command import stage_command

from distil.assets.references import resolve
from distil.core.addresses import is_loopback, show_address, split_address
from distil.core.errors import AssetError, DistilError, InputError, describe_error
from distil.core.runtime import RuntimeParams
from distil.teacher.endpoint import find_endpoint

PIN = "#sha256=" + "0" * 64
WITH_PASSWORDS = [
    "user:hunter22@host/v1",
    "https://user:hunter22@host/v1",
    "https://user:hunter22@host:99999/v1",
    "https://user:hunter22@[::1/v1",
    "https://hunter22@host/v1",
    "https://user:x/hunter22@host/v1",
    "ftp://user:hunter22@host/v1",
    "https://host:99999/v1?key=hunter22",
    "https://user:%68unter:hunter22@host:x/v1",
    "user:hunter22\n@host/v1",
]
NO_ADDRESSES = [
    "https://host/%00",
    "https://ho%00st/v1",
    "https://ho\x00st/v1",
    "https://ho st/v1",
    "https://host/\x1b[31m",
    "https://" + "a" * 300 + "/v1",
    "https://a..b/v1",
    "https://host/%1b[31m",
    "https:///v1",
    "https://host:0/v1",
    "https://\u2100host/v1",
]


@pytest.mark.parametrize("address", WITH_PASSWORDS)
def test_a_password_in_an_address_is_in_no_message(address: str) -> None:
    with pytest.raises(InputError) as caught:
        find_endpoint(RuntimeParams(base_url=address), "m")
    assert "unter" not in str(caught.value)
    assert "runtime.base_url" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", WITH_PASSWORDS[:8:3])
def test_nor_is_one_in_the_address_of_a_file(address: str, project: Project) -> None:
    folder = project(
        fetch={"source": "url", "files": {address + PIN: None}, "columns": {"text": "text"}},
    )
    done = subprocess.run(
        stage_command("fetch", "corpus", ROOT / "assets.txt", "texts.parquet", "fetch.json"),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "unter" not in done.stdout + done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_what_is_no_address_is_one_harmless_line(address: str, tmp_path: Path) -> None:
    for read in (lambda: find_endpoint(RuntimeParams(base_url=address), "m"), lambda: resolve(address + PIN, tmp_path)):
        with pytest.raises((InputError, AssetError), match=r"not an http|reference") as caught:
            read()
        assert describe_error(caught.value).isprintable()


@given(address=st.one_of(st.text(), st.text().map("https://{}".format), st.text().map("https://h:1/{}".format)))
@settings(max_examples=300)
def test_no_text_in_the_place_of_an_address_is_a_traceback(address: str) -> None:
    show_address(address)
    try:
        is_loopback(split_address(address, "here").hostname or "")
    except DistilError as error:
        assert "\n" not in describe_error(error)
