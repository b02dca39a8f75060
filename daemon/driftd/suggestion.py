"""What a mistyped word should have been. Rule: standard library only, the command line imports it at once."""

from collections.abc import Iterable


def suggestion(word: str, known: Iterable[str]) -> str:
    """What to write instead of `word`: the nearest of `known`, or all of them."""
    from difflib import get_close_matches  # noqa: PLC0415 - late: only the mistaken wait for it

    names = sorted(known)
    close = get_close_matches(word[:100], names, n=1)
    return f'Did you mean "{close[0]}"?' if close else f"There is: {', '.join(names)}."
