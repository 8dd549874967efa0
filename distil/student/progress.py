"""Follow a training: a bar with the loss, the points of the loss curve, and whatever loggers the user asks for."""

from collections.abc import Sequence
from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.integrations.integration_utils import DVCLiveCallback, get_reporting_integration_callbacks

from distil.core.errors import InputError


def make_loggers(names: Sequence[str]) -> list[TrainerCallback]:
    """Return transformers' callbacks of these names; raises `InputError` for one it does not know or cannot load."""
    try:
        loggers = [make() for make in get_reporting_integration_callbacks(list(names))]  # type: ignore[no-untyped-call]
    except (ValueError, RuntimeError) as error:
        raise InputError(f"runtime.report_to = {list(names)}: {error}") from None
    for logger in loggers:
        if isinstance(logger, DVCLiveCallback):
            from dvclive.live import Live  # as transformers does: only who asks for it has it

            logger.live = Live(dvcyaml=None, save_dvc_exp=False)  # it would write into the project's dvc.yaml
    return loggers


class Progress(TrainerCallback):
    """A bar with the loss, and the points of the loss curve."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.step = 0  # the last that is done
        self.points: list[tuple[int, float, float, float]] = []

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the bar."""
        hidden = None if state.is_world_process_zero else True  # null: shown on a terminal only
        self.bar = tqdm(total=state.max_steps, desc=self.name, unit="step", disable=hidden)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Move the bar on."""
        self.step = state.global_step
        self.bar.update(self.step - self.bar.n)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Keep the point, and show the loss."""
        logs = kwargs["logs"]
        if "loss" in logs:
            self.points.append((state.global_step, state.epoch or 0.0, logs["loss"], logs["learning_rate"]))
            self.bar.set_postfix(loss=f"{logs['loss']:.3f}")

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """End the bar."""
        self.bar.close()
