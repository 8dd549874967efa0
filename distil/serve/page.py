"""The page for people, with and without a server, and the list of the routes.

It is one file. Its script and style stand in it and are named in a Content-Security-Policy by their hashes, so nothing
else runs. Without a server the page runs the student itself, by transformers.js and ONNX Runtime's WebAssembly, from
files that lie beside it: `write_folder` puts them there.
"""

import base64
import hashlib
import html
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from distil.core.errors import InputError

MODEL_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json")
LIBRARY = "transformers.js"  # the folder beside the page
LIBRARY_FILES = (  # in a folder of node_modules; the first is a module that needs no other
    "@huggingface/transformers/dist/transformers.min.js",
    "onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.mjs",
    "onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.wasm",
)
GET_LIBRARY = "ONNXRUNTIME_NODE_INSTALL=skip npm install @huggingface/transformers"
INLINE = {
    "script-src": re.compile(r"<script[^>]*>(.*?)</script>", re.DOTALL),
    "style-src": re.compile(r"<style>(.*?)</style>", re.DOTALL),
}
META = "<!-- policy -->"


def read_page() -> str:
    """The page, with its policy."""
    page = files("distil.serve").joinpath("templates", "page.html").read_text(encoding="utf-8")
    rules = {
        "default-src": "'none'",
        **hash_inline(page),
        "connect-src": "'self'",
        "worker-src": "'self' blob:",
        "img-src": "'self' data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    rules["script-src"] += " 'self' blob: 'wasm-unsafe-eval'"  # of the files beside it, where there is no server
    policy = html.escape(write_policy(rules), quote=False)
    return page.replace(META, f'<meta http-equiv="Content-Security-Policy" content="{policy}">')


def served_policy(page: str) -> str:
    """The policy of a page that asks this server and loads nothing."""
    rules = {
        "default-src": "'none'",
        **hash_inline(page),
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return write_policy(rules)


def hash_inline(page: str) -> dict[str, str]:
    """The hashes of the scripts and styles that stand in a page, by the rule that names them."""
    found = {}
    for rule, pattern in INLINE.items():
        digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in pattern.findall(page))
        found[rule] = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return found


def write_policy(rules: Mapping[str, str]) -> str:
    """Rules as one line."""
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def write_folder(folder: Path, model: Path, file: str, library: Path | None) -> None:
    """Write the page with all that it needs into a new folder: the student's files, and transformers.js.

    `library` is a folder `node_modules` that has it. Raises `InputError` if the folder is there, or a file is missing.
    """
    if folder.exists():
        raise InputError(f"{folder} is there already; name a new folder, or take it away")
    wanted = [model / name for name in (*MODEL_FILES, file)] + [library / name for name in LIBRARY_FILES if library]
    for path in wanted:
        if not path.is_file():
            way = (
                f"'{GET_LIBRARY}' brings it" if library and library in path.parents else "'dvc repro export' writes it"
            )
            raise InputError(f"{path} is missing; {way}")
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(read_page(), encoding="utf-8")
    for name in (*MODEL_FILES, file):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(model / name, folder / name)
    if library:
        (folder / LIBRARY).mkdir()
        for name in LIBRARY_FILES:
            shutil.copyfile(library / name, folder / LIBRARY / Path(name).name)


def describe_routes(openapi: Mapping[str, Any]) -> str:
    """The routes as a page that loads nothing; the whole is at /openapi.json."""
    routes = [
        f"<h2><code>{method.upper()} {html.escape(path)}</code></h2><p>{html.escape(told.get('description', ''))}</p>"
        f"<p>{_list_replies(told['responses'])}</p>"
        for path, methods in openapi["paths"].items()
        for method, told in methods.items()
    ]
    schemas = html.escape(json.dumps(openapi["components"]["schemas"], indent=2))
    style = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}pre{overflow:auto}"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<meta name='color-scheme' content='light dark'><title>distil: routes</title><style>{style}</style>"
        '<h1>Routes</h1><p>As <a href="openapi.json">OpenAPI</a>; <a href="./">the page for people</a>.</p>'
        f"{''.join(routes)}<h2>Schemas</h2><pre tabindex='0'>{schemas}</pre></html>"
    )


def _list_replies(responses: Mapping[str, Any]) -> str:
    told: Sequence[str] = [f"{status}: {html.escape(one['description'])}" for status, one in sorted(responses.items())]
    return "; ".join(told)
