"""The table of docs/metrics.md. Rule: it is made of what /metrics shows of a worker that has something of everything.

python tests/metric_table.py      # writes the table of docs/metrics.md anew
"""

import re
from collections import Counter

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from architecture import ROOT
from driftd.api.board import Board
from driftd.api.standing import Standing
from driftd.contract.record import Source
from driftd.engine.period_status import PeriodStatus
from driftd.engine.status import EngineStatus, IncidentStatus, ModelStatus
from driftd.shard_view import Phase, ServiceView, ShardView
from driftd.shells.api_metrics import ApiCollector
from driftd.shells.metrics import build_registry

PAGE = ROOT / "docs" / "metrics.md"
TABLE = re.compile(r"^\| Metric \|.*?\n(?=\n|\Z)", re.MULTILINE | re.DOTALL)


def busy_model(name: str = "fraud") -> ModelStatus:
    """A model with an incident of each severity, a request in flight, and something of all that can be missing."""
    figures = {"accuracy": (0.9, 0.88, 0.92)}
    return ModelStatus(
        name=name,
        version="7",
        phase="silent",
        events_missing=10,
        predictions=5_000,
        labels_joined=4_000,
        waiting_predictions=1_000,
        waiting_labels=3,
        waiting_bytes=120_000,
        open_incidents=("performance", "silence", "data_drift"),
        request="accepted",
        unjudged=("features.amount",),
        unstable=(),
        counters={"predictions": 5_000, "labels_joined": 4_000},
        over_budget=("adwin on features.amount",),
        absent=("features.age",),
        newcomers=("country",),
        silent=(("labels", "no labels for 3 hours"),),
        periods=(PeriodStatus(0, 86_400_000, 5_000, 4_000, None, figures, estimated=figures),),
        producers=(("/pay", "missing", 3),),
        incidents=(
            IncidentStatus("performance", "critical", is_silenced=False),
            IncidentStatus("silence", "warning", is_silenced=False),
            IncidentStatus("data_drift", "info", is_silenced=True),
        ),
        request_deadline_ms=1_790_000_000_000,
    )


def busy_registry() -> CollectorRegistry:
    """What /metrics of a worker shows that owns one shard with `busy_model`."""
    shard = ShardView(
        0,
        Phase.RUNNING,
        counters={"records": 9_000, "rejected.malformed_json": 2},
        status=EngineStatus(1_790_000_000_000, (busy_model(),)),
        lag_records={Source("predictions", 0): 12},
        state_bytes={"model/fraud": 40_000},
        records=Counter({"predictions": 5_000}),
        published=Counter({"dev.driftd.alert.opened.v1": 3}),
        commits=120,
        restarts=1,
    )
    registry, commit_seconds = build_registry(ServiceView({0: shard}))
    registry.register(ApiCollector(Board(Standing()), lambda: 2))
    commit_seconds.observe(0.02)
    return registry


def shown_name(family: Metric) -> str:
    """The name that queries use."""
    return f"{family.name}_total" if family.type == "counter" else family.name


def metric_rows(registry: CollectorRegistry) -> list[str]:
    """A row per metric of driftd's own, in alphabetical order."""
    rows = []
    for family in sorted(registry.collect(), key=lambda one: one.name):
        if not family.name.startswith("driftd_"):
            continue
        labels = sorted({label for sample in family.samples for label in sample.labels} - {"le"})
        words = ", ".join(f"`{label}`" for label in labels)
        rows.append(f"| `{shown_name(family)}` | {family.type} | {words} | {family.documentation} |")
    return rows


def metric_table(registry: CollectorRegistry) -> str:
    """The table as Markdown."""
    head = ["| Metric | Type | Labels | What it is |", "|---|---|---|---|"]
    return "\n".join([*head, *metric_rows(registry)]) + "\n"


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(TABLE.sub(lambda _: metric_table(busy_registry()), page, count=1), encoding="utf-8")
