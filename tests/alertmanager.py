"""A real Alertmanager on loopback, and whom it tells. Rule: it is configured as docker's, but for whom and how soon."""

import json
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from architecture import ROOT
from broker import free_ports
from prometheus_install import PrometheusInstall

CONFIG = ROOT / "docker" / "prometheus" / "alertmanager.yml"
SECONDS_MAX = 30.0
SOON = {"group_wait": "200ms", "group_interval": "400ms"}

Alert = Mapping[str, Any]


@dataclass
class People:
    """A webhook server, and what each receiver was told, in order: (receiver, notification)."""

    told: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    port: int = 0

    def notifications(self, receiver: str, status: str) -> list[Mapping[str, Any]]:
        """What `receiver` was told that is firing, or resolved."""
        return [one for who, one in self.told if who == receiver and one["status"] == status]


@contextmanager
def people() -> Iterator[People]:
    """Listens on a free port, at /NAME for the receiver NAME."""
    listening = People()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            listening.told.append((self.path.strip("/"), json.loads(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        listening.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield listening
        finally:
            server.shutdown()
            thread.join()


def wired(config: Mapping[str, Any], port: int) -> dict[str, Any]:
    """`config` with a webhook at `port` for each receiver, and nothing that waits for long."""

    def sooner(route: Mapping[str, Any]) -> dict[str, Any]:
        routes = [sooner(one) for one in route.get("routes", [])]
        return {**route, **{name: SOON[name] for name in SOON if name in route}, "routes": routes}

    receivers = [
        {**one, "webhook_configs": [{"url": f"http://127.0.0.1:{port}/{one['name']}"}]}
        for one in config["receivers"]
    ]
    return {**config, "route": {**sooner(config["route"]), **SOON}, "receivers": receivers}


class Alertmanager:
    """One that runs. `url` is of its API."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def push(self, alerts: Sequence[Alert]) -> None:
        """POST /api/v2/alerts. Raises HTTPError where it refuses."""
        request = urllib.request.Request(
            f"{self.url}/api/v2/alerts",
            data=json.dumps(alerts).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def states(self) -> dict[tuple[str, ...], str]:
        """(alertname, model, severity) -> active or suppressed, of all alerts that are not over."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=10) as answer:
            found = json.load(answer)
        names = ("alertname", "model", "severity")
        return {tuple(one["labels"].get(name, "") for name in names): one["status"]["state"] for one in found}

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def alertmanager(install: PrometheusInstall, folder: Path, tells: People) -> Iterator[Alertmanager]:
    """An Alertmanager that runs in `folder` and tells `tells`."""
    config = folder / "alertmanager.yml"
    found = YAML(typ="safe").load(CONFIG)
    config.write_text(json.dumps(wired(found, tells.port)), encoding="utf-8")  # JSON is YAML
    (port,) = free_ports(1)
    command = [
        install.alertmanager,
        f"--config.file={config}",
        f"--storage.path={folder}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with (folder / "alertmanager.log").open("wb") as log:
        cwd = Path(install.alertmanager).parent
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cwd)
    try:
        running = Alertmanager(port)
        wait_until(lambda: process.poll() is not None or running.is_ready(), "Alertmanager")
        assert process.poll() is None, (folder / "alertmanager.log").read_text(encoding="utf-8")
        yield running
    finally:
        process.terminate()
        process.wait(SECONDS_MAX)


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Fails where it does not hold within half a minute."""
    deadline = time.monotonic() + SECONDS_MAX
    while not holds():
        assert time.monotonic() < deadline, f"no {what} after {SECONDS_MAX:g} s"
        time.sleep(0.05)
