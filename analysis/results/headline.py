"""A verdict in a headline, and in one sentence for a newspaper."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from analysis.models.columns import score_scale
from analysis.results.estimates import Check
from analysis.results.findings import Findings
from analysis.results.sentence import HOLDS, listed
from analysis.results.verdict import HEAVY, Verdict
from analysis.results.weights import weighed

HEADLINE, SHORT = 20, 40
"""Most words of either."""

MONEY = {
    "$": ("us dollars", "us dollar", "dollars", "usd", "us$", "$"),
    "\N{EURO SIGN}": ("euros", "euro", "eur", "\N{EURO SIGN}"),
    "\N{POUND SIGN}": ("pounds", "pounds sterling", "gbp", "\N{POUND SIGN}"),
}
"""Units of money that a reader knows by a sign."""

LARGE = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))


def headline(findings: Findings, verdict: Verdict) -> str:
    """Return what was found in at most twenty words and no symbol but that of money.

    Parameters
    ----------
    findings : Findings
    verdict : Verdict
        One of `findings`.
    """
    told = _Told(findings, verdict)
    return _first_short(told.headlines(), HEADLINE, findings.dataset.simulated)


def short_sentence(findings: Findings, verdict: Verdict) -> str:
    """Return what was found in at most forty words: one number, and in words how sure it is."""
    told = _Told(findings, verdict)
    return _first_short(told.sentences(), SHORT, findings.dataset.simulated)


TALLIED = {
    "adds": ("adds something", "add something"),
    "trivial": ("adds too little to matter", "add too little to matter"),
    "nothing": ("adds practically nothing", "add practically nothing"),
    "inconclusive": ("is undecided", "are undecided"),
    "refused": ("has no answer", "have no answer"),
}
"""What is said of one verdict, and of several, of the same word."""


def tally(words: Iterable[str]) -> str:
    """Return how many verdicts have each word.

    >>> tally(["adds", "inconclusive", "adds"])
    '2 add something and 1 is undecided'
    """
    counts = Counter(words)
    return listed(
        [f"{counts[word]} {of[counts[word] > 1]}" for word, of in TALLIED.items() if counts[word]]
    )


def several_scores(findings: Findings, verdicts: list[Verdict]) -> str:
    """Return what was found of several scores on one outcome: how many have each word."""
    outcome = _plain(findings.label(verdicts[0].outcome))
    told = tally(verdict.verdict for verdict in verdicts)
    return f"Beyond what engagement says about {outcome}, of {len(verdicts)} scores {told}"


def mean_of(findings: Findings, outcome: str) -> str:
    """Return what the mean of an outcome is called: "average box office", "the chance of"."""
    name = _bare(findings.label(outcome))
    if findings.plan.outcomes[outcome].kind == "binary":
        return f"the chance of {name}"
    return f"average {name}"


def said_mean(findings: Findings, outcome: str, value: float) -> str:
    """Return a mean of an outcome as people say it: "$96 million", "5.2 per cent"."""
    if findings.plan.outcomes[outcome].kind == "binary":
        return f"{spoken(100 * value)} per cent"
    unit = findings.dataset.unit(outcome)
    sign = _money(unit)
    if not sign:
        return f"{spoken(value)} {unit}".strip()
    return f"{'minus ' if value < 0 else ''}{_amount(sign, abs(value))}"


def _first_short(texts: Iterator[str], most: int, simulated: bool) -> str:
    """Return the first text that is short enough, else the last."""
    for text in texts:
        if simulated:
            text = (
                f"In simulated data, {text if text[1:2].isupper() else text[0].lower() + text[1:]}"
            )
        if len(text.split()) <= most:
            break
    return text


@dataclass(frozen=True, eq=False)
class _Told:
    """One verdict in the words of a reader."""

    findings: Findings
    verdict: Verdict

    # --- names ---

    @cached_property
    def score(self) -> str:
        """What a higher score is called: "higher Tomatometer"."""
        name = _bare(self.findings.label(self.verdict.score))
        ranks = "rank" in name.lower().split()
        return f"higher {name}{' number' if ranks else ''}"

    @cached_property
    def outcome(self) -> str:
        return _bare(self.findings.label(self.verdict.outcome))

    @property
    def named(self) -> tuple[str, str]:
        """Score and outcome, as a sentence calls them."""
        score, outcome = self.verdict.score, self.verdict.outcome
        return _plain(self.findings.label(score)), _plain(self.findings.label(outcome))

    @cached_property
    def held(self) -> str:
        """What is held constant: the engagement columns, or how many they are."""
        columns = [_plain(self.findings.label(c)) for c in self.findings.plan.engagement.columns]
        return listed(columns) if len(columns) < 3 else f"{len(columns)} measures of engagement"

    @cached_property
    def silent(self) -> str:
        """What a condition on the record is about."""
        columns = [
            _plain(self.findings.label(c)) for c in self.findings.plan.engagement.assumed_columns
        ]
        return columns[0] if len(columns) == 1 else "engagement"

    # --- how the outcome differs ---

    def goes_with(self, down: bool) -> str:
        """Return "goes with lower box office"."""
        kind = self.findings.plan.outcomes[self.verdict.outcome].kind
        if kind == "binary":
            return f"goes with a {'lower' if down else 'higher'} chance of {self.outcome}"
        if kind == "count":
            return f"goes with {'fewer' if down else 'more'} {self.outcome}"
        return f"goes with {'lower' if down else 'higher'} {self.outcome}"

    @property
    def down(self) -> bool:
        """Whether a higher score goes with less of the outcome, as the verdict's number has it."""
        return self.verdict.deciding.estimate < 0

    @property
    def recorded_down(self) -> bool:
        """The same of engagement as recorded."""
        for member in self.verdict.deciding_set:
            if member.name == "as recorded" and member.direction is not None:
                return member.direction == "negative"
        return self.down

    def size(self, effect: float) -> str:
        """Return how large an effect is, without its sign: "$7 million", "6 per cent"."""
        estimate, unit = self.verdict.deciding, self.findings.dataset.unit(self.verdict.outcome)
        if estimate.unit == "percent":
            share = math.expm1(min(effect, 50.0))
            sign = _money(unit)
            exposed = self.findings.plan.outcomes[self.verdict.outcome].exposure
            if sign and not exposed:
                return _amount(sign, abs(share) * self.findings.mean(self.verdict.outcome))
            return f"{spoken(100 * abs(share))} per cent"
        if estimate.unit == "points":
            return f"{spoken(100 * abs(effect))} percentage points"
        sign = _money(unit)
        return _amount(sign, abs(effect)) if sign else f"{spoken(abs(effect))} {unit}".strip()

    @cached_property
    def step(self) -> str:
        """What the effect is per: "per 26 points", or nothing that a reader would know."""
        plan, score = self.findings.plan, self.verdict.score
        how, unit = plan.score.transform_of(score), self.findings.dataset.unit(score)
        unit = "points" if unit in ("", "percentage points") else unit
        if plan.score.scale == "raw":
            return "per unit of it" if how == "identity" else ""
        step = score_scale(self.findings.sample, score)
        if how == "identity":
            return f"per {spoken(step)} {unit}"
        if how == "log1p":
            return f"where it is {spoken(math.exp(min(step, 30.0)))} times as high"
        return "per standard deviation"

    @cached_property
    def step_of(self) -> str:
        """The same with the score named: "per 26 points of the Tomatometer"."""
        name = _plain(self.findings.label(self.verdict.score))
        how, step = self.findings.plan.score.transform_of(self.verdict.score), self.step
        if self.findings.plan.score.scale == "raw":
            return f"per unit of {name}" if how == "identity" else f"at a {self.score}"
        return (
            step.replace("where it is", f"where {name} is")
            if how == "log1p"
            else f"{step} of {name}"
        )

    @property
    def ends(self) -> tuple[float, float] | None:
        return self.verdict.deciding.interval(self.findings.level)

    @property
    def span(self) -> str:
        """How sure the number is: "from $2 million to $12 million lower"."""
        if self.verdict.deciding.carried_by_one or self.ends is None:
            return ""
        low, high = self.ends
        apart = low < 0 < high
        near, far = (low, high) if apart else sorted((low, high), key=abs)
        first, last = self.size(near), self.size(far)
        number, _, unit = first.partition(" ")
        large = unit.startswith(tuple(name for _, name in LARGE))  # "from $2" means two dollars
        if unit and not large and last.endswith(f" {unit}"):  # it is said once
            first = number
        less = "lower" if high <= 0 else "higher"
        return f"from {first}{' lower' if apart else ''} to {last} {less}"

    # --- conditions and doubts ---

    @property
    def condition(self) -> str:
        """The reliability that a word rests on; empty where nothing was assumed."""
        at = self.verdict.assumed_from
        if self.verdict.corrected != "assumed" or at is None:
            return ""
        return f"if {self.silent} {_verb(self.silent)} recorded with reliability {at:.2g} or more"

    @property
    def from_where(self) -> str:
        """The reliability from which a word would hold."""
        at = self.verdict.holds_from
        return "without error" if at == 1 else f"with reliability {at:.2g} or more"

    @cached_property
    def doubt(self) -> str:
        """What was found against a word that the fits give together; empty where nothing was."""
        checks: list[Check] = self.findings.failed_on(self.verdict.outcome, self.verdict.score)
        for check in checks:
            if check.undecided:
                return _lower(weighed(check.check).shortest).rstrip(".")
        if any(reason.startswith(HEAVY) for reason in self.verdict.reasons):
            return _lower(weighed("tail").sentence).rstrip(".")
        return ""

    @cached_property
    def differs(self) -> str:
        """What the word does not survive: the first member of the set that says another one."""
        own = self.verdict.as_recorded
        for member in self.verdict.deciding_set:
            if member.word != own:
                return (
                    "other forms of engagement"
                    if member.name == "form"
                    else (
                        "noise in the record"
                        if member.name == "noise"
                        else "noise and form together"
                    )
                )
        return ""

    # --- headlines ---

    def headlines(self) -> Iterator[str]:
        """Yield headlines, the fullest first."""
        word, (score, outcome) = self.verdict.verdict, self.named
        if word == "refused":
            yield f"These data cannot say whether {score} tells anything about {outcome}"
            yield "These data cannot answer the question"
        elif word == "inconclusive":
            yield from self._undecided()
        elif word == "nothing":
            yield from self._negligible()
        else:
            yield from self._decided()

    def _decided(self) -> Iterator[str]:
        """Yield what goes with a higher score, and how much."""
        goes = f"a {self.score} {self.goes_with(self.down)}"
        size = f"about {self.size(self.verdict.deciding.estimate)}"
        small = ", too little to matter" if self.verdict.verdict == "trivial" else ""
        held, at = f"At the same {_bare(self.held)}, ", "At equal engagement, "
        named = f", if {self.silent} {_verb(self.silent)} well recorded" if self.condition else ""
        bare = ", if well recorded" if self.condition else ""
        for measure in (f": {size} {self.step}", f": {size}", ""):
            for condition in (named, bare):
                yield f"{held}{goes}{measure}{small}{condition}"
                yield f"{at}{goes}{measure}{small}{condition}"
        less = "lower" if self.down else "higher"
        yield f"{at}a higher score goes with a {less} outcome{small}{bare}"

    def _negligible(self) -> Iterator[str]:
        score, outcome = self.named
        for held in (self.held, "engagement"):
            yield f"Beyond {held}, any link between {score} and {outcome} is too small to matter"
        yield "Beyond engagement, any link between the score and the outcome is too small to matter"

    def _undecided(self) -> Iterator[str]:
        """Yield what is known, and what stands in the way of a word."""
        recorded, (score, outcome) = self.verdict.as_recorded, self.named
        goes = f"a {self.score} {self.goes_with(self.recorded_down)}"
        known = {
            "adds": goes,
            "trivial": f"{goes}, though too little to matter",
            "nothing": f"any link between {score} and {outcome} is too small to matter",
        }.get(recorded or "")
        held = "At equal engagement, "
        if known is not None and self.doubt:
            yield f"{held}{known}, but {self.doubt}: not decided"
            yield f"Not decided: {held.lower()}{known}, but a check failed"
            yield f"{held}{known}, but a failed check leaves it undecided"
            yield "A failed check leaves it undecided whether the score says more than engagement"
        elif known is not None and self.verdict.holds_from is not None:
            how, word = self.from_where, self.verdict.holds_word
            said = known if word == recorded else _holds(word, self.score)
            yield (
                f"If {self.silent} {_verb(self.silent)} recorded {how}, {said}; with more noise we"
                " cannot tell"
            )
            yield f"If recorded {how}, {said}; with more noise we cannot tell"
            yield f"If recorded {how}, {said}; else we cannot tell"
        elif known is not None and self.differs:
            yield f"As recorded, {known}; allowing for {self.differs}, we cannot tell"
        for held in (self.held, "engagement"):
            known = f"{score} says anything about {outcome} beyond {held}"
            yield f"These data cannot tell whether {known}"
        yield "These data cannot tell whether the score says more than engagement does"

    # --- sentences ---

    def sentences(self) -> Iterator[str]:
        """Yield newspaper sentences, the fullest first."""
        word = self.verdict.verdict
        if word == "refused":
            yield from self._refused()
            return
        size, less = self.size(self.verdict.deciding.estimate), "lower" if self.down else "higher"
        held, about = f"With {self.held} held constant, ", f"{self._subject} is about {size} {less}"
        ending = {
            "adds": f"; this holds {self.condition}" if self.condition else "",
            "trivial": ", too little to matter",
            "nothing": ", too little to matter either way",
            "inconclusive": f"; {self._why}",
        }[word]
        span = f" (plausibly {self.span})" if self.span else ""
        yield f"{held}{about} {self.step_of}{span}{ending}."
        yield f"{held}{about} {self.step}{span}{ending}."
        yield f"{about[0].upper()}{about[1:]} {self.step_of}{span}{ending}."
        yield f"{about[0].upper()}{about[1:]} at a higher score{span}{ending}."
        yield f"At a higher score the outcome is about {size} {less}{span}{ending}."

    @property
    def _subject(self) -> str:
        """What differs, of rows with a higher score."""
        kind = self.findings.plan.outcomes[self.verdict.outcome].kind
        if kind == "count" and not self.outcome.startswith("number of"):
            return f"the average number of {self.outcome}"
        return f"{'the chance of' if kind == 'binary' else 'average'} {self.outcome}"

    @property
    def _why(self) -> str:
        """Why nothing is decided."""
        alone = self.verdict.as_recorded in ("inconclusive", None)
        if self.doubt and not alone:
            return f"not decided, since {self.doubt}"
        if self.verdict.holds_from is not None:
            how = self.from_where
            says = HOLDS[self.verdict.holds_word].format(score="it")
            return f"{says} only if {self.silent} {_verb(self.silent)} recorded {how}"
        if not alone and self.differs:
            return f"allowing for {self.differs}, the data do not decide"
        return "the data do not decide"

    def _refused(self) -> Iterator[str]:
        checks = self.findings.failed_on(self.verdict.outcome, self.verdict.score)
        why = [weighed(check.check).sentence for check in checks if check.refused]
        reason = _lower(why[0] if why else "A check leaves no answer.")
        score, outcome = self.named
        yield f"These data cannot say whether {score} tells anything about {outcome}: {reason}"
        yield f"These data cannot answer the question: {reason}"


