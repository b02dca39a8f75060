"""How a subscriber reaches the brokers. Rule: everything is an argument; nothing is read from files or environment."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from pydantic import ValidationError

from driftd.config import Kafka
from driftd.errors import BadInput, BrokerUnavailable
from driftd.kafka_settings import KafkaSettings, kafka_settings

Brokers: TypeAlias = str | Sequence[str] | KafkaSettings
"""One address, several ("a:9092,b:9092" or a list), or what `connection` made, with how to log in."""

_PASSWORD = "PASSWORD"  # noqa: S105 - the name under which it is handed over


def connection(
    brokers: Brokers,
    *,
    security_protocol: str = "PLAINTEXT",
    ssl_ca_file: str | None = None,
    sasl_mechanism: str | None = None,
    sasl_username: str | None = None,
    sasl_password: str | None = None,
    request_timeout_ms: int = 10_000,
) -> KafkaSettings:
    """The settings for both clients; the arguments mean what their namesakes in `[kafka]` of config.toml mean.

    Raises BadInput where an address is none or something is missing, ConfigError where the CA file cannot be read.
    """
    if isinstance(brokers, KafkaSettings):
        return brokers
    listed = brokers.split(",") if isinstance(brokers, str) else brokers
    arguments = {
        "brokers": tuple(one.strip() for one in listed),
        "security_protocol": security_protocol,
        "ssl_ca_file": ssl_ca_file,
        "sasl_mechanism": sasl_mechanism,
        "sasl_username": sasl_username,
        "sasl_password_env": None if sasl_password is None else _PASSWORD,
        "request_timeout_ms": request_timeout_ms,
    }
    try:
        kafka = Kafka.model_validate({name: value for name, value in arguments.items() if value is not None})
    except ValidationError as error:
        told = [f"{_where(problem['loc'])}{problem['msg']}" for problem in error.errors(include_url=False)]
        raise BadInput("; ".join(told).replace("sasl_password_env", "sasl_password")) from None
    return kafka_settings(kafka, {_PASSWORD: sasl_password or ""})


def _where(location: tuple[int | str, ...]) -> str:
    """The argument that is meant, as the start of a sentence; a whole table names it by itself."""
    place = "".join(f"[{part}]" if isinstance(part, int) else part for part in location)
    return f"{place}: " if place else ""


@contextmanager
def named_errors(settings: KafkaSettings) -> Iterator[None]:
    """Name what both clients raise. Raises BrokerUnavailable, BadInput where the brokers do not allow it."""
    try:
        yield
    except Exception as error:
        # both clients have a class KafkaError of their own, and neither is imported for the other's sake
        names = {one.__name__ for one in type(error).__mro__}
        if any(name.endswith("AuthorizationFailedError") for name in names):
            raise BadInput(f"the brokers at {settings.addresses} do not allow it: {error!r}") from error
        if "KafkaError" in names or isinstance(error, OSError):
            raise BrokerUnavailable(
                f"no answer from the brokers at {settings.addresses}: {error!r}"
            ) from error
        raise
