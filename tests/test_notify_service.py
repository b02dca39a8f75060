"""`driftd notify` as its operator meets it: first start, hand-over, pages, and what it does not start with."""

import json
import time
import urllib.request
from pathlib import Path

import pytest

from broker import Broker, free_ports
from driftd.cli.app import main
from driftd_process import wait_until
from notify_receiver import HANG, Answer, WebhookReceiver
from notify_setup import Notifier, NotifySetup, alert, resolved


def hook(name: str, receiver: WebhookReceiver, more: str = "") -> str:
    return f'[[notify]]\nname = "{name}"\ntype = "webhook"\nurl = "{receiver.url}"\nallow = ["127.0.0.1"]\n{more}'


def keys(receiver: WebhookReceiver) -> list[str]:
    return [request.headers["webhook-id"] for request in receiver.taken()]


def get(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            text: str = answer.read().decode()
            return text
    except OSError:
        return ""


def test_a_new_receiver_is_told_what_is_open_and_one_that_hangs_holds_up_nobody(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    with WebhookReceiver() as good, WebhookReceiver(lambda _: HANG) as bad:
        receivers = hook("good", good) + hook("bad", bad, "timeout_ms = 300\nretry_ms_max = 100\n")
        setup = NotifySetup(tmp_path, broker.bootstrap, topic_prefix, receivers, notifier_port=port)
        setup.create_topics()
        setup.publish([alert("over"), resolved("over"), alert("open"), alert("open", 2)])
        with Notifier(setup) as notifier:
            wait_until(lambda: keys(good) == ["open-2"], "what is open")
            wait_until(lambda: setup.committed("good") is not None, "its place in the log")
            setup.publish([alert("new"), resolved("new"), resolved("open", 3)])
            wait_until(lambda: len(keys(good)) == 4, "what came later")
            assert {*keys(good)} == {"open-2", "new-1", "new-2", "open-3"}
            assert 'driftd_notify_delivered_total{receiver="good"} 4.0' in get(port, "/metrics")
            assert 'driftd_notify_failed_attempts_total{reason="timeout",receiver="bad"}' in get(
                port, "/metrics"
            )
            ready = json.loads(get(port, "/readyz"))
            assert (ready["status"], ready["receivers"]["good"]) == ("ready", {"waiting": 0, "failing": ""})
            assert ready["receivers"]["bad"]["failing"].startswith("timeout")
            assert setup.committed("bad") is None
            assert notifier.stop() == 0


def test_a_stand_by_takes_over_and_nothing_is_lost_while_two_share_the_work(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    with WebhookReceiver(lambda number: Answer(500 if number % 3 == 0 else 204)) as receiver:
        setup = NotifySetup(
            tmp_path, broker.bootstrap, topic_prefix, hook("hook", receiver, "retry_ms_max = 100\n")
        )
        setup.create_topics()
        published: list[str] = []

        def publish(count: int) -> None:
            alerts = [
                alert(f"inc-{number % 3}", number) for number in range(len(published), len(published) + count)
            ]
            setup.publish(alerts)
            published.extend(f"{one.incident_id}-{one.number}" for one in alerts)

        with Notifier(setup, "one") as one:
            wait_until(lambda: setup.committed("hook") is not None, "its place in the log")
            publish(6)
            with Notifier(setup, "two") as two:
                for _ in range(4):
                    publish(4)  # while the group finds out who has what
                    time.sleep(0.3)
                one.kill9()
                publish(6)
                wait_until(lambda: {*published} <= {*keys(receiver)}, "the stand-by's turn")
                assert two.stop() == 0
        for incident in range(3):
            told = [key for key in dict.fromkeys(keys(receiver)) if key.startswith(f"inc-{incident}-")]
            numbers = [int(key.rpartition("-")[2]) for key in told]
            assert numbers == sorted(numbers), "what is said of an incident comes in its order"


def test_it_outlives_its_broker_and_stops_while_that_is_away(
    own_broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    with WebhookReceiver() as receiver:
        setup = NotifySetup(tmp_path, own_broker.bootstrap, topic_prefix, hook("hook", receiver))
        setup.create_topics()
        with Notifier(setup) as notifier:
            notifier.wait_for("follows the log")
            own_broker.kill9()
            own_broker.start()
            setup.publish([alert()])
            wait_until(lambda: keys(receiver) == ["inc-1-1"], "the alert")
            own_broker.kill9()
            assert notifier.stop() == 0


@pytest.mark.parametrize(
    ("receivers", "told"),
    [
        ("", "notify: there is nobody to tell. Add a [[notify]] table"),
        (
            '[[notify]]\nname = "a"\ntype = "webhook"\nurl = "http://169.254.169.254/x"\n',
            'notify[0].url: 169.254.169.254 is a link-local address: add "169.254.169.254" to allow if it is meant',
        ),
        (
            '[[notify]]\nname = "a"\ntype = "webhook"\nurl_env = "DRIFTD_TEST_URL"\n',
            'notify "a": DRIFTD_TEST_URL: 10.0.0.7 is a private address',
        ),
        (
            '[[notify]]\nname = "a"\ntype = "webhook"\nurl_env = "DRIFTD_TEST_NOT_SET"\n',
            'notify "a": url_env: the environment variable DRIFTD_TEST_NOT_SET is not set; it holds the URL.',
        ),
        (
            '[[notify]]\nname = "a"\ntype = "webhook"\nurl = "https://x.org"\nsecret_env = "DRIFTD_TEST_BAD"\n',
            'notify "a": DRIFTD_TEST_BAD: does not begin with "whsec_". Write "whsec_" and',
        ),
    ],
)
def test_what_it_does_not_start_with(
    receivers: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    setup = NotifySetup(tmp_path, "127.0.0.1:1", "x.", receivers, check=False)
    monkeypatch.setenv("DRIFTD_TEST_URL", "http://user:hunter2@10.0.0.7/x")
    monkeypatch.setenv("DRIFTD_TEST_BAD", "hunter2")
    assert main(["notify", "--config", str(setup.path)]) == 78
    said = capsys.readouterr().err
    assert told in said
    assert "hunter2" not in said
    assert len(said.splitlines()) == 1


def test_a_missing_broker_ends_it_with_69(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    receivers = '[[notify]]\nname = "a"\ntype = "webhook"\nurl = "https://hooks.example.org"\n'
    setup = NotifySetup(
        tmp_path, f"127.0.0.1:{port}", "x.", receivers, more_kafka="request_timeout_ms = 500\n"
    )
    with Notifier(setup) as notifier:
        assert notifier.process.wait(60) == 69
        assert f"127.0.0.1:{port}" in notifier.log()
