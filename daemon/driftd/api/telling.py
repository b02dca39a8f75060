"""Documents out of views. Rule: a view is read once and not kept; nothing is asked of an engine."""

from collections.abc import Mapping, Sequence
from typing import Any

from driftd import __version__
from driftd.api.documents import (
    PHASES_UNJUDGED,
    WHY_ABSENT,
    WHY_NO_LABELS,
    WHY_NO_PERIOD,
    WHY_WANDERS,
    FigureDocument,
    ModelDocument,
    Models,
    ModelSummary,
    OpenNow,
    PartitionLag,
    PeriodDocument,
    ProducerDocument,
    ShardDocument,
    State,
    Unjudged,
    Worker,
)
from driftd.api.standing import Standing
from driftd.contract.standing import Subject
from driftd.engine.period_status import WHY, PeriodStatus, Told
from driftd.engine.status import ModelStatus
from driftd.shard_view import Phase, ServiceView, ShardView


def worker_document(view: ServiceView, open_now: OpenNow) -> Worker:
    """How the worker is."""
    reasons = view.unready()
    return Worker(
        version=__version__,
        ready=not reasons,
        reasons=reasons,
        stand_by=view.shards == {},
        shards=[shard_document(shard) for shard in _shards(view)],
        shard_count=view.shard_count,
        open_now=open_now,
    )


def shard_document(view: ShardView) -> ShardDocument:
    """How a shard is."""
    lags = [
        PartitionLag(topic=source.topic, partition=source.partition, records=lag)
        for source, lag in sorted(view.lag_records.items())
    ]
    return ShardDocument(
        shard=view.shard,
        phase=view.phase.value,
        reason=view.reason,
        lag_records=sum(lag.records for lag in lags),
        lags=lags,
        records=dict(view.records),
        published=dict(view.published),
        commits=view.commits,
        restarts=view.restarts,
        state_bytes=sum(view.state_bytes.values()),
        clock_ms=view.status.clock_ms,
        models=len(view.status.models),
    )


def models_document(view: ServiceView) -> Models:
    """The models of all shards of the worker."""
    found = [
        ModelSummary(**_summary(shard, model)) for shard in _shards(view) for model in shard.status.models
    ]
    return Models(
        models=sorted(found, key=lambda one: one.name),
        shards=[shard.shard for shard in _shards(view)],
        shard_count=view.shard_count,
    )


def model_document(view: ServiceView, name: str) -> ModelDocument | None:
    """The model called `name`; None where this worker watches none of that name."""
    for shard in _shards(view):
        for model in shard.status.models:
            if model.name == name:
                return _model(shard, model)
    return None


def open_now_document(standing: Standing | None, stale_since_ms: int | None) -> OpenNow:
    """How what is open is known; `standing` is None before the topic was read to its end."""
    known = standing or Standing()
    counts = {subject: sum(1 for _ in known.all(subject)) for subject in Subject}
    return OpenNow(
        complete=standing is not None,
        stale=stale_since_ms is not None,
        stale_since_ms=stale_since_ms,
        incidents=counts[Subject.INCIDENT],
        requests=counts[Subject.REQUEST],
        silences=counts[Subject.SILENCE],
        unreadable=known.unreadable,
        not_held=known.not_held,
    )


def unjudged(shard: ShardView, model: ModelStatus) -> list[Unjudged]:
    """What cannot be judged of `model`, and why; the whole of it first."""
    found = []
    if shard.phase is not Phase.RUNNING:
        reason = f": {shard.reason}" if shard.reason else ""
        found.append(("model", f"shard {shard.shard} is {shard.phase.value}{reason}"))
    if (why := PHASES_UNJUDGED.get(model.phase)) is not None:
        found.append(("model", why.format(missing=model.events_missing)))
    found += model.silent
    found += [(signal, WHY_WANDERS) for signal in model.unjudged]
    found += [(signal, WHY_ABSENT) for signal in model.absent]
    if not any(period.immature is None for period in model.periods):
        ended = [period.immature for period in model.periods if period.immature != "open"]
        why = (
            f"no period of time can be judged yet; the latest: {WHY[ended[-1] or '']}"
            if ended
            else WHY_NO_PERIOD
        )
        found.append(("performance", why if model.labels_joined else WHY_NO_LABELS))
    return [Unjudged(what=what, why=why) for what, why in found]


def state_of(shard: ShardView, model: ModelStatus, gaps: Sequence[Unjudged]) -> State:
    """The state of `model`, of which `gaps` cannot be judged."""
    if shard.phase is not Phase.RUNNING or model.phase != "watching":
        return "cannot_judge"
    if model.open_incidents:
        return "incident"
    return "partly_judged" if gaps else "quiet"


def period_document(period: PeriodStatus) -> PeriodDocument:
    """How a model did in `period`."""
    return PeriodDocument(
        start_ms=period.start_ms,
        end_ms=period.end_ms,
        predictions=period.predictions,
        labels=period.labels,
        immature=None if period.immature is None else WHY[period.immature],
        as_labelled=dict(period.as_labelled),
        realised=_figures(period.figures),
        estimated=_figures(period.estimated),
        share_final=period.share_final,
        share_of_final=period.share_of_final,
    )


def _figures(told: Mapping[str, Told]) -> dict[str, FigureDocument]:
    return {
        name: FigureDocument(value=value, low=low, high=high) for name, (value, low, high) in told.items()
    }


def _shards(view: ServiceView) -> list[ShardView]:
    return [shard for _, shard in sorted((view.shards or {}).items())]


def _summary(shard: ShardView, model: ModelStatus) -> dict[str, Any]:
    """The fields of `ModelSummary`."""
    gaps = unjudged(shard, model)
    judged = [period for period in model.periods if period.immature is None]
    return {
        "name": model.name,
        "version": model.version,
        "shard": shard.shard,
        "state": state_of(shard, model, gaps),
        "phase": model.phase,
        "cannot_judge": gaps,
        "events_missing": model.events_missing,
        "open_incidents": list(model.open_incidents),
        "request": model.request,
        "predictions": model.predictions,
        "labels_joined": model.labels_joined,
        "performance": period_document(judged[-1]) if judged else None,
        "latest": period_document(model.periods[-1]) if model.periods else None,
    }


def _model(shard: ShardView, model: ModelStatus) -> ModelDocument:
    return ModelDocument(
        **_summary(shard, model),
        clock_ms=shard.status.clock_ms,
        waiting_predictions=model.waiting_predictions,
        waiting_labels=model.waiting_labels,
        waiting_bytes=model.waiting_bytes,
        unstable=dict(model.unstable),
        over_budget=list(model.over_budget),
        newcomers=list(model.newcomers),
        periods=[period_document(period) for period in model.periods],
        counters=dict(model.counters),
        producers=[
            ProducerDocument(source=source, what=what, count=count) for source, what, count in model.producers
        ],
    )
