"""How a model's one false-alarm budget is shared. Rule: all shares together are one budget, whatever is configured."""

from typing import Final

from driftd.config import ModelSettings

INPUTS_SHARE: Final = 0.5
"""Of the detectors on features, predictions, scores, latency and failures."""
LABELS_SHARE: Final = 0.1
"""Of the watches of the labels themselves."""
DIVERGENCE_SHARE: Final = 0.02
"""Of what labels say against what was to be expected."""


def silence_share(settings: ModelSettings) -> float:
    """Of what ticks find."""
    return settings.silence.budget_share if settings.silence.enabled else 0.0


def outcomes_share(settings: ModelSettings) -> float:
    """Of the detectors on error and loss: all the rest."""
    return 1.0 - INPUTS_SHARE - LABELS_SHARE - DIVERGENCE_SHARE - silence_share(settings)
