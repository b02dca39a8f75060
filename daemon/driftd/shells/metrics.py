"""What Prometheus reads. Rule: every counter of the engine is a metric of the same name; a phase is shown, not guessed.

`driftd_model_phase` has one series per model and phase, 1 for the one it is in: a model that cannot be judged yet
is at "learning", "reference" or "silent", never merely without alerts. What is counted begins at 0, not at its first
event: Prometheus sees no increase in a series that was not there before. docs/metrics.md is made from this file.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from driftd import __version__
from driftd.contract.rejection import RejectionReason
from driftd.engine.request import IN_FLIGHT, RequestPhase
from driftd.engine.status import ModelStatus
from driftd.shard_view import Phase, ServiceView, ShardView

COMMIT_SECONDS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
ENGINE_COUNTERS: Final = ("records", "records_skipped", "offsets_without_record", "control_events")
MODEL_PHASES: Final = ("learning", "reference", "watching", "silent")

MODEL_COUNTERS: Final[Mapping[str, str]] = {
    "predictions": "Predictions watched.",
    "labels": "Labels read.",
    "labels_joined": "Labels that found their prediction.",
    "labels_corrected": "Labels that replaced another one of their prediction.",
    "labels_agreed": "Labels that said the same as another annotator's.",
    "labels_repeated": "Labels that said again what was said, of the same annotator.",
    "labels_too_late": "Labels of a time too long after their prediction (labels.join_window_ms): not joined.",
    "labels_without_weight": "Labels of weight 0: joined, and counted for nothing.",
    "labels_of_other_type": "Labels of another type (text, number, boolean) than the first one's.",
    "early_labels_evicted_by_count": "Labels that waited for no prediction any longer (labels.waiting_labels_max).",
    "early_labels_evicted_by_bytes": "Labels that waited no longer (labels.waiting_labels_bytes_max).",
    "early_labels_evicted_by_window": "Labels that waited no longer (labels.join_window_ms).",
    "predictions_unlabelled_evicted_by_count": "Predictions waited for no longer (labels.waiting_predictions_max).",
    "predictions_unlabelled_evicted_by_bytes": "Predictions waited for no longer (waiting_predictions_bytes_max).",
    "predictions_unlabelled_evicted_by_window": "Predictions waited for no longer (labels.join_window_ms).",
    "predictions_unlabelled_evicted_by_version": "Predictions waited for no longer: of a version that is over.",
    "predictions_repeated": "Predictions whose id came before.",
    "predictions_of_past_versions": "Predictions of a version that was replaced: counted, not watched.",
    "out_of_order": "Labelled predictions whose turn had passed (labels.reorder_max).",
    "features_ignored": "Feature values beyond limits.features_max or not among the features watched.",
    "improvements": "References of error and loss begun anew because those had become smaller.",
    "sequence_missing": "Events that their producer numbered and that never came.",
    "sequence_invalid": "Events whose sequence is no whole number below 10^18, or that have no source beside it.",
    "sequence_sources_ignored": "Numbered events of sources beyond the first 64: their gaps are not seen.",
    "alerts_opened": "Alerts: incidents opened.",
    "alerts_updated": "Alerts: incidents changed.",
    "alerts_resolved": "Alerts: incidents over.",
    "deployments": "New versions.",
    "detectors_begun_anew": "Detectors whose options changed since their state was stored.",
    "resets": "References begun anew by a command.",
    **{
        f"retraining_{phase.value}": f"Retraining requests that became {phase.value}."
        for phase in RequestPhase
    },
}
"""Counters of a model that are metrics of their own, with what they count; others come as they are named."""


class ServiceCollector(Collector):
    """Makes metrics of a `ServiceView` whenever they are asked for."""

    def __init__(self, view: ServiceView) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric]:
        """All metrics of all shards."""
        shards = [view for _, view in sorted((self._view.shards or {}).items())]
        yield gauge("build_info", "The version that runs.", ["version"], [((__version__,), 1)])
        yield gauge("ready", "1 where /readyz says so.", [], [((), not self._view.unready())])
        yield gauge("shards_configured", "topics.shard_count.", [], [((), self._view.shard_count)])
        yield from shard_metrics(shards)
        yield from engine_metrics(shards)
        yield from model_metrics([model for view in shards for model in view.status.models])


def build_registry(view: ServiceView) -> tuple[CollectorRegistry, Histogram]:
    """The registry with all metrics of `view`, and the one that the loops observe: seconds per commit."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    commits = Histogram(
        "driftd_commit_duration_seconds",
        "How long a transaction took.",
        buckets=COMMIT_SECONDS,
        registry=registry,
    )
    registry.register(ServiceCollector(view))
    return registry, commits


