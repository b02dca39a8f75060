"""Commands about incidents: what is shown of them, and what a person's word leads to, on a real broker."""

import json
import random
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from broker import Broker
from driftd.alignment import Run
from driftd.cli.app import main
from driftd.config import Topics
from driftd.contract.events_in import Command, RetrainingReply
from driftd.contract.record import Record, Source
from driftd.journal import decode_runs, encode_runs
from driftd_process import Daemon, Setup, command, environment, wait_until
from streams import FIRST_MS, SMALL, prediction
from told import alert_data, named_topics, published, rejected_data, request_data, silence_data
from topic_io import Message, consume_all, produce


class Cli:
    """`driftd` in this process, on topics of one test."""

    def __init__(
        self, bootstrap: str, topics: Topics, path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.bootstrap, self.topics, self.path, self._capsys = bootstrap, topics, path, capsys

    def __call__(self, *words: str, expect: int = 0) -> tuple[str, str]:
        """What `driftd WORDS` says on stdout and stderr."""
        self._capsys.readouterr()
        code = main([*words, "--config", str(self.path)])
        out, err = self._capsys.readouterr()
        assert code == expect, err
        return out, err

    def publish(self, *told: BaseModel) -> None:
        """As the daemon does."""
        produce(self.bootstrap, published(self.topics, *told))


@pytest.fixture
def cli(broker: Broker, topic_prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    topics = named_topics(topic_prefix)
    single = ("control", "alerts", "retraining", "incidents", "rejected", "state", "journal", "shards")
    path = tmp_path / "driftd.toml"
    path.write_text(
        f'[kafka]\nbrokers = ["{broker.bootstrap}"]\ninstance = "{topic_prefix}driftd"\nalign_ms = 0\n'
        f'[topics]\npredictions = ["{topic_prefix}predictions"]\nlabels = []\ninput_partitions = 2\n'
        "retention_ms = 1000000000000\n"
        + "".join(f'{name} = "{getattr(topics, name)}"\n' for name in single)
        + f"[http]\nenabled = false\n{SMALL}",
        encoding="utf-8",
    )
    made = Cli(broker.bootstrap, topics, path, capsys)
    made("topics", "create")
    return made


@contextmanager
def answered(cli: Cli, answer: Callable[[Record], Sequence[BaseModel]]) -> Iterator[None]:
    """The next event of the control topic is answered as a daemon does: what comes of it, and in the journal."""
    before = len(consume_all(cli.bootstrap, cli.topics.control))

    def run() -> None:
        records: list[Record] = []

        def came() -> bool:
            records[:] = consume_all(cli.bootstrap, cli.topics.control)
            return len(records) > before

        wait_until(came, "a command")
        newest = max(records, key=lambda record: record.timestamp_ms)
        told = published(cli.topics, *answer(newest))
        run = Run(Source(newest.topic, newest.partition), newest.offset, newest.offset)
        journal = [Message(cli.topics.journal, value, b"-") for value in encode_runs([run])]
        produce(cli.bootstrap, [*told, *journal])

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join()


def sent(cli: Cli) -> list[dict[str, Any]]:
    """What stands in the control topic, in order of time."""
    records = sorted(consume_all(cli.bootstrap, cli.topics.control), key=lambda record: record.timestamp_ms)
    return [json.loads(record.value or b"") for record in records]


def test_tail_shows_what_is_open_or_all_and_json_for_programs(cli: Cli) -> None:
    assert "Nothing is open" in cli("tail", "alerts")[1]
    over = alert_data(2, "inc-b", "fraud", phase="resolved", summary="fraud drifts; the signals are back.")
    cli.publish(alert_data(1), alert_data(1, "inc-b", "fraud"), alert_data(2), over, request_data())
    lines = cli("tail", "alerts")[0].splitlines()
    assert len([line for line in lines if "updated" in line and "churn" in line]) == 1
    assert "fraud" not in "".join(lines)
    everything = cli("tail", "alerts", "--from-beginning", "--format", "json")[0].splitlines()
    numbers = [(one["data"]["incident_id"], one["data"]["number"]) for one in map(json.loads, everything)]
    assert numbers == [("inc-1", 1), ("inc-b", 1), ("inc-1", 2), ("inc-b", 2)]
    assert "fraud" in cli("tail", "alerts", "--since", "1h", "--model", "f*")[0]
    assert "retrain!" in cli("tail", "retraining")[0]
    verified = request_data(phase="verified", new_version="8", summary="version 8 ends it.")
    cli.publish(verified, rejected_data(cli.topics.control, 0, 4))
    produce(
        cli.bootstrap,
        [Message(cli.topics.retraining, b'{"type": "dev.driftd.retraining.tried.v1"}', b"churn")],
    )
    out, err = cli("tail", "retraining", "--from-beginning")
    assert "verified" in out
    assert "version 8 ends it." in out
    assert "retraining.tried.v1 is no type" in err
    assert "unknown_request" in cli("tail", "rejected")[0]
    assert "three ways to begin" in cli("tail", "alerts", "--open", "--since", "1h", expect=2)[1]
    assert '"noon" is no time. Write 2h' in cli("tail", "alerts", "--since", "noon", expect=2)[1]
    assert "is not open" in cli("tail", "rejected", "--open", expect=2)[1]


def test_tail_follows_until_it_is_interrupted(cli: Cli) -> None:
    cli.publish(alert_data(1))
    words = command("tail", "alerts", "--follow", "--format", "json", "--config", str(cli.path))
    with subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, text=True) as tail:
        try:
            assert tail.stdout is not None
            first = json.loads(tail.stdout.readline())
            cli.publish(alert_data(2))
            second = json.loads(tail.stdout.readline())
            tail.send_signal(signal.SIGINT)
            assert tail.wait(60) == 130
        finally:
            tail.kill()
    assert [one["data"]["number"] for one in (first, second)] == [1, 2]


def test_explain_tells_the_whole_story_of_an_incident_by_the_start_of_its_id(cli: Cli) -> None:
    asked = request_data(incident_ids=["inc-aa1"])
    story = [
        alert_data(1, "inc-aa1"),
        alert_data(2, "inc-aa1", acknowledged_by="ann", request_id="req-1"),
        asked,
    ]
    cli.publish(*story, alert_data(1, "inc-ab2", "fraud"))
    out, _ = cli("explain", "inc-aa")
    assert out.startswith(
        "incident inc-aa1\nmodel churn, version 7: data_drift; open, warning, acknowledged by ann\n"
    )
    for told in (
        "churn drifts, told for the 2. time.",
        "What to do first: Look at who produces amount.",
        "predictions, partition 0, offset 7",
        "Harm: harmful, by labels of 200 events, error or loss 0.1 before, 0.3 since; both drift",
        "driftd record --to-offset predictions:0:7",
    ):
        assert told in out
    assert re.search(
        r"features.amount  shift +100 % +2.5 +mean 12.5, 3 to 22 +mean 31, 9 to 55 +evidence", out
    )
    positions = [out.index(word) for word in ("opened ", "updated ", "retrain!", "To see it again")]
    assert positions == sorted(positions)
    document = json.loads(cli("explain", "inc-aa1", "--format", "json")[0])
    assert [alert["data"]["number"] for alert in document["alerts"]] == [1, 2]
    assert [request["data"]["request_id"] for request in document["requests"]] == ["req-1"]
    request, _ = cli("explain", "req")
    assert request.startswith(
        "retraining request req-1\nmodel churn, version 7: data_drift, go back to data; requested"
    )
    assert "400 predictions, 200 of them labelled" in request
    assert "incident inc-aa1" in request
    assert '"inc-a" may be inc-aa1, inc-ab2. Write more of it.' in cli("explain", "inc-a", expect=2)[1]
    assert 'begins with "inc-x"; there is inc-aa1, inc-ab2, req-1' in cli("explain", "inc-x", expect=2)[1]


def test_ack_and_resolve_say_what_became_of_the_incident(cli: Cli) -> None:
    cli.publish(alert_data(1))
    with answered(cli, lambda _: [alert_data(2, acknowledged_by="ann", cause="acknowledged")]):
        out, _ = cli("ack", "inc", "--who", "ann", "--why", "on it")
    assert out == "inc-1 (data_drift of churn) is acknowledged by ann.\n"
    with answered(cli, lambda _: [alert_data(3, phase="resolved", cause="person")]):
        told = json.loads(cli("resolve", "inc-1", "--who", "ann", "--format", "json")[0])
    assert told["outcome"] == "followed"
    assert told["changed"] == {"incident/churn/inc-1": None}
    commands = [Command.model_validate(one) for one in sent(cli)]
    assert [(one.action, one.incident_id, one.model, one.why) for one in commands] == [
        ("acknowledge", "inc-1", "churn", "on it"),
        ("resolve", "inc-1", "churn", None),
    ]
    assert 'no open incident begins with "inc-1"; there is none.' in cli("ack", "inc-1", expect=2)[1]


def test_a_refused_word_says_why_and_one_that_nobody_hears_says_that_it_stands(cli: Cli) -> None:
    cli.publish(request_data())
    with answered(cli, lambda record: [rejected_data(record.topic, record.partition, record.offset)]):
        _, err = cli("reply", "req-1", "completed", "--version", "8", expect=1)
    assert err == "driftd: refused (unknown_request): no request is in flight that could be completed\n"
    out, err = cli("reply", "req-1", "failed", "--why", "no data", "--wait", "0s", expect=69)
    assert not out
    assert err.startswith(
        f"driftd: no daemon answered within 0s. What you said stands in {cli.topics.control}:"
    )
    replies = [RetrainingReply.model_validate(one) for one in sent(cli)]
    assert [(one.status, one.model_version, one.reason) for one in replies] == [
        ("completed", "8", None),
        ("failed", None, "no data"),
    ]


def test_a_silence_is_added_listed_and_ended(cli: Cli) -> None:
    def begun(record: Record) -> list[BaseModel]:
        said = Command.model_validate_json(record.value or b"")
        assert said.until_ms == said.at_ms + 7_200_000
        return [
            silence_data(
                "sil-9", said.model or "", who=said.who, until_ms=said.until_ms, signals=said.signals or []
            )
        ]

    with answered(cli, begun):
        out, _ = cli(
            "silence", "add", "--model", "ch*", "--signal", "features.a*", "--signal", "latency", "--for", "2h",
            "--who", "ann",
        )  # fmt: skip
    assert out.startswith("sil-9: ch* wakes nobody until ")
    cli.publish(silence_data("sil-m", "fraud", maintenance=True))
    listed = cli("silence", "list")[0].splitlines()
    assert len(listed) == 2
    assert re.match(r"sil-9 +ch\* +features.a\* latency", listed[1])
    windows = cli("maintenance", "list", "--format", "json")[0].splitlines()
    assert [json.loads(line)["silence_id"] for line in windows] == ["sil-m"]
    with answered(cli, lambda _: []):
        assert cli("silence", "expire", "sil-9", "--who", "ann")[0] == "sil-9 of ch* is over.\n"
    assert sent(cli)[-1]["silence_id"] == "sil-9"


WRONG = [
    (["--model", "m"], "say until when it holds, once"),
    (["--model", "m", "--for", "2h", "--until", "2100-01-01"], "say until when it holds, once"),
    (["--model", "m", "--until", "2001-01-01"], "2001-01-01 00:00 UTC is over by then"),
    (["--model", "m", "--for", "2 hours"], "--for: "),
    (["--model", "m", "--until", "tomorrow"], '--until: "tomorrow" is no time'),
    (["--model", "my model", "--for", "2h"], "model: "),
    (["--for", "2h"], "--model"),
]


@pytest.mark.parametrize(("words", "complaint"), WRONG)
def test_a_silence_that_cannot_be_is_refused_before_it_is_sent(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["silence", "add", *words, "--who", "ann"]) == 2
    assert complaint in capsys.readouterr().err


def test_a_running_daemon_follows_commands_or_says_why_not(cli: Cli) -> None:
    running = Setup.__new__(Setup)
    running.path = cli.path
    topic, normal = cli.topics.predictions[0], random.Random(1).gauss
    told = [
        prediction(at, FIRST_MS + 1000 * at, features={"a": normal(0 if at < 200 else 8, 1)})
        for at in range(260)
    ]
    produce(cli.bootstrap, [Message(topic, one.value, b"m", 0, (), one.timestamp_ms) for one in told])

    def is_applied() -> bool:
        journal = consume_all(cli.bootstrap, cli.topics.journal)
        runs = [run for record in journal for run in decode_runs(record.value)]
        return any(run.source.topic == topic and run.last == len(told) - 1 for run in runs)

    def opened() -> list[dict[str, Any]]:
        return [
            json.loads(line)["data"] for line in cli("tail", "alerts", "--format", "json")[0].splitlines()
        ]

    with Daemon(running):
        wait_until(is_applied, "the stream")
        incident = opened()[0]["incident_id"]
        assert "acknowledged by ann" in cli("ack", incident, "--who", "ann")[0]
        assert opened()[0]["acknowledged_by"] == "ann"
        silence = cli("silence", "add", "--model", "m*", "--for", "2h", "--who", "ann")[0].partition(":")[0]
        assert silence in cli("silence", "list")[0]
        assert opened()[0]["silenced_by"] == silence
        assert "is over" in cli("silence", "expire", silence, "--who", "ann")[0]
        assert cli("silence", "list")[0] == "There is no silence.\n"
        cli("resolve", incident, "--who", "ann")
        assert incident not in [one["incident_id"] for one in opened()]
        assert f"incident {incident}\n" in cli("explain", incident)[0]
        assert cli("reset", "m", "--who", "ann")[0] == "m is learned anew.\n"
        _, err = cli("reset", "nobody", expect=1)
        assert err.startswith("driftd: refused (unknown_model): ")
