"""Runs in Airflow's environment: whether the Dag loads, what the trigger makes of messages, what the task does."""

import asyncio
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow.dag_processing.dagbag import DagBag

FILE = Path(__file__).parents[1] / "examples" / "retraining" / "airflow_dag.py"


async def first_event(trigger: Any) -> Any:
    """What the trigger fires with, as the triggerer runs it."""
    try:
        async for event in trigger.run():
            return event.payload
    finally:
        await trigger.cleanup()


def main() -> None:
    """Load, wait for a request, answer it."""
    bag = DagBag(dag_folder=str(FILE), collect_dags=False)
    bag.collect_dags(dag_folder=str(FILE), safe_mode=False)
    dag = bag.dags["retraining"]
    sys.path.insert(0, str(FILE.parent))  # as the folder of Dags is on it
    import airflow_dag  # noqa: PLC0415 - only now can it be found

    (watcher,) = airflow_dag.asset.watchers
    payload = asyncio.run(first_event(watcher.trigger.trigger))
    task = dag.get_task("retrain")
    events = {airflow_dag.asset: [SimpleNamespace(extra={"from_trigger": True, "payload": payload})]}
    answers = task.python_callable(triggering_asset_events=events)
    document = {
        "errors": {str(file): error for file, error in bag.import_errors.items()},
        "tasks": sorted(dag.task_ids),
        "trigger": watcher.trigger.trigger.serialize()[0].rpartition(".")[2],
        "request_id": payload["data"]["request_id"],
        "answers": answers,
    }
    Path(sys.argv[1]).write_text(json.dumps(document), encoding="utf-8")  # Airflow writes its log to stdout


if __name__ == "__main__":
    main()
