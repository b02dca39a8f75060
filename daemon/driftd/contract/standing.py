"""The keys of the topic of what is open now: `incident/<model>/<id>`, `request/<model>/<id>` and `silence/<id>`."""

from enum import StrEnum


class Subject(StrEnum):
    """What an entry is about."""

    INCIDENT = "incident"
    REQUEST = "request"
    SILENCE = "silence"

    def key(self, *names: str) -> str:
        """The key of one: by its model, if it has one, and its id.

        >>> Subject.REQUEST.key("fraud", "req-1"), Subject.SILENCE.key("sil-1")
        ('request/fraud/req-1', 'silence/sil-1')
        """
        return "/".join((self.value, *names))

    @property
    def prefix(self) -> bytes:
        """What all of their keys begin with."""
        return f"{self.value}/".encode()


def split_key(key: bytes) -> tuple[Subject, str] | None:
    """What the entry with `key` is about, and its id; None for a key that is none of ours.

    >>> split_key(b"incident/eu/fraud/inc-1"), split_key(b"other/1")
    ((<Subject.INCIDENT: 'incident'>, 'inc-1'), None)
    """
    try:
        first, _, rest = key.decode().partition("/")
        subject = Subject(first)
    except ValueError:  # of UTF-8, or of the enum
        return None
    entry_id = rest.rpartition("/")[2]  # names of models may hold slashes, ids do not
    return (subject, entry_id) if entry_id else None
