"""kill -9 of the notifier loses nothing: a real broker, and a receiver that fails in all ways that receivers do.

`DRIFTD_NOTIFY_KILLS` says how often (default 5; `make notifykills` takes 50).
"""

import os
import random
import time
from collections import Counter
from pathlib import Path

from broker import Broker
from driftd_process import wait_until
from notify_receiver import HANG, HANG_UP, TRICKLE, Answer, WebhookReceiver
from notify_setup import Notifier, NotifySetup, alert

KILLS = int(os.environ.get("DRIFTD_NOTIFY_KILLS", "5"))
ALERTS_PER_KILL = 12
INCIDENTS = 5
ANSWERS = [*[Answer()] * 5, Answer(500), Answer(503, {"Retry-After": "1"}), HANG, TRICKLE, HANG_UP]


def test_a_notifier_killed_at_random_moments_tells_each_alert_under_one_key(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    moments, faults = random.Random(KILLS), random.Random(2)
    calm = False
    with WebhookReceiver(lambda _: Answer() if calm else faults.choice(ANSWERS)) as receiver:
        setup = NotifySetup(
            tmp_path,
            broker.bootstrap,
            topic_prefix,
            f'[[notify]]\nname = "hook"\ntype = "webhook"\nurl = "{receiver.url}"\nallow = ["127.0.0.1"]\n'
            'secret_env = "DRIFTD_TEST_SECRET"\ntimeout_ms = 500\nretry_ms_max = 300\n',
        )
        setup.create_topics()
        with Notifier(setup, "first") as notifier:
            wait_until(lambda: setup.committed("hook") is not None, "its place in the log")
            notifier.kill9()
        published, in_vain, reached = [], [], [0]
        for kill in range(KILLS):
            alerts = [
                alert(f"inc-{number % INCIDENTS}", number)
                for number in range(1 + kill * ALERTS_PER_KILL, 1 + (kill + 1) * ALERTS_PER_KILL)
            ]
            lost = alert(f"aborted-{kill}")
            setup.publish(alerts, aborted=[lost])
            published += [f"{one.incident_id}-{one.number}" for one in alerts]
            in_vain.append(f"{lost.incident_id}-1")
            with Notifier(setup, f"kill-{kill}") as notifier:
                if kill % 4:
                    notifier.wait_for("follows the log")
                time.sleep(moments.uniform(0.0, 2.0))
                notifier.kill9()
            reached.append(len(receiver.taken()))
        calm = True
        setup.publish([alert("last")])
        published.append("last-1")
        with Notifier(setup, "last") as notifier:
            wait_until(
                lambda: {*published} <= {r.headers["webhook-id"] for r in receiver.taken()}, "the rest"
            )
            assert notifier.stop() == 0
        told = len(receiver.requests)
        with Notifier(setup, "after") as notifier:
            notifier.wait_for("follows the log")
            time.sleep(1.0)
            assert len(receiver.requests) == told, "what was taken before a clean stop is told again"
            assert notifier.stop() == 0
    assert len({*reached}) > KILLS / 2, "most kills hit a notifier that had done nothing"
    for request in receiver.requests:
        assert request.headers["idempotency-key"] == request.headers["webhook-id"] == request.document["id"]
        assert request.document["id"] not in in_vain, "an aborted transaction was told"
    times = Counter(request.headers["webhook-id"] for request in receiver.taken())
    assert times.keys() == {*published}
