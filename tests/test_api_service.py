"""The API of real daemons on a real broker, which goes away and comes back: an owner, and a stand-by beside it."""

import json
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from broker import Broker, free_ports
from driftd_process import Daemon, Setup, wait_until
from http_api import drifting
from topic_io import Message, consume_all, produce

QUICK = "request_timeout_ms = 2000"


class Site:
    """The API of one daemon, asked as any program would."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/api/v1"
        self.events: list[tuple[str, str]] = []

    def ask(self, path: str, body: object = None) -> tuple[int, Any]:
        """Status and document; 0 where nobody answers."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {} if data is None else {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
        except OSError:
            return 0, None

    def role(self) -> str:
        """owner, stand-by, or neither yet."""
        found = self.ask("/status")[1]
        if not found or not found["ready"]:
            return "?"
        return "stand-by" if found["stand_by"] else "owner"

    def open_now(self) -> dict[str, Any]:
        """How what is open is known."""
        found = self.ask("/status")[1]
        return found["open_now"] if found else {}

    def incidents(self) -> list[dict[str, Any]]:
        """What is open."""
        found = self.ask("/incidents?model=m")[1]
        return found.get("incidents", []) if found else []

    def follow(self) -> None:
        """Note name and id of each event of the stream, until it ends."""
        name = event_id = ""
        with urllib.request.urlopen(f"{self.url}/events", timeout=60) as answer:
            for line in answer:
                field, _, text = line.decode().strip().partition(": ")
                if field == "event":
                    name, event_id = text, ""
                elif field == "id":
                    event_id = text
                elif field == "data":
                    self.events.append((name, event_id))


def ids(setup: Setup, kind: str) -> set[str]:
    """The ids of the alerts of that kind that were published."""
    alerts = [json.loads(value or b"") for value in setup.outputs()["alerts"]]
    return {alert["id"] for alert in alerts if alert["type"] == f"dev.driftd.alert.{kind}.v1"}


def rejected(setup: Setup) -> list[dict[str, Any]]:
    """The places of the records that were rejected."""
    found = [json.loads(value or b"")["data"] for value in setup.outputs()["rejected"]]
    return [{name: one[name] for name in ("topic", "partition", "offset")} for one in found]


def resolve(setup: Setup, stand_by: Site, incident_id: str) -> None:
    """An incident that a person closes at the stand-by is over there, by the event that tells everybody."""
    command = {"action": "resolve", "model": "m", "incident_id": incident_id, "who": "ann"}
    status, placed = stand_by.ask("/commands", command)
    assert status == 202
    (where,) = placed["records"]
    (written,) = consume_all(setup.bootstrap, setup.config.topics.control)
    assert (written.topic, written.partition, written.offset) == tuple(where.values())
    wait_until(
        lambda: bool({one for name, one in stand_by.events if name == "over"} & ids(setup, "resolved")),
        "the end of the incident",
    )


def silence(setup: Setup, owner: Site, stand_by: Site) -> None:
    """A silence is shown while it holds; that what has ended cannot be ended again is told as a rejection."""
    until_ms = time.time_ns() // 1_000_000 + 3_600_000
    assert owner.ask("/commands", {"action": "silence", "model": "m*", "until_ms": until_ms})[0] == 202
    wait_until(lambda: bool(stand_by.ask("/silences")[1]["silences"]), "the silence")
    (found,) = stand_by.ask("/silences")[1]["silences"]
    assert (found["model"], found["who"]) == ("m*", "HTTP from 127.0.0.1")
    expire = {"action": "expire", "silence_id": found["silence_id"]}
    assert owner.ask("/commands", expire)[0] == 202
    wait_until(lambda: not stand_by.ask("/silences")[1]["silences"], "the end of the silence")
    (again,) = owner.ask("/commands", expire)[1]["records"]
    wait_until(lambda: again in rejected(setup), "what cannot be followed to come out as rejected")


def outlive(broker: Broker, stand_by: Site) -> None:
    """While the broker is away the last known is called stale, and no command is taken."""
    command = {"action": "reset", "model": "m"}
    broker.stop()
    wait_until(lambda: stand_by.open_now()["stale"], "the stand-by to notice")
    assert stand_by.ask("/incidents")[1]["stale"] is True
    assert stand_by.ask("/commands", command)[0] == 503
    broker.start()
    wait_until(lambda: not stand_by.open_now()["stale"], "the stand-by to read again")
    wait_until(lambda: stand_by.ask("/commands", command)[0] == 202, "a command")


@pytest.mark.timeout(300)
def test_owner_and_stand_by_tell_what_is_open_take_commands_and_outlive_the_broker(
    own_broker: Broker, tmp_path: Path
) -> None:
    ports = free_ports(2)
    (tmp_path / "other").mkdir()
    setup, other = (
        Setup(folder, own_broker.bootstrap, "api.", http_port=port, more_kafka=QUICK)
        for folder, port in zip((tmp_path, tmp_path / "other"), ports, strict=True)
    )
    setup.driftd("topics", "create")
    produce(own_broker.bootstrap, [Message(setup.config.topics.incidents, b"not ours", b"\xff", 0)])
    sites = [Site(port) for port in ports]
    with Daemon(setup) as first, Daemon(other) as second:
        wait_until(
            lambda: sorted(site.role() for site in sites) == ["owner", "stand-by"], "one to own the shard"
        )
        owner, stand_by = sorted(sites, key=Site.role)
        wait_until(lambda: stand_by.open_now().get("complete") is True, "what is open")
        assert stand_by.open_now()["unreadable"] == 1
        assert stand_by.incidents() == []
        reader = threading.Thread(target=stand_by.follow)
        reader.start()
        wait_until(lambda: bool(stand_by.events), "the snapshot")

        setup.send(drifting())
        wait_until(lambda: bool(stand_by.incidents()), "the incident, at the stand-by")
        wait_until(setup.is_done, "the stream")
        wait_until(lambda: owner.incidents() == stand_by.incidents(), "both to say the same")
        (incident,) = owner.incidents()
        assert incident["incident_id"] in other.driftd("status").stdout
        assert owner.ask("/models/m")[1]["open_incidents"] == [incident["kind"]]
        assert stand_by.ask("/models")[1]["models"] == []
        assert ("changed", min(ids(setup, "opened"))) in stand_by.events

        resolve(setup, stand_by, incident["incident_id"])
        silence(setup, owner, stand_by)
        outlive(own_broker, stand_by)
        wait_until(lambda: "owner" in map(Site.role, sites), "one to own the shard again")
        assert (first.stop(), second.stop()) == (0, 0)
        reader.join(30)
        assert stand_by.events[-1] == ("dropped", "")


def test_a_token_that_is_not_there_ends_it_before_it_starts(tmp_path: Path) -> None:
    path = tmp_path / "driftd.toml"
    (port,) = free_ports(1)
    setup = Setup(tmp_path, f"127.0.0.1:{port}", "none.", http_port=port, more_kafka=QUICK)
    text = path.read_text(encoding="utf-8").replace("[http]", '[http]\nhost = "0.0.0.0"')
    path.write_text(text, encoding="utf-8")
    assert "http.host: 0.0.0.0 can be reached from outside" in setup.driftd("run", expect=78).stderr
    path.write_text(text.replace("[http]", '[http]\ntoken_env = "NOT_SET_HERE"'), encoding="utf-8")
    told = setup.driftd("run", expect=78).stderr
    assert told.startswith("http.token_env: NOT_SET_HERE has to hold the token of the API")
