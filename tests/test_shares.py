"""One false-alarm budget per model: whatever speaks has a part of it."""

import pytest

from driftd.config import ModelSettings
from driftd.engine.shares import (
    DIVERGENCE_SHARE,
    INPUTS_SHARE,
    LABELS_SHARE,
    outcomes_share,
    silence_share,
)


@pytest.mark.parametrize("silence", [{}, {"budget_share": 0.3}, {"enabled": False}])
def test_all_shares_together_are_the_budget(silence: dict[str, object]) -> None:
    settings = ModelSettings.model_validate({"silence": silence})
    shares = (INPUTS_SHARE, outcomes_share(settings), LABELS_SHARE, DIVERGENCE_SHARE, silence_share(settings))
    assert min(shares[:4]) > 0
    assert sum(shares) == pytest.approx(1.0)
