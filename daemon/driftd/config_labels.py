"""How labels find their predictions, and what they are compared as. Rule: one table, [defaults.labels]."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from driftd.config_fields import Problem, Table, option, quoted, refuse, several, show, whole
from driftd.config_tables import DAY_MS, SPAN_MAX_MS, Name
from driftd.text_fillers import FILLERS

COST_MAX: Final = 1e9
COST_CLASSES_MAX: Final = 16


class Labels(Table):
    """How labels find their predictions, and what they are compared as."""

    task: Literal["auto", "classification", "regression"] = option(
        "auto",
        "What the model does: classification gives `error` (0 or 1), regression gives `loss`; auto looks.",
    )
    join_window_ms: int = whole(
        7 * DAY_MS,
        1,
        SPAN_MAX_MS,
        "milliseconds",
        "How long a prediction waits for its label, in event time.",
    )
    waiting_predictions_max: int = whole(
        1_000_000,
        1,
        10_000_000,
        "predictions",
        "Predictions that wait for a label; each takes about 120 bytes of memory and 35 of the stored state.",
    )
    waiting_predictions_bytes_max: int = whole(
        256 * 1024 * 1024,
        1,
        2**40,
        "bytes",
        "Memory of predictions that wait for a label, and of what labels said of them: long texts need more.",
    )
    waiting_labels_max: int = whole(10_000, 0, 10_000_000, "labels", "Labels that wait for their prediction.")
    waiting_labels_bytes_max: int = whole(
        16 * 1024 * 1024, 0, 2**40, "bytes", "Memory of labels that wait for their prediction."
    )
    reorder_max: int = whole(
        64,
        0,
        100_000,
        "predictions",
        "Labelled predictions held back to bring them into the order of prediction.",
    )
    reference_events: int = whole(
        2_000,
        2,
        100_000_000,
        "labelled predictions",
        "Labelled predictions that make the reference of error and loss.",
    )
    period_ms: int = whole(
        DAY_MS,
        60_000,
        SPAN_MAX_MS,
        "milliseconds",
        "Periods that performance is told by; the latest 32 are held, 0.5 to 8 kB of the stored state each.",
    )
    cost: Mapping[str, Mapping[str, float]] = Field(
        default_factory=dict,
        description="What an answer costs, by what was predicted and what then was; "
        "a gain is below 0, what is missing 0.",
    )
    text_case: bool = option(False, "Texts: whether upper and lower case differ.")
    text_punctuation: bool = option(False, "Texts: whether punctuation counts.")
    text_fillers: tuple[Name, ...] = several(
        FILLERS, "Texts: words that do not count, in lower case without punctuation."
    )

    @field_validator("cost", mode="before")
    @classmethod
    def _check_cost(cls, value: Any) -> Any:
        if problems := cost_problems(value):
            refuse(problems)
        return {name: {label: float(cost) for label, cost in row.items()} for name, row in value.items()}

    @model_validator(mode="after")
    def _check_task(self) -> "Labels":
        if self.cost and self.task == "regression":
            refuse([Problem(("cost",), 'is for classes, and task is "regression". Leave out one of both.')])
        return self


def cost_problems(value: object) -> list[Problem]:
    """What is wrong with a table of costs."""
    if not isinstance(value, Mapping):
        return [Problem((), f"{show(value)} should be a table of predicted classes.")]
    problems: list[Problem] = []
    for predicted, row in value.items():
        if not isinstance(row, Mapping):
            told = f"{show(row)} should be a table: what {quoted(predicted)} costs, by what then was."
            problems.append(Problem((predicted,), told))
            continue
        for label, cost in row.items():
            is_number = isinstance(cost, int | float) and not isinstance(cost, bool)
            if not is_number or not -COST_MAX <= cost <= COST_MAX:
                told = f"{show(cost)} should be a number at least {-COST_MAX:.0g} and at most {COST_MAX:.0g}."
                problems.append(Problem((predicted, label), told))
    named = {
        name for predicted, row in value.items() if isinstance(row, Mapping) for name in (predicted, *row)
    }
    if len(named) > COST_CLASSES_MAX:
        problems.append(Problem((), f"names {len(named)} classes, and may name {COST_CLASSES_MAX}."))
    if "" in named:
        problems.append(Problem((), "names a class that has no name."))
    return problems
