"""kill -9 loses nothing and doubles nothing: the daemon is killed at random moments under load, on a real broker.

`DRIFTD_KILLS` says how often (default 20; `make kills` takes 1,000).
"""

import json
import os
import random
import time
from pathlib import Path

from broker import Broker
from driftd_process import Daemon, Setup, wait_until
from streams import Story

KILLS = int(os.environ.get("DRIFTD_KILLS", "20"))
EVENTS_PER_KILL = 1_400
SMALL_STEPS = "batch_records_max = 25\ncommit_interval_ms = 20"
"""So that a commit falls into nearly every moment, and the stream outlasts the kills."""
REACH_S = 0.6
"""Kills come within so long of the start of work at first; later than that where a daemon got nowhere, since machines
differ."""


def test_a_daemon_killed_at_random_moments_says_what_an_uninterrupted_one_says(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    calm = Setup(tmp_path, broker.bootstrap, topic_prefix, outputs="calm.")
    killed = Setup(tmp_path, broker.bootstrap, topic_prefix, outputs="killed.", more_kafka=SMALL_STEPS)
    calm.driftd("topics", "create")
    killed.driftd("topics", "create")
    calm.send(Story(seed=KILLS, events=KILLS * EVENTS_PER_KILL).tell())

    with Daemon(calm) as daemon:
        wait_until(calm.is_done, "the uninterrupted run", seconds_max=60 + KILLS)
        assert daemon.stop() == 0

    moments, reach_s = random.Random(1), REACH_S
    places = [0]
    for kill in range(KILLS):
        with Daemon(killed, f"kill-{kill}") as daemon:
            if kill % 5:
                daemon.wait_for("shard runs")
                time.sleep(moments.uniform(0.0, reach_s))
            else:
                time.sleep(moments.uniform(0.0, 1.5))  # also while it starts
            daemon.kill9()
        places.append(sum(killed.applied().values()))
        reach_s = reach_s * 1.5 if places[-1] == places[-2] else max(reach_s * 0.8, REACH_S)
    assert not killed.is_done(), "the stream ended before the kills did: nothing was under load any more"
    assert len(set(places)) > KILLS / 2, "most kills hit a daemon that had done nothing"

    with Daemon(killed, "last") as daemon:
        wait_until(killed.is_done, "the rest", seconds_max=120 + KILLS)
        assert daemon.stop() == 0

    expected, found = calm.outputs(), killed.outputs()
    assert all(expected.values()), "each topic has something in it, or equality would say little"
    assert found == expected
    assert killed.open_now() == calm.open_now() != {}
    alerts = [json.loads(value or b"")["data"] for value in found["alerts"]]
    last = {f"incident/{alert['model']}/{alert['incident_id']}": alert["phase"] for alert in alerts}
    known = {key.decode() for key in killed.open_now() if key is not None}
    assert {key for key in known if key.startswith("incident/")} == {k for k in last if last[k] == "open"}
    ids = [json.loads(value or b"")["id"] for values in found.values() for value in values]
    assert len(set(ids)) == len(ids)
