"""The verdict's word in a sentence, negations seen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

NOT = r"(?:not|never|no longer|neither|hardly|without|far from|rather than|instead of)"
CLAIM = re.compile(
    rf"(?P<none>\badd(?:s|ing|ed)? nothing\b|\b{NOT}(?: \w+)? add(?:s|ing|ed)?\b|"
    r"n['\u2019]t add\b)|"
    rf"(?P<off>(?:\b|(?<=n)){NOT}(?: \w+){{0,2}} (?:trivial|nothing|inconclusive|refused))|"
    r"(?P<if>\b(?:would|could|might|may|only if|if|whether)(?: \w+){0,4} add(?:s|ing|ed)?\b|"
    r"\badds?\b[^.]{0,40} only (?:if|where|when)\b)|"
    r"(?P<word>\b(?:adds|add(?:ed|ing)?|trivial|nothing|inconclusive|undecided|refused?)\b)",
    re.IGNORECASE,
)
FORMS = {"add": "adds", "added": "adds", "adding": "adds", "undecided": "inconclusive"}
FORMS |= {"refuse": "refused"}
TURNED = re.compile(r"\badds\b\W{0,3}(positive|negative)\b", re.IGNORECASE)
IDLE = re.compile(r"\bnothing (?:else|of the kind|to do|new|stands|was|were)\b", re.IGNORECASE)


def judge_words(sentence: str, verdict: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what the ledger says of the verdict's words in a sentence.

    Parameters
    ----------
    sentence : str
    verdict : mapping
        Of the ledger.

    Examples
    --------
    >>> row = {"verdict": "adds", "direction": "negative"}
    >>> [one["status"] for one in judge_words("The score does not add anything.", row)]
    ['differs']
    >>> judge_words("It would add something only if likes are exact.", row)
    []
    """
    word, allowed = verdict["verdict"], {verdict["verdict"], verdict.get("as_recorded")}
    judged = []
    for text, claim in _claims(sentence):
        holds = claim in allowed if claim != word else True
        judged.append((text, claim, holds))
    if not any(claim == word for _, claim, _ in judged):  # what it is as recorded is not enough
        judged = [(text, claim, False) for text, claim, _ in judged]
    for turned in TURNED.finditer(sentence):
        direction = verdict.get("direction")
        if direction and word == "adds" and turned[1].lower() != direction:
            judged.append((turned[0], word, False))
    shown = word + (f" ({verdict['direction']})" if verdict.get("direction") else "")
    return [
        {
            "text": text,
            "field": "verdict",
            "status": "holds" if holds else "differs",
            "ledger": shown,
        }
        for text, _, holds in judged
    ]


def _claims(sentence: str) -> list[tuple[str, str]]:
    """Return the words of a sentence with the verdict that each claims; one that is denied claims
    that it is another.
    """
    sentence = IDLE.sub(lambda match: " " * len(match[0]), sentence)
    claims = []
    for match in CLAIM.finditer(sentence):
        kind, text = match.lastgroup, match[0].strip()
        if kind == "none":
            claims.append((text, "nothing"))
        elif kind == "word":
            claims.append((text, FORMS.get(text.lower(), text.lower())))
        elif kind == "off":
            claims.append((text, "not " + text.split()[-1].lower()))
    return claims
