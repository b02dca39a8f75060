"""Runs in Dagster's environment: what the sensor begins, and what becomes of it; one JSON document to stdout."""

import json
import sys

import dagster

from examples.retraining.dagster_sensor import definitions, retraining_requests


def main() -> None:
    """Look twice, as Dagster does; run what is begun."""
    with dagster.DagsterInstance.ephemeral() as instance:
        repository = definitions.get_repository_def()
        job = definitions.resolve_job_def("retraining")
        looks = []
        for _ in range(2):
            context = dagster.build_sensor_context(instance=instance, repository_def=repository)
            looks.append(retraining_requests.evaluate_tick(context).run_requests)
        (request,) = looks[0]
        ran = job.execute_in_process(run_config=request.run_config, instance=instance)
    document = {
        "keys": [[one.run_key for one in look] for look in looks],
        "tags": {name: request.tags[name] for name in ("model", "stage")},
        "succeeded": ran.success,
    }
    json.dump(document, sys.stdout)


if __name__ == "__main__":
    main()