def _holds(word: str | None, score: str) -> str:
    said = {
        "adds": f"a {score} says something more",
        "trivial": f"a {score} says too little to matter",
        "nothing": f"a {score} says practically nothing more",
    }
    return said[word]


def spoken(value: float) -> str:
    """Return a number as people say it: two digits, and words for what is large.

    Examples
    --------
    >>> spoken(7_213_456.0), spoken(25.9), spoken(0.0213), spoken(1_234.0), spoken(0)
    ('7.2 million', '26', '0.021', '1,200', '0')
    """
    if not math.isfinite(value) or value == 0:
        return "0" if value == 0 else "more than anyone can count"
    rounded = float(f"{value:.2g}")
    for unit, name in LARGE:
        if abs(rounded) >= unit:
            return (
                f"{rounded / unit:.2g} {name}"
                if rounded < 100 * unit
                else (f"{rounded / unit:,.0f} {name}")
            )
    if abs(rounded) >= 10:
        return f"{rounded:,.0f}"
    text = f"{rounded:.10f}".rstrip("0").rstrip(".")
    return text or "0"


def _amount(sign: str, value: float) -> str:
    """Return an amount of money as people say it.

    >>> _amount("$", 7_213_456.0), _amount("$", 3.3), _amount("$", 0.217), _amount("$", 0.997)
    ('$7.2 million', '$3.30', '22 cents', '$1')
    """
    if sign in "$\N{EURO SIGN}" and value < 0.995:
        return f"{spoken(100 * value)} cents"
    text = spoken(value)
    return sign + (f"{float(text):.2f}" if value < 10 and "." in text else text)


def _money(unit: str) -> str:
    return next((sign for sign, names in MONEY.items() if unit.lower() in names), "")


def _plain(label: str) -> str:
    """Return what a reader calls a column: names of files are no words."""
    return label.replace("_", " ")


def _bare(label: str) -> str:
    return _plain(label).removeprefix("the ").removeprefix("The ")


def _verb(subject: str) -> str:
    """Return "is" or "are".

    >>> _verb("the number of likes"), _verb("likes"), _verb("engagement")
    ('is', 'are', 'is')
    """
    first = subject.removeprefix("the ").split(" ")[0]
    return "are" if first.endswith("s") and not first.endswith("ss") else "is"


def _lower(text: str) -> str:
    """Return text that begins small, but for names and abbreviations."""
    return text if text[1:2].isupper() else text[0].lower() + text[1:]
