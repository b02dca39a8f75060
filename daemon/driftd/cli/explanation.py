"""The story of an incident or a request in words. Rule: pure text, out of the events alone."""

import textwrap
from collections.abc import Sequence
from itertools import groupby

from driftd.cli.event_lines import event_lines
from driftd.cli.output import table
from driftd.cli.story import WIDTH, minute
from driftd.contract.events_out import AlertData, Contributor, DataRange, Figures, HarmData, RetrainingData
from driftd.subscribe.events import Alert, Request

LEVELS_SHOWN = 2


def explain_incident(alerts: Sequence[Alert], requests: Sequence[Request]) -> str:
    """All that is known of one incident: `alerts` in order, the last one being how it stands."""
    data = alerts[-1].data
    version = "" if data.model_version is None else f", version {data.model_version}"
    state = [data.phase, data.severity]
    state += ["acknowledged by " + data.acknowledged_by] if data.acknowledged_by else []
    state += ["silenced by " + data.silenced_by] if data.silenced_by else []
    state += [f"opened again {data.reopened} times"] if data.reopened else []
    parts = [
        f"incident {data.incident_id}\nmodel {data.model}{version}: {', '.join(data.kinds)}; {', '.join(state)}",
        _filled(data.summary),
        _filled(f"What to do first: {data.advice}"),
        _when(data),
        "What changed:\n" + _contributors(data.contributors, data.contributors_total),
    ]
    if data.harm is not None:
        parts.append(_filled("Harm: " + _harm(data.harm)))
    missing = alerts[-1].data.number - len(alerts)
    gone = f" ({missing} earlier ones are not in the topics any more)" if missing > 0 else ""
    parts.append(f"What was told{gone}:\n" + "\n".join(_alert(alert) for alert in alerts))
    if requests:
        asked = (f"{event_lines(request)}\n  as {request.data.request_id}" for request in requests)
        parts.append("What was asked for:\n" + "\n".join(asked))
    parts.append(f"To see it again:\n  {data.replay}")
    return "\n\n".join(parts)


def explain_request(requests: Sequence[Request], alerts: Sequence[Alert]) -> str:
    """All that is known of one retraining request: `requests` are its events in order, `alerts` of its incidents."""
    data = requests[-1].data
    version = "" if data.model_version is None else f", version {data.model_version}"
    state = f"{data.cause}, go back to {data.stage}; {data.phase}, attempt {data.attempt}"
    parts = [
        f"retraining request {data.request_id}\nmodel {data.model}{version}: {state}",
        _filled(data.summary),
        _terms(data),
        "What shows it:\n" + _contributors(data.evidence, len(data.evidence)),
        "What was told:\n" + "\n".join(event_lines(request) for request in requests),
    ]
    for _, of_incident in groupby(alerts, key=lambda alert: alert.data.incident_id):
        parts.append("-" * WIDTH + "\n" + explain_incident(list(of_incident), ()))
    return "\n\n".join(parts)


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH)


def _when(data: AlertData) -> str:
    return "\n".join(
        f"{what:<9}{minute(place.at_ms)} UTC  {place.topic}, partition {place.partition}, offset {place.offset}"
        for what, place in (("onset", data.onset), ("detected", data.detected))
    )


def _terms(data: RetrainingData) -> str:
    lines = [
        f"use data since {minute(data.data_range.from_at_ms)} UTC: {_amount(data.data_range)}",
        f"not before {minute(data.not_before_ms)} UTC, until {minute(data.deadline_ms)} UTC",
    ]
    risks = (("before", data.risk_before), ("after", data.risk_after), ("of the new version", data.risk_new))
    known = [f"{when} {risk:.4g}" for when, risk in risks if risk is not None]
    lines += [f"error or loss: {', '.join(known)}"] if known else []
    lines += [f"to gain: {data.expected_gain:.4g}"] if data.expected_gain is not None else []
    lines += [f"answered by version {data.new_version}"] if data.new_version is not None else []
    return "\n".join(lines)


def _amount(data: DataRange) -> str:
    places = (f"{p.topic}:{p.partition}:{p.from_offset}-{p.to_offset}" for p in data.partitions)
    return ", ".join([f"{data.events:,} predictions, {data.labelled:,} of them labelled", *places])


def _alert(alert: Alert) -> str:
    """Its lines, with why it was published."""
    first, *rest = event_lines(alert).splitlines()
    return "\n".join([f"{first}   ({alert.data.cause})", *rest])


def _harm(harm: HarmData) -> str:
    risks = ""
    if harm.risk_before is not None and harm.risk_after is not None:
        risks = f", error or loss {harm.risk_before:.4g} before, {harm.risk_after:.4g} since"
    drift = "" if harm.drift == "unknown" else f"; {harm.drift} drift"
    return f"{harm.verdict}, by {harm.basis} of {harm.events:,} events{risks}{drift}"


def _contributors(contributors: Sequence[Contributor], total: int) -> str:
    """A table, the strongest first: each signal before and after, or what was found of labels."""
    if not contributors:
        return "  nothing that could be named"
    rows = [
        (one.signal, one.effect, f"{100 * one.share:.0f} %", f"{one.strength:.1f}", *_both(one), one.detector)
        for one in contributors
    ]
    headers = ("signal", "effect", "share", "strength", "before (mean, p10 to p90)", "after", "detector")
    lines = [f"  {line}" for line in table(headers, rows).splitlines()]
    lines += [f"  and {total - len(contributors)} more"] if total > len(contributors) else []
    lines += [
        textwrap.fill(f"{one.signal}: {one.change}", WIDTH, initial_indent="  ", subsequent_indent="    ")
        for one in contributors
    ]
    return "\n".join(lines)


def _both(one: Contributor) -> tuple[str, str]:
    if one.claim is not None:
        return f"{one.claim.before:.4g}", f"{one.claim.after:.4g} ({one.claim.events:,} labels)"
    return _figures(one.before), _figures(one.after)


def _figures(figures: Figures | None) -> str:
    """The figures of a signal in one cell: its mean and spread or its levels, and what is missing of it."""
    if figures is None:
        return "-"
    told = []
    if figures.mean is not None:
        told.append(f"mean {figures.mean:.4g}")
    if figures.p10 is not None and figures.p90 is not None:
        told.append(f"{figures.p10:.4g} to {figures.p90:.4g}")
    for level, share in list((figures.top or {}).items())[:LEVELS_SHOWN]:
        told.append(f"{level[:20]} {100 * share:.0f} %")
    if figures.missing_share:
        told.append(f"missing {100 * figures.missing_share:.0f} %")
    return ", ".join(told) or f"{figures.count:,} events"
