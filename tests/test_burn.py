"""Objectives and their error budgets: when one burns, after the table of the Site Reliability Workbook."""

import pytest

from driftd.config import Operations
from driftd.engine.burn import Burn, objectives_of
from driftd.reference.cycle import DAY_MS, HOUR_MS
from streams import FIRST_MS

MINUTE_MS = 60_000


@pytest.mark.parametrize(
    ("what", "hours", "share", "last_share", "expected"),
    [
        ("nothing fails", 80, 0.0, 0.0, None),
        ("as much as is allowed", 80, 0.009, 0.009, None),
        ("14.4 times as much for an hour", 1, 0.15, 0.15, True),
        ("6 times as much for six hours", 6, 0.07, 0.07, True),
        ("a little more for three days", 80, 0.012, 0.012, False),
        ("it was an hour, and is over", 1, 0.15, 0.0, None),
    ],
)  # fmt: skip
def test_when_an_error_budget_burns(
    what: str, hours: int, share: float, last_share: float, expected: bool | None
) -> None:
    (objective,) = objectives_of(Operations(failed_share_max=0.01))
    burn = Burn(objective)
    now_ms = FIRST_MS
    for _ in range(7 * 24 * 12):
        burn.add(now_ms, 2_000, 0)
        now_ms += 5 * MINUTE_MS
    for _ in range(hours * 12):
        burn.add(now_ms, 2_000, int(2_000 * share))
        now_ms += 5 * MINUTE_MS
    for _ in range(3):
        burn.add(now_ms, 2_000, int(2_000 * last_share))
        now_ms += 5 * MINUTE_MS
    burning = burn.look(now_ms)
    assert (None if burning is None else burning.windows.urgent) == expected, what
    assert len(burn.blocks) <= 7 * 12 + 75
    assert burn.blocks[0][0] >= now_ms - 3 * DAY_MS - 2 * HOUR_MS


def test_a_few_failures_of_a_model_of_few_events_burn_nothing() -> None:
    (objective,) = objectives_of(Operations(failed_share_max=0.01))
    burn = Burn(objective)
    burn.add(FIRST_MS, 9, 9)
    assert burn.look(FIRST_MS) is None
