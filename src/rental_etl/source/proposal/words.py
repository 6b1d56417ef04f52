"""Words for states and for yes and no, and what they stand for in the vocabulary."""

from functools import cache

from rental_etl.source.manner import FALSE_WORDS, TRUE_WORDS
from rental_etl.source.proposal.names import fold, listed, vocabulary


def status(word: str) -> str:
    """The state of the vocabulary that a delivered word means, "" when that is not known."""
    return _statuses().get(fold(word), "")


def truth(word: str) -> bool | None:
    """Whether a delivered word means yes, None when that is not known. What the product itself reads comes first."""
    lowered = word.lower()
    if lowered in TRUE_WORDS:
        return True
    if lowered in FALSE_WORDS:
        return False
    return _truths().get(fold(word))


def is_read(word: str) -> bool:
    """Whether a boolean word is read without a setting."""
    return word.lower() in (*TRUE_WORDS, *FALSE_WORDS)


@cache
def _statuses() -> dict[str, str]:
    return {fold(word): state for state, words in vocabulary()["statuses"].items() for word in listed(words)}


@cache
def _truths() -> dict[str, bool]:
    words = vocabulary()["truth"]
    return {fold(word): meant for meant, key in ((True, "yes"), (False, "no")) for word in listed(words[key])}
