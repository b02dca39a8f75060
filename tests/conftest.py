"""What all tests share: the real broker, and property tests that are the same on every machine."""

import gc
import warnings
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from broker import Broker
from kafka_install import KafkaInstall, kafka_install
from prometheus_install import NoApt, PrometheusInstall, prometheus_install

# No deadline: a busy machine is no failure. The same examples each time; --hypothesis-profile=explore seeks new ones.
settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "explore", deadline=None, max_examples=1000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")


collect_ignore_glob = ["*_check.py"]
"""Run by tests, in environments of their own that have what they import."""


@pytest.fixture(scope="session")
def kafka() -> KafkaInstall:
    """A Kafka that can be started; fetched once. A test that needs it fails, and does not skip, where there is none."""
    return kafka_install()


@pytest.fixture(scope="session")
def broker(kafka: KafkaInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The session's one broker. Tests use topics of their own; one that kills the broker takes `own_broker`."""
    with Broker(kafka, tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture
def own_broker(kafka: KafkaInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker for one test, to be killed and restarted at will."""
    with warnings.catch_warnings():
        # kafka-python's close() drops the socket of a connect in flight, as there often is when a broker comes back.
        warnings.filterwarnings("ignore", "unclosed <socket", ResourceWarning)
        with Broker(kafka, tmp_path_factory.mktemp("kafka")) as running:
            yield running
        gc.collect()  # what was dropped goes now, and not in the test after this one


@pytest.fixture(scope="session")
def prometheus() -> PrometheusInstall:
    """Alertmanager and promtool; fetched once. Skips only where there is no Debian to fetch them from."""
    try:
        return prometheus_install()
    except NoApt as reason:
        pytest.skip(str(reason))


@pytest.fixture
def topic_prefix(request: pytest.FixtureRequest) -> str:
    """A start of topic names that no other test of this session uses."""
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)
    return f"{name[:80]}."


@pytest.fixture(autouse=True, scope="module")
def nothing_is_left_open() -> Iterator[None]:
    """What a file's tests leave open is told at its end, and not in whatever file is next when it is collected."""
    yield
    gc.collect()