def shard_metrics(shards: Sequence[ShardView]) -> Iterator[Metric]:
    """How the shards are."""
    phases = [((str(one.shard), phase.value), one.phase is phase) for one in shards for phase in Phase]
    yield gauge("shard_phase", "1 for the phase that the shard is in.", ["shard", "phase"], phases)
    restarts = [((str(one.shard),), one.restarts) for one in shards]
    yield counter("shard_restarts", "How often the shard went back to its store.", ["shard"], restarts)
    commits = [((str(one.shard),), one.commits) for one in shards]
    yield counter("commits", "Transactions committed.", ["shard"], commits)
    records = [((str(one.shard), topic), count) for one in shards for topic, count in one.records.items()]
    yield counter("records", "Records applied since the process began.", ["shard", "topic"], records)
    published = [((str(one.shard), kind), count) for one in shards for kind, count in one.published.items()]
    yield counter(
        "events_published", "Events published since the process began.", ["shard", "type"], published
    )
    lags = [
        ((source.topic, str(source.partition)), lag)
        for one in shards
        for source, lag in one.lag_records.items()
    ]
    yield gauge(
        "lag_records", "Records in the partition that were not applied yet.", ["topic", "partition"], lags
    )
    sizes = [((str(one.shard),), sum(one.state_bytes.values())) for one in shards]
    yield gauge("state_bytes", "Size of the stored state.", ["shard"], sizes)


def engine_metrics(shards: Sequence[ShardView]) -> Iterator[Metric]:
    """What the engines have counted, since their states began."""
    rejected: dict[str, int] = dict.fromkeys(RejectionReason, 0)
    others: dict[str, int] = dict.fromkeys(ENGINE_COUNTERS, 0)
    for one in shards:
        for name, count in one.counters.items():
            into, key = (rejected, name[9:]) if name.startswith("rejected.") else (others, name)
            into[key] = into.get(key, 0) + count
    yield counter(
        "events_rejected",
        "Events that could not be used.",
        ["reason"],
        [((r,), n) for r, n in rejected.items()],
    )
    yield counter(
        "engine_events", "What the engine has counted.", ["name"], [((r,), n) for r, n in others.items()]
    )


def model_metrics(models: Sequence[ModelStatus]) -> Iterator[Metric]:
    """How the models are."""
    phases = [((one.name, phase), one.phase == phase) for one in models for phase in MODEL_PHASES]
    yield gauge("model_phase", "1 for the phase that the model is in.", ["model", "phase"], phases)
    missing = [((one.name,), one.events_missing) for one in models]
    yield gauge("model_events_missing", "Events until the model can be judged.", ["model"], missing)
    silent = [((one.name, feed), 1) for one in models for feed, _ in one.silent]
    yield gauge(
        "model_silent", "1 for what does not come, or cannot be judged by.", ["model", "feed"], silent
    )
    sent = [((one.name, source, what), n) for one in models for source, what, n in one.producers]
    yield counter(
        "model_producer_events",
        "Of each source that numbers its events: missing, late, repeated, restarts, unjudged.",
        ["model", "source", "what"],
        sent,
    )
    unjudged = [((one.name,), len(one.unjudged)) for one in models]
    yield gauge("model_signals_unjudged", "Signals that the reference cannot judge yet.", ["model"], unjudged)
    over = [((one.name,), len(one.over_budget)) for one in models]
    yield gauge(
        "model_detectors_over_budget",
        "Detectors and signals whose share of the false-alarm budget no calibration could reach.",
        ["model"],
        over,
    )
    absent = [((one.name,), len(one.absent)) for one in models]
    yield gauge(
        "model_signals_absent", "Signals that the latest events have no values of.", ["model"], absent
    )
    newcomers = [((one.name,), len(one.newcomers)) for one in models]
    yield gauge(
        "model_features_not_in_reference",
        "Features that came later, and are not watched.",
        ["model"],
        newcomers,
    )
    waiting = [((one.name,), one.waiting_predictions) for one in models]
    yield gauge("model_waiting_predictions", "Predictions that wait for their label.", ["model"], waiting)
    early = [((one.name,), one.waiting_labels) for one in models]
    yield gauge("model_waiting_labels", "Labels that wait for their prediction.", ["model"], early)
    sizes = [((one.name,), one.waiting_bytes) for one in models]
    yield gauge("model_waiting_bytes", "Memory that both take, about.", ["model"], sizes)
    yield incident_metric(models)
    yield from performance_metrics(models)
    yield from retraining_metrics(models)
    names = [
        *MODEL_COUNTERS,
        *sorted({name for one in models for name in one.counters} - MODEL_COUNTERS.keys()),
    ]
    for name in names:
        counts = [((one.name,), one.counters.get(name, 0)) for one in models]
        about = MODEL_COUNTERS.get(name, f"{name.replace('_', ' ')} of the model.")
        yield counter(f"model_{name}", about, ["model"], counts)


