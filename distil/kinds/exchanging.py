"""What differs between kinds of task where labels go to annotation tools and come back; each has a module tools."""

from importlib import import_module
from typing import cast

from distil.core.params import Kind
from distil.forms.exchange import ExchangeForm


def load_exchange(kind: Kind) -> ExchangeForm:
    """A kind's way to tools and back."""
    return cast("ExchangeForm", import_module(f"distil.kinds.{kind}.exchanging.tools"))
