"""Which events a subscriber wants. Rule: all that is named must match; what is not named matches everything."""

from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase

from driftd.subscribe.events import Alert, Rejected, Request


@dataclass(frozen=True, slots=True)
class Selection:
    """A subscriber's filters; None: all.

    `models` are patterns with * and ?. `kinds`: of an alert any kind that its story has, of a request its cause.
    `severities` and `pages_only` are of alerts, `stages` of alerts and requests: other events match them all.
    """

    models: Collection[str] | None = None
    kinds: Collection[str] | None = None
    severities: Collection[str] | None = None
    stages: Collection[str] | None = None
    pages_only: bool = False

    def __post_init__(self) -> None:
        for name in ("models", "kinds", "severities", "stages"):
            if isinstance(getattr(self, name), str):  # "churn" would be five models of one letter
                raise TypeError(
                    f"{name} is a text; a list of texts would be right: [{getattr(self, name)!r}]"
                )

    def wants(self, event: Alert | Request | Rejected) -> bool:
        """Whether `event` passes all filters."""
        model = event.data.model or ""
        if self.models is not None and not any(fnmatchcase(model, one) for one in self.models):
            return False
        if isinstance(event, Rejected):
            return True
        if self.stages is not None and event.data.stage not in self.stages:
            return False
        if isinstance(event, Request):
            return self.kinds is None or event.data.cause in self.kinds
        alert = event.data
        return (
            (self.kinds is None or not {alert.kind, *alert.kinds}.isdisjoint(self.kinds))
            and (self.severities is None or alert.severity in self.severities)
            and (alert.page or not self.pages_only)
        )
