"""How models do, by the time of predictions: a table for a person, a document for a program.

Rule: what is not mature says why, and has no corrected figure; what is only estimated is called so.
"""

from collections.abc import Sequence
from typing import Any, Final

from driftd.cli.output import table
from driftd.contract.cloudevents import rfc3339
from driftd.engine.period_status import WHY, ModelPerformance, PeriodStatus, Told
from driftd.performance.expected import ESTIMATE_OF

PERIODS_SHOWN: Final = 7
SEGMENTS_SHOWN: Final = 5
FIGURES_SHOWN: Final = ("accuracy", "mae", "word_error_rate", "cost_total")
"""One for each kind of prediction, and what it all cost."""
HEADERS: Final = (
    "begins (UTC)",
    "predictions",
    "labelled",
    "so far",
    "corrected",
    "estimated without labels",
)


def period_lines(model: ModelPerformance) -> list[str]:
    """The latest periods of `model`, in order of time, and the latest one that is judged by segment."""
    if not model.periods:
        return []
    shown = model.periods[-PERIODS_SHOWN:]
    more = (
        f", the latest {len(shown)} of {len(model.periods)} periods"
        if len(model.periods) > len(shown)
        else ""
    )
    names = [name for name in FIGURES_SHOWN if any(name in period.figures for period in model.periods)]
    main = names[0] if names else _of_labels(model.periods)
    lines = [f"model {model.name}, {main.replace('_', ' ')} by the time of prediction{more}:"]
    lines += table(HEADERS, [_row(period, main) for period in shown]).split("\n")
    costs = [period for period in shown if "cost_total" in period.figures]
    lines += [f"costs of {_since(period)}: {_words(period.figures['cost_total'])}" for period in costs[-1:]]
    judged = [period for period in shown if period.segments and period.immature is None]
    for period in judged[-1:]:
        rows = [_segment_row(name, segment, main) for name, segment in period.segments.items()]
        lines.append(f"segments of {_since(period)}:")
        lines += ["  " + " ".join(row) for row in rows[:SEGMENTS_SHOWN]]
        lines += [f"  and {len(rows) - SEGMENTS_SHOWN} more"] if len(rows) > SEGMENTS_SHOWN else []
    if model.other_segments:
        lines.append(
            f"{model.other_segments:,} predictions are of segments that are too many to be told apart (other)"
        )
    if model.costs_unmet:
        lines.append(f"labels.cost names what no prediction and no label was: {', '.join(model.costs_unmet)}")
    if model.refused:
        told = ", ".join(f"{reason} {count:,}" for reason, count in model.refused.items())
        lines.append(f"not counted: {told}")
    return lines


def _of_labels(periods: Sequence[PeriodStatus]) -> str:
    known = [name for name in FIGURES_SHOWN if any(name in period.as_labelled for period in periods)]
    return known[0] if known else FIGURES_SHOWN[0]


def _row(period: PeriodStatus, name: str) -> tuple[str, ...]:
    so_far = period.as_labelled.get(name)
    return (
        _since(period),
        f"{period.predictions:,}",
        f"{labelled_share(period):.0%}",
        "" if so_far is None else f"{so_far:.4g}",
        _verdict(period, name),
        _words(period.estimated.get(ESTIMATE_OF.get(name, ""))),
    )


def _segment_row(name: str, segment: PeriodStatus, figure: str) -> tuple[str, ...]:
    return (
        f"{name}:",
        f"{segment.predictions:,} predictions, {figure.replace('_', ' ')}",
        _verdict(segment, figure),
    )


def _verdict(period: PeriodStatus, name: str) -> str:
    return _words(period.figures.get(name)) if period.immature is None else WHY[period.immature]


def _since(period: PeriodStatus) -> str:
    return rfc3339(period.start_ms)[:16].replace("T", " ")


def _words(figure: Told | None) -> str:
    if figure is None:
        return ""
    value, low, high = figure
    return f"{value:.4g}" if low is None or high is None else f"{value:.4g} ({low:.4g} to {high:.4g})"


def labelled_share(period: PeriodStatus) -> float:
    """The share of the predictions of `period` that have a label."""
    return period.labels / period.predictions if period.predictions else 0.0


def performance_document(model: ModelPerformance) -> dict[str, Any]:
    """All that is known of the periods of `model`, as JSON."""
    return {
        "type": "periods",
        "model": model.name,
        "model_version": model.version,
        "refused": dict(model.refused),
        "other_segments": model.other_segments,
        **({"costs_unmet": list(model.costs_unmet)} if model.costs_unmet else {}),
        "periods": [_document(period) for period in model.periods],
    }


def _document(period: PeriodStatus) -> dict[str, Any]:
    calibrated = period.calibrated
    estimate_of = {**ESTIMATE_OF, "cost": "estimated_cost"}
    names = dict.fromkeys((*period.as_labelled, *period.figures))
    names |= dict.fromkeys(name for name, estimate in estimate_of.items() if estimate in period.estimated)
    document: dict[str, Any] = {
        "start_ms": period.start_ms,
        "end_ms": period.end_ms,
        "predictions": period.predictions,
        "labels": period.labels,
        "labelled_share": labelled_share(period),
        "label_share_expected": period.share_final,
        "maturity": period.share_of_final,
        "cannot_judge": period.immature,
        "figures": {
            name: {
                "as_labelled": period.as_labelled.get(name),
                "corrected": _ends(period.figures.get(name)),
                "estimated": _ends(period.estimated.get(estimate_of.get(name, ""))),
            }
            for name in names
        },
    }
    if calibrated is not None:
        document["estimated_by"] = {
            "labels": calibrated.labels, "start_ms": calibrated.start_ms, "end_ms": calibrated.end_ms
        }  # fmt: skip
    if period.segments:
        document["segments"] = {name: _document(segment) for name, segment in period.segments.items()}
    return document


def _ends(figure: Told | None) -> dict[str, float | None] | None:
    return None if figure is None else dict(zip(("value", "low", "high"), figure, strict=True))
