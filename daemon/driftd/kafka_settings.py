"""What Kafka's clients are told of `[kafka]`. Rule: one place for both clients, aiokafka and kafka-python.

Nothing here connects; the environment is an argument.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from driftd.config import Kafka
from driftd.errors import ConfigError

MESSAGE_BYTES_MAX: Final = 8 * 1024 * 1024
"""The largest message we write: a state entry of a model with many features. `topics create` sets the same bound."""


CONNECT_MS_MAX: Final = 5_000


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """How to reach the brokers and log in."""

    brokers: tuple[str, ...]
    request_timeout_ms: int
    security_protocol: str = "PLAINTEXT"
    ssl_context: ssl.SSLContext | None = None
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = None

    @property
    def connect_timeout_ms(self) -> int:
        """How long to try for a first connection: a person waits for it, so seconds, however patient the loop is."""
        return min(self.request_timeout_ms, CONNECT_MS_MAX)

    @property
    def addresses(self) -> str:
        """The brokers as a person reads them."""
        return ", ".join(self.brokers)

    def client(self) -> dict[str, Any]:
        """Arguments that the clients of aiokafka and of kafka-python have in common."""
        arguments: dict[str, Any] = {
            "bootstrap_servers": list(self.brokers),
            "request_timeout_ms": self.request_timeout_ms,
            "security_protocol": self.security_protocol,
        }
        if self.ssl_context is not None:
            arguments["ssl_context"] = self.ssl_context
        if self.sasl_mechanism is not None:
            arguments |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": self.sasl_password,
            }
        return arguments


def kafka_settings(kafka: Kafka, environment: Mapping[str, str]) -> KafkaSettings:
    """The settings that `[kafka]` means, the password out of `environment`. Raises ConfigError."""
    return KafkaSettings(
        kafka.brokers,
        kafka.request_timeout_ms,
        kafka.security_protocol,
        _ssl_context(kafka) if kafka.security_protocol.endswith("SSL") else None,
        *(_login(kafka, environment) if kafka.security_protocol.startswith("SASL_") else (None, None, None)),
    )


def _ssl_context(kafka: Kafka) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=kafka.ssl_ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            [f"kafka.ssl_ca_file: {kafka.ssl_ca_file} holds no certificates that can be read: {error}."]
        ) from None


def _login(kafka: Kafka, environment: Mapping[str, str]) -> tuple[str | None, str | None, str | None]:
    variable = kafka.sasl_password_env or ""
    password = environment.get(variable)
    if not password:
        raise ConfigError(
            [
                f"kafka.sasl_password_env: the environment variable {variable} is not set; it holds the password."
            ]
        )
    return kafka.sasl_mechanism, kafka.sasl_username, password
