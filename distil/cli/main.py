"""The command `distil`: what there is to do beside `dvc repro`.

Run it in the project's folder: it reads params.yaml, and dvc.yaml for the paths.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command

from distil.core.command import call

COMMANDS = {  # in the order of the help: the function of each, or the Typer with commands of its own
    "new": "new:new_study",
    "plan": "plan:plan",
    "annotate": "asking:annotate",
    "compare": "asking:compare",
    "diff": "diff:diff_labels",
    "check": "check:check_gates",
    "review": "review:review_app",
    "predict": "predict:predict",
    "serve": "serve:serve",
    "page": "page:write_page",
    "store": "store:store_app",
    "batch": "batch:batch_app",
    "export-labels": "labels:export_labels",
    "publish": "publish:publish_student",
}


SETTINGS: dict[str, Any] = {
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,  # colours are control characters too, which `call` shows instead of obeying
}


def _explain() -> None:
    """From a labelling instruction and unlabelled text to a small classifier of your own."""


class _OnDemand(Mapping[str, Any]):
    """The commands by their names; the module of one is imported when it is asked for, since all take seconds."""

    def __getitem__(self, name: str) -> Any:
        module, _, attribute = COMMANDS[name].partition(":")
        found = getattr(import_module(f"distil.cli.{module}"), attribute)
        parent = typer.Typer(**SETTINGS)
        parent.callback()(_explain)
        if isinstance(found, typer.Typer):
            parent.add_typer(found, name=name)
        else:
            parent.command(name)(found)
        return cast("TyperGroup", get_command(parent)).commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Commands(TyperGroup):
    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes | {"commands": _OnDemand()})


app = typer.Typer(
    cls=_Commands, no_args_is_help=True, context_settings={"max_content_width": 120}, help=__doc__, **SETTINGS
)
app.callback()(_explain)


def main() -> None:
    """Run the command; an error of the user's is one line and exit code 1."""
    call(app)
