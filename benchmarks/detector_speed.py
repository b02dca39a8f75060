"""What it costs to watch one value with the default detector, part by part, beside ADWIN; and the state of a model.

`python -m benchmarks.detector_speed` counts and weighs batches of normal values in steady state, after the reference.
Times are of the processor, the least of `--repeats` rounds: noise only ever adds. "adwin" is River's, one value after
the other, on one signal.
"""

import time
from collections.abc import Sequence

import msgspec
import numpy as np

from benchmarks.detection.subjects import EventPlaces, columns_of, schema_of
from benchmarks.report import Row, arguments, publish
from driftd.config_models import ModelSettings
from driftd.detectors.base import Scale
from driftd.detectors.registry import DETECTORS
from driftd.engine.stream import Stream, StreamName
from driftd.reference.cut import start
from driftd.reference.document import profile_to_json

REFERENCE_EVENTS = 20_000
ADWIN_VALUES = 50_000
SHAPES = ((30, 2_000), (30, 8_000), (50, 2_000))


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Measure as `argv` says; the rows that were printed."""
    parser = arguments(__doc__)
    parser.add_argument("--events", type=int, default=200_000, help="events of a round")
    parser.add_argument("--repeats", type=int, default=5, help="rounds of which the fastest counts")
    parser.add_argument("--pane", type=int, default=512, help="events in a pane, as at high traffic")
    chosen = parser.parse_args(argv)
    adwin_ns = _adwin_ns(chosen.repeats)
    rows = [_row(*shape, chosen.events, chosen.repeats, chosen.pane, adwin_ns) for shape in SHAPES]
    publish("detector_speed", rows, {"events": chosen.events, "pane": chosen.pane}, chosen.json)
    return rows


def _row(signals: int, batch: int, events: int, repeats: int, pane: int, adwin_ns: float) -> Row:
    stream = _watching(signals, pane)
    profile = stream.profile
    if profile is None or stream.watchers is None or stream.counter is None:
        raise RuntimeError("the reference is not complete")
    values = np.random.default_rng(2).standard_normal((signals, events))
    least: dict[str, float] = {}
    at = REFERENCE_EVENTS
    for _ in range(repeats):
        took = dict.fromkeys(("bins", "panes", "window", "evidence"), 0.0)
        for begin in range(0, events, batch):
            part = values[:, begin : begin + batch].copy()  # as the decoder would just have written it
            times = [time.process_time()]
            bins, quanta = profile.binning.count(part)
            times.append(time.process_time())
            panes = [one for _, one in stream.counter.add(bins, quanta, EventPlaces(at, at + part.shape[1]))]
            times.append(time.process_time())
            windows = [stream.window.add(one) for one in panes]
            times.append(time.process_time())
            stream.watchers.panes(panes, windows)
            times.append(time.process_time())
            for name, seconds in zip(took, np.diff(times).tolist(), strict=True):
                took[name] += seconds
            at += part.shape[1]
        for name, seconds in took.items():
            least[name] = min(seconds / values.size * 1e9, least.get(name, np.inf))
    total = sum(least.values())
    state = len(msgspec.json.encode(stream.watchers.state()))
    reference = len(msgspec.json.encode(profile_to_json(profile)))
    return {
        "signals": signals,
        "batch": batch,
        **{f"{name}_ns": round(ns, 2) for name, ns in least.items()},
        "total_ns_per_value": round(total, 1),
        "adwin_ns_per_value": round(adwin_ns),
        "ratio": round(adwin_ns / total, 1),
        "state_kb": round(state / 1024, 1),
        "reference_kb": round(reference / 1024, 1),
    }


def _watching(signals: int, pane: int) -> Stream:
    """A stream that has counted its reference of normal values."""
    settings = ModelSettings.model_validate(
        {
            "reference": {"reference_events": REFERENCE_EVENTS, "grow_days": 0.0, "cycle": "none"},
            "panes": {"events": pane},
        }
    )
    stream = Stream(StreamName.INPUTS, "measured", None, settings, 200)
    known = np.random.default_rng(1).standard_normal((REFERENCE_EVENTS, signals)).astype(np.float32)
    stream.start(start(schema_of(signals, False), columns_of(known[:500], False)), EventPlaces(0, 500))
    stream.add(columns_of(known, False), EventPlaces(0, REFERENCE_EVENTS))
    return stream


def _adwin_ns(repeats: int) -> float:
    """Nanoseconds per value of River's ADWIN behind its guard."""
    build = DETECTORS["adwin"].build_values
    if build is None:
        raise RuntimeError("ADWIN takes values")
    values = np.random.default_rng(3).standard_normal(ADWIN_VALUES)
    least = np.inf
    for _ in range(repeats):
        detector = build({}, Scale(0.0, 1.0), None)
        begin = time.process_time()
        detector.update(values)
        least = min(least, (time.process_time() - begin) / values.size * 1e9)
    return least


if __name__ == "__main__":
    main()
