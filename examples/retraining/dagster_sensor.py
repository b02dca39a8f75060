"""A Dagster sensor that begins a run for each retraining request, and the job that answers it.

Rule: a request is what is open now. Each look reads all that is open; the run key is the request's id, so Dagster
begins one run for each and none twice, also after it was away, and no position has to be remembered.
DRIFTD_CONFIG names driftd's config.toml, DRIFTD_REGISTRY the folder of the versions.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import dagster

from driftd import subscribe
from driftd.subscribe import Request
from examples.retraining.worker import Worker, worker_for


def configured() -> Worker:
    """The worker of this deployment."""
    return worker_for(
        Path(os.environ["DRIFTD_CONFIG"]),
        Path(os.environ["DRIFTD_REGISTRY"]),
        is_recorded="DRIFTD_RECORDED" in os.environ,
    )


@dagster.op(config_schema={"request": str})
def retrain(context: dagster.OpExecutionContext) -> None:
    """Train for the request, and answer it."""
    request = Request.model_validate_json(context.op_config["request"])
    context.log.info(configured().answer(request))


@dagster.job
def retraining() -> None:
    """One request, answered."""
    retrain()


@dagster.sensor(
    job=retraining, minimum_interval_seconds=30, default_status=dagster.DefaultSensorStatus.RUNNING
)
def retraining_requests(_context: dagster.SensorEvaluationContext) -> Iterator[dagster.RunRequest]:
    """Begin a run for each request that waits for an answer."""
    worker = configured()
    with subscribe.requests(worker.settings, topics=worker.topics, start="open", follow=False) as requests:
        for request in requests:
            if request.data.phase == "requested":
                yield dagster.RunRequest(
                    run_key=request.data.request_id,
                    run_config={"ops": {"retrain": {"config": {"request": request.model_dump_json()}}}},
                    tags={"model": request.data.model, "stage": request.data.stage},
                )


definitions = dagster.Definitions(jobs=[retraining], sensors=[retraining_requests])
