"""An Airflow Dag that runs for each retraining request: an asset's watcher reads the topic, the Dag answers.

The connection `driftd` (type kafka) has the brokers, a group.id, auto.offset.reset=earliest, enable.auto.commit=false
and isolation.level=read_committed. The trigger sleeps on each message that is no request: that is why requests have a
topic of their own. DRIFTD_CONFIG names driftd's config.toml, DRIFTD_REGISTRY the folder of the versions.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow.providers.common.messaging.triggers.msg_queue import MessageQueueTrigger
from airflow.sdk import Asset, AssetWatcher, dag, task

from driftd.subscribe import Request, decode_value
from examples.retraining.worker import worker_for


def requested(message: Any) -> dict[str, Any] | None:
    """What the asset's event carries: the request; None, and no event, for what became of an earlier one."""
    event = decode_value(message.value() or b"")
    if not isinstance(event, Request) or event.data.phase != "requested":
        return None
    return event.model_dump(mode="json")


asset = Asset(
    "driftd_retraining",
    watchers=[
        AssetWatcher(
            name="driftd_retraining",
            trigger=MessageQueueTrigger(
                scheme="kafka",
                kafka_config_id="driftd",
                topics=[os.environ.get("DRIFTD_RETRAINING_TOPIC", "driftd.retraining")],
                apply_function="airflow_dag.requested",
            ),
        )
    ],
)


@dag(schedule=[asset], max_active_runs=1)
def retraining() -> None:
    """One run for the requests that have come."""

    @task
    def retrain(triggering_asset_events: Mapping[Any, Sequence[Any]] | None = None) -> list[str]:
        """Train for each request, and answer it; what came of them, in words."""
        worker = worker_for(
            Path(os.environ["DRIFTD_CONFIG"]),
            Path(os.environ["DRIFTD_REGISTRY"]),
            is_recorded="DRIFTD_RECORDED" in os.environ,
        )
        events = (triggering_asset_events or {}).get(asset, ())
        return [worker.answer(Request.model_validate(event.extra["payload"])) for event in events]

    retrain()


retraining()
