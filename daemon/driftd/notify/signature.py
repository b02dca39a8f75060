"""The signature of a webhook, after Standard Webhooks 1.0 (symmetric, v1). Rule: what is signed is what is sent.

Headers: webhook-id (the same in each attempt), webhook-timestamp (of the attempt, in seconds), webhook-signature: for
each secret "v1," and the HMAC-SHA256 of "id.timestamp.body" in base64. Several secrets sign beside each other, so that
one can be replaced without a gap.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

PREFIX: Final = "whsec_"
SECRET_BYTES_MIN: Final = 24
SECRET_BYTES_MAX: Final = 64


class BadSecret(ValueError):
    """A secret that cannot be used; the text says what is wrong, and never the secret."""


def read_secrets(text: str) -> tuple[bytes, ...]:
    """The keys in "whsec_... whsec_...", the current one first. Raises BadSecret."""
    found = tuple(_read(one) for one in text.split())
    if not found:
        raise BadSecret("is empty")
    return found


def _read(text: str) -> bytes:
    if not text.startswith(PREFIX):
        raise BadSecret('does not begin with "whsec_"')
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise BadSecret('is no base64 after its "whsec_"') from None
    if not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        raise BadSecret(f"has {len(key)} bytes; {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} are needed")
    return key


def signed_headers(event_id: str, timestamp_s: int, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """The headers of one attempt at `timestamp_s`, in seconds since 1970; without secrets there is no signature."""
    headers = {"webhook-id": event_id, "webhook-timestamp": str(timestamp_s)}
    if secrets:
        content = f"{event_id}.{timestamp_s}.".encode() + body
        headers["webhook-signature"] = " ".join(
            "v1," + base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode()
            for secret in secrets
        )
    return headers
