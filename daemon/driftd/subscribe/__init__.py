"""Subscribe to what driftd says, and answer it: a small typed client.

    from driftd import subscribe

    with subscribe.alerts("kafka:9092", group="pager") as alerts:
        for alert in alerts:
            if alert.data.page:
                wake_somebody(alert.data.summary)

`driftd.subscribe.aio` is the same for asyncio. docs/subscribing.md says what is promised.
"""

from collections.abc import Callable

from driftd.config import Topics
from driftd.errors import BadInput, BrokerUnavailable
from driftd.kafka_settings import KafkaSettings
from driftd.subscribe.answers import Place, Status, deployment_of, reply_to, time_or_now
from driftd.subscribe.connection import Brokers, connection
from driftd.subscribe.events import (
    Alert,
    Rejected,
    Request,
    Silence,
    Skipped,
    SkipReason,
    decode,
    decode_value,
)
from driftd.subscribe.selection import Selection
from driftd.subscribe.sending import send_control
from driftd.subscribe.sieve import Sieve, Start
from driftd.subscribe.synchronous import Subscription

__all__ = [
    "Alert",
    "BadInput",
    "BrokerUnavailable",
    "Brokers",
    "KafkaSettings",
    "Place",
    "Rejected",
    "Request",
    "Requests",
    "Selection",
    "Silence",
    "SkipReason",
    "Skipped",
    "Start",
    "Subscription",
    "Topics",
    "alerts",
    "connection",
    "decode",
    "decode_value",
    "deployed",
    "reply",
    "requests",
]


class Requests(Subscription[Request]):
    """Retraining requests, and the way to answer them."""

    def reply(
        self,
        request: Request,
        status: Status,
        *,
        version: str | None = None,
        reason: str | None = None,
        at_ms: int | None = None,
    ) -> Place:
        """Say what becomes of `request`, at once. Raises BrokerUnavailable, pydantic.ValidationError."""
        return reply(
            self.settings, request, status, version=version, reason=reason, at_ms=at_ms, topics=self.topics
        )

    def deployed(
        self, request: Request, version: str, *, reference: str | None = None, at_ms: int | None = None
    ) -> Place:
        """Say that `version`, made for `request`, is in production. Raises as `reply`."""
        return deployed(self.settings, request, version, reference=reference, at_ms=at_ms, topics=self.topics)


def alerts(
    brokers: Brokers,
    *,
    group: str | None = None,
    topics: Topics | None = None,
    start: Start = "open",
    follow: bool = True,
    selection: Selection | None = None,
    on_skip: Callable[[Skipped], None] | None = None,
) -> Subscription[Alert]:
    """Subscribe to incidents that are opened, change, and are over.

    Parameters
    ----------
    brokers
        "host:port", several of them, or what `connection` made, with how to log in.
    group
        The consumer group that remembers what is done; None remembers nothing, and begins at `start` each time.
    topics
        The names of the topics where they are others than driftd's own, such as Topics(alerts="fraud.alerts").
    start
        Where a group without offsets begins: "open" with the incidents that are open now, then what comes; "new" with
        what comes; "beginning" with all that the topic holds; a number with what was published since that time, in
        milliseconds since 1970 UTC.
    follow
        False ends when all is handed out that there was at the begin.
    selection
        Which events are wanted; all by default.
    on_skip
        Is told of each record that cannot be read; it is counted and logged anyway.

    Raises BrokerUnavailable, and BadInput where an address is none or a topic is missing.
    """
    named = topics or Topics()
    sieve = Sieve(Alert, selection or Selection(), on_skip)
    return Subscription(
        connection(brokers), named, named.alerts, sieve, group=group, start=start, follow=follow
    )


def requests(
    brokers: Brokers,
    *,
    group: str | None = None,
    topics: Topics | None = None,
    start: Start = "open",
    follow: bool = True,
    selection: Selection | None = None,
    on_skip: Callable[[Skipped], None] | None = None,
) -> Requests:
    """Subscribe to retraining requests and what becomes of them (`data.phase`); parameters and errors as `alerts`."""
    named = topics or Topics()
    sieve = Sieve(Request, selection or Selection(), on_skip)
    return Requests(
        connection(brokers), named, named.retraining, sieve, group=group, start=start, follow=follow
    )


def reply(
    brokers: Brokers,
    request: Request,
    status: Status,
    *,
    version: str | None = None,
    reason: str | None = None,
    at_ms: int | None = None,
    topics: Topics | None = None,
) -> Place:
    """Say what becomes of `request`: accepted, rejected, completed or failed; where the record is written.

    `at_ms` is now where it is None; a stream that is played back has its own time.
    Raises BrokerUnavailable, BadInput, and pydantic.ValidationError where an argument is out of its bounds.
    """
    event = reply_to(request, status, time_or_now(at_ms), version, reason)
    return send_control(connection(brokers), (topics or Topics()).control, request.data.model, event)


def deployed(
    brokers: Brokers,
    request: Request,
    version: str,
    *,
    reference: str | None = None,
    at_ms: int | None = None,
    topics: Topics | None = None,
) -> Place:
    """Say that `version`, made for `request`, is in production from `at_ms` on. Raises as `reply`."""
    event = deployment_of(request, version, time_or_now(at_ms), reference)
    return send_control(connection(brokers), (topics or Topics()).control, request.data.model, event)