def incident_metric(models: Sequence[ModelStatus]) -> Metric:
    """The open incidents; `silenced` is true for those that a silence of driftd covers."""
    counts = Counter(
        (one.name, each.kind, each.severity, str(each.is_silenced).lower())
        for one in models
        for each in one.incidents
    )
    about = "Incidents that are open; silenced: by a command in driftd.control."
    return gauge("model_open_incidents", about, ["model", "kind", "severity", "silenced"], counts.items())


def performance_metrics(models: Sequence[ModelStatus]) -> Iterator[Metric]:
    """The latest period of each model that can be judged: about ten series for each."""
    latest = [(one.name, period) for one in models for period in one.periods[::-1] if period.immature is None]
    judged = dict(reversed(latest))
    figures = [
        ((name, figure), value[0])
        for name, period in judged.items()
        for figure, value in period.figures.items()
    ]
    about = "The latest mature period, by the time of predictions, corrected for who is labelled early."
    yield gauge("model_performance", about, ["model", "figure"], figures)
    estimated = [
        ((one.name, figure), value[0])
        for one in models
        for figure, value in (one.periods[-1].estimated if one.periods else {}).items()
    ]
    about = "What is to be expected of the latest period, without its labels."
    yield gauge("model_performance_estimated", about, ["model", "figure"], estimated)
    begins = [((name,), period.start_ms / 1000) for name, period in judged.items()]
    yield gauge(
        "model_performance_period_start_timestamp_seconds",
        "When that period began, since 1970.",
        ["model"],
        begins,
    )
    waiting = [((one.name,), sum(period.immature is not None for period in one.periods)) for one in models]
    yield gauge("model_periods_immature", "Periods that cannot be judged yet.", ["model"], waiting)


def retraining_metrics(models: Sequence[ModelStatus]) -> Iterator[Metric]:
    """The retraining request that is in flight."""
    phases = [((one.name, phase), one.request == phase) for one in models for phase in sorted(IN_FLIGHT)]
    about = "1 for the phase that the retraining request in flight is in; all 0 where there is none."
    yield gauge("model_retraining_phase", about, ["model", "phase"], phases)
    deadlines = [
        ((one.name,), one.request_deadline_ms / 1000) for one in models if one.request_deadline_ms is not None
    ]
    about = "Until when the request in flight is to be answered or, if watched, verified; since 1970."
    yield gauge("model_retraining_deadline_timestamp_seconds", about, ["model"], deadlines)


def gauge(
    name: str, about: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str], float]]
) -> GaugeMetricFamily:
    """A gauge `driftd_NAME`."""
    family = GaugeMetricFamily(f"driftd_{name}", about, labels=labels)
    for values, number in samples:
        family.add_metric(values, float(number))
    return family


def counter(
    name: str, about: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str], float]]
) -> CounterMetricFamily:
    """A counter `driftd_NAME_total`."""
    family = CounterMetricFamily(f"driftd_{name}", about, labels=labels)
    for values, number in samples:
        family.add_metric(values, float(number))
    return family
