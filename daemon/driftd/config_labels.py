"""How labels find their predictions, and what they are compared as. Rule: one table, [defaults.labels]."""

from typing import Literal

from driftd.config_fields import Table, option, several, whole
from driftd.config_tables import DAY_MS, SPAN_MAX_MS, Name
from driftd.text_fillers import FILLERS


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
        "Predictions that wait for a label; each takes about 100 bytes of memory and 30 of the stored state.",
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
        "Periods that performance is told by; the latest 32 are held, 0.4 to 4 kB of the stored state each.",
    )
    text_case: bool = option(False, "Texts: whether upper and lower case differ.")
    text_punctuation: bool = option(False, "Texts: whether punctuation counts.")
    text_fillers: tuple[Name, ...] = several(
        FILLERS, "Texts: words that do not count, in lower case without punctuation."
    )
