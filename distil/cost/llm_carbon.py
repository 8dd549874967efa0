"""Estimate the CO2 of a language model behind an endpoint by the method of EcoLogits, from the tables in its package.

The method (ecologits.ai, "Environmental Impacts of LLM Inference") takes the energy of the GPUs from the model's active
parameters and the tokens that it writes, that of their server from the time the answer takes, and multiplies both by
the data centre's PUE and the factor of its country's electricity. Sizes that a vendor keeps secret are EcoLogits'
guesses. The tokens of the prompt do not enter. Of its outcome the electricity is taken and the making of the hardware
left out, since that is the boundary of `distil.cost.carbon`. Nothing is fetched.
"""

import logging
import math

from distil.cost.carbon import Bounds


def estimate_llm_co2(model: str, output_tokens: float, requests: float) -> Bounds | None:
    """Kilograms of CO2 for `requests` answers of `output_tokens` each; None for a model that EcoLogits does not know.

    Low and high are EcoLogits' minimum and maximum, mid is their mean, as EcoLogits itself prints it. `model` is its
    name at its vendor, or on the Hub.
    """
    from ecologits.model_repository import models
    from ecologits.tracers.utils import llm_impacts
    from ecologits.utils.range_value import RangeValue

    logging.getLogger("ecologits").setLevel(logging.ERROR)  # its warnings are in what `describe_method` says
    known = next((one for one in models.list_models() if one.name == model), None)
    if known is None:
        return None
    # Nobody measured how long an answer took, so the method reckons the time itself; the annotation lacks fractions.
    usage = llm_impacts(known.provider.value, model, output_tokens, math.inf).usage  # type: ignore[arg-type]
    if usage is None:
        return None
    kg = usage.gwp.value
    low, mid, high = (kg.min, kg.mean, kg.max) if isinstance(kg, RangeValue) else (kg, kg, kg)
    return Bounds(low=low * requests, mid=mid * requests, high=high * requests)


def knows_first_token(model: str) -> bool:
    """Whether EcoLogits has a time to the first token of a model, which of short answers is nearly all the energy."""
    from ecologits.model_repository import models

    known = next((one for one in models.list_models() if one.name == model), None)
    return bool(known and known.deployment and known.deployment.ttft)


def describe_method() -> str:
    """The method, its version and its boundary in one line."""
    from ecologits import __version__

    return (
        f"EcoLogits {__version__}, from the tokens written, not those read: electricity of GPUs and server with PUE, "
        "mix of the provider's country; making the hardware left out; sizes of closed models are its guesses"
    )
