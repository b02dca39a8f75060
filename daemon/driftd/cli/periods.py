"""How models do, for a person: a line for each period. Rule: what is not mature says why, and has no figure."""

from collections.abc import Mapping
from typing import Final

from driftd.contract.cloudevents import rfc3339
from driftd.engine.period_status import PeriodStatus
from driftd.engine.status import ModelStatus

PERIODS_SHOWN: Final = 7
FIGURES_SHOWN: Final = ("accuracy", "balanced_accuracy", "mae", "bias", "word_error_rate", "sentence_error")
WHY: Final[Mapping[str, str]] = {
    "open": "it is not over",
    "few_labels": "too few labels",
    "early": "most of its labels are still to come",
    "labels_missing": "less than half of the labels that were to be expected have come",
    "delays_unknown": "how long labels take is not known yet",
}


def period_lines(model: ModelStatus) -> list[str]:
    """The latest periods of `model`, in order of time; none where no label came."""
    if not model.periods:
        return []
    shown = model.periods[-PERIODS_SHOWN:]
    more = (
        f", the latest {len(shown)} of {len(model.periods)} periods"
        if len(model.periods) > len(shown)
        else ""
    )
    return [f"model {model.name}, by the time of prediction (UTC){more}:", *map(_line, shown)]


def _line(period: PeriodStatus) -> str:
    since = rfc3339(period.start_ms)[:16].replace("T", " ")
    share = period.labels / period.predictions if period.predictions else 0.0
    head = f"  {since}  {period.predictions:>9,} predictions, {share:4.0%} labelled: "
    if period.immature is not None:
        return f"{head}no verdict, {WHY[period.immature]}"
    told = [
        f"{name.replace('_', ' ')} {value:.4g} ({low:.4g} to {high:.4g})"
        for name, (value, low, high) in period.figures.items()
        if name in FIGURES_SHOWN
    ]
    return head + ", ".join(told)
