"""What can be set per model about what becomes of findings, and about how the model is served.

Rule: as in `config_models`, which these tables are part of.
"""

from typing import Literal

from driftd.config_fields import Table, number, number_or_none, option, whole
from driftd.config_tables import DAY_MS, HOUR_MS, SPAN_MAX_MS


class Incidents(Table):
    """How findings become one incident, and how long it lives."""

    hold_panes: int = whole(
        2, 1, 10_000, "panes", "Panes in a row that must speak for a change before anybody is told."
    )
    keep_open_panes: int = whole(
        64, 1, 100_000, "panes", "Quiet panes in a row after which an incident is resolved."
    )
    join_panes: int = whole(
        64,
        0,
        1_000_000,
        "panes",
        "What begins within so many panes after an incident opened can be of the same story; later it is another one.",
    )
    reopen_ms: int = whole(
        6 * HOUR_MS,
        0,
        SPAN_MAX_MS,
        "milliseconds",
        "Signals that leave again within this time after they came back open the same incident again, and wake nobody.",
    )
    page: Literal["any", "harmful"] = option(
        "any",
        "What wakes people: any drift, or only what makes the model err more; benign drift then only informs.",
    )
    update_panes: int = whole(
        256,
        1,
        1_000_000,
        "panes",
        "Panes between two updates of an open incident, unless it gets more severe.",
    )


class Retraining(Table):
    """When a model is asked to be trained again."""

    enabled: bool = option(True, "Whether requests are published at all.")
    cooldown_ms: int = whole(
        DAY_MS,
        0,
        SPAN_MAX_MS,
        "milliseconds",
        "Time between two requests for one model, at least; it doubles with each that came to nothing.",
    )
    lasting_drift_panes: int = whole(
        128,
        1,
        1_000_000,
        "panes",
        "Panes that data drift has to stay open before it asks for retraining by itself.",
    )
    deadline_ms: int = whole(
        7 * DAY_MS,
        1,
        SPAN_MAX_MS,
        "milliseconds",
        "Time a new version may take before a request has expired.",
    )
    verify_ms: int = whole(
        14 * DAY_MS,
        1,
        SPAN_MAX_MS,
        "milliseconds",
        "Time that is waited for enough labels to judge whether the new version ended what was asked about.",
    )


class Silence(Table):
    """When it has been quiet for too long: by the rates that the model has shown, hour by hour of reference.cycle."""

    enabled: bool = option(True, "Whether silence of predictions, partitions and labels is judged at all.")
    shortest_ms: int = whole(
        60_000,
        1,
        30 * DAY_MS,
        "milliseconds",
        "Quiet that is shorter is never told; a rate is known after ten times as long.",
    )
    budget_share: float = number(
        0.1,
        0.0,
        0.3,
        "",
        "The part of the budget that false silences, and false changes of throughput, may take.",
    )


class Operations(Table):
    """Objectives of how the model is served, over 30 days: told when their error budget burns too fast."""

    latency_ms_p50_max: float | None = number_or_none(
        0.0, float(HOUR_MS), "milliseconds", "Half of the predictions are to take no longer."
    )
    latency_ms_p95_max: float | None = number_or_none(
        0.0, float(HOUR_MS), "milliseconds", "95 % of the predictions are to take no longer."
    )
    latency_ms_p99_max: float | None = number_or_none(
        0.0, float(HOUR_MS), "milliseconds", "99 % of the predictions are to take no longer."
    )
    failed_share_max: float | None = number_or_none(
        0.0, 1.0, "", "No larger share of the predictions is to fail (to carry an `error`)."
    )
