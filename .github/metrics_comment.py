"""What a pull request does to the study, as a comment: made where the project is installed, posted where it is not.

    python .github/metrics_comment.py render BASE > comment.md
    python .github/metrics_comment.py post comment.md NUMBER

`render` asks DVC for the params and the metrics that changed since the branch left BASE; these are committed, so it
needs no data. It says which stages are out of date, whose figures are then those of another study or were changed by
hand. `post` needs Python alone: it writes the comment by GitHub's API, over the one that it wrote before. It reads
GITHUB_API_URL, GITHUB_REPOSITORY and GITHUB_TOKEN, and shows no token.
"""

import argparse
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Collection
from pathlib import Path
from typing import Any

MARK = "<!-- distil: what this branch does to the study -->"
LONGEST = 20_000  # characters of a list or a table; GitHub takes 65,536 in a comment, of two tables and a list
REST = "The rest is left out: it is too long for a comment."
HEADER_LINES = 2  # of a table, which DVC writes also where no row follows
PER_PAGE = 100  # the most that the API gives
TIMEOUT_S = 30


class StayThere(urllib.request.HTTPRedirectHandler):
    """Follows no redirect, which would take the token along."""

    def redirect_request(self, *_: Any) -> None:
        """Make an error of it."""


def render(base: str) -> str:
    """The comment, in Markdown."""
    from distil.cli.project import cached_outputs  # where the project is installed

    start = run("git", "merge-base", base, "HEAD")[:10]
    parts = [MARK, "### What this branch does to the study"]
    stale = list_stale(json.loads(run("dvc", "status", "--json")), cached_outputs())
    if stale:
        parts += [
            "**Out of date**: the figures are not those of the branch as it stands. Run `dvc repro` and commit.",
            cut("\n".join(f"- {line}" for line in stale)),
        ]
    parts.append(f"Since it began, at `{start}`:")
    for what in ("params", "metrics"):
        table = run("dvc", what, "diff", "--md", start, "HEAD")
        parts += [f"**{what.capitalize()}**", cut(table) if table.count("\n") >= HEADER_LINES else "None changed."]
    return "\n\n".join(parts)


def cut(lines: str) -> str:
    """As many of the lines as a comment has room for."""
    if len(lines) <= LONGEST:
        return lines
    return f"{lines[:LONGEST].rpartition(chr(10))[0]}\n\n{REST}"


def list_stale(status: dict[str, list[Any]], cached: Collection[str]) -> list[str]:
    """The stages that would run again, or whose outputs are not what they wrote; absent data (`cached`) say nothing."""
    stale = []
    for stage, found in status.items():
        why = [change for change in found if isinstance(change, str)]
        for change in found:
            for paths in change.values() if isinstance(change, dict) else ():
                for path, how in paths.items():
                    if isinstance(how, dict):
                        why += [f"`{path}`: {key} {word}" for key, word in how.items()]
                    elif how != "not in cache" and not (how == "deleted" and path in cached):
                        why.append(f"`{path}` {how}")
        if why:
            stale.append(f"{stage}: {', '.join(why)}")
    return stale


def run(*words: str) -> str:
    """What a program prints."""
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout.strip()  # noqa: S603


def post(text: str, number: int) -> str:
    """Write the comment to the pull request with this number; returns the comment's address."""
    comments = f"/repos/{os.environ['GITHUB_REPOSITORY']}/issues"
    earlier = find_earlier(f"{comments}/{number}/comments")
    if earlier is None:
        written = call("POST", f"{comments}/{number}/comments", {"body": text})
    else:
        written = call("PATCH", f"{comments}/comments/{earlier}", {"body": text})
    return str(written["html_url"])


def find_earlier(comments: str) -> int | None:
    """The id of the comment that this script wrote before, if it did; one that a person wrote is none."""
    page = 1
    while found := call("GET", f"{comments}?per_page={PER_PAGE}&page={page}"):
        for comment in found:
            if comment["body"].startswith(MARK) and comment["user"]["type"] == "Bot":
                return int(comment["id"])
        page += 1
    return None


def call(method: str, path: str, body: dict[str, str] | None = None) -> Any:
    """What GitHub's API answers; ends the program with one line if it refuses."""
    request = urllib.request.Request(  # noqa: S310 (the address is the runner's)
        os.environ["GITHUB_API_URL"] + path,
        data=json.dumps(body).encode() if body else None,
        method=method,
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
            "Content-Type": "application/json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )
    try:
        with urllib.request.build_opener(StayThere).open(request, timeout=TIMEOUT_S) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {path}: {error.code} {error.reason}; the job needs the permission pull-requests: write")
    except (urllib.error.URLError, TimeoutError, ValueError) as error:
        sys.exit(f"{method} {path}: {error}")


def main() -> None:
    """Render, or post."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("render").add_argument("base", help="branch or commit to compare with")
    posting = commands.add_parser("post")
    posting.add_argument("file", type=Path, help="the comment")
    posting.add_argument("number", type=int, help="of the pull request")
    arguments = parser.parse_args()
    if arguments.command == "render":
        try:
            print(render(arguments.base))
        except subprocess.CalledProcessError as error:
            sys.exit(f"'{' '.join(error.cmd)}' failed")  # and has said why
    else:
        print(post(arguments.file.read_text(encoding="utf-8"), arguments.number))


if __name__ == "__main__":
    main()
