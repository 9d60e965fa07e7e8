"""The numbers that a sentence prints: how large, in what unit, with what sign, and called what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

UNITS = {"%": "percent", "points": "points", "times": "times"}
CURRENCY = r"US\$|[$\u20ac\u00a3]|\b(?:USD|EUR|GBP) ?"
AFTER = r"dollars?|euros?|pounds?|USD|EUR|GBP|\u20ac|\$"
SCALES = {"thousand": 3, "k": 3, "million": 6, "m": 6, "mn": 6, "billion": 9, "bn": 9}

NUMBER = re.compile(
    rf"""(?:(?<![\w/.,^\#])|(?<=,)(?=[-+])|(?<=[A-Za-z])(?=[<>\u2264\u2265]))(?<!\d-)
    (?P<bound>[<>\u2264\u2265]=?\ ?)?
    (?P<sign>[-+](?!\s))?(?P<money>{CURRENCY})?(?P<after>[-+](?=\d))?
    (?P<digits>\d{{1,3}}(?:[ ,'\u2019.]\d{{3}})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)?|\.\d+)
    (?:\ ?(?P<scale>{"|".join(SCALES)})\b)?
    (?P<unit>\ ?%|\ points|\ times(?=\ as|\ the|\b)|\ (?:{AFTER})(?!\w))?
    (?![\w/^]|[.,]\d|-[A-Za-z]{{3}}\w*-\d)""",
    re.VERBOSE,
)

SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
WORDS = {word: at for at, word in enumerate(SMALL.split())}
WORDS |= {word: 10 * at for at, word in enumerate(TENS.split(), 2)}
WORD = "|".join(WORDS)
IN_WORDS = re.compile(
    rf"\b(?:(?P<tens>{TENS.replace(' ', '|')})-)?(?P<word>{WORD}|an?|half)"
    rf"(?:\ point\ (?P<decimal>{WORD}))?"
    r"(?:\ an?)?\ (?P<unit>per\ ?cent(?!age)|%|(?:percentage\ )?points?\b|pp\b|pts\b|"
    r"in\ ten\b|out\ of\ ten\b|in\ (?:a|one)\ hundred\b|in\ twenty\b)",
    re.IGNORECASE | re.VERBOSE,
)
"""Numbers in words, where a unit says that they are one."""
PARTS = {"in ten": 10, "out of ten": 10, "in twenty": 20, "hundred": 100}

UP = (
    r"more|rises?|rose|risen|rising|higher|increas\w+|gain\w*|grow\w*|grew|up|larger|greater|"
    r"added|extra|above|better|positive|upwards?|climb\w*|jump\w*|raise[sd]?|raising|bigger|plus"
)
DOWN = (
    r"less|fewer|falls?|fell|fallen|falling|lower\w*|decreas\w+|declin\w+|drop\w*|los[est]\w*|"
    r"down|smaller|reduc\w+|shr[aiu]nk\w*|minus|negative|below|under|worse|cuts?|costs?|penalty|"
    r"shortfall|deficit|weaker|poorer|dip\w*|slump\w*|slip\w*|sink\w*|diminish\w*|behind|short|"
    r"downwards?|off"
)
TURN = re.compile(rf"\b(?:(?P<up>{UP})|(?P<down>{DOWN}))\b", re.IGNORECASE)
FIGURE = r"(?=(?:about |some )?[-+$]?[\d.])"
NO_TURN = re.compile(
    rf"\b(?:more|less|higher|lower|greater|larger|smaller|fewer) than {FIGURE}|"
    r"\bmore or less\b|\bup to\b|\b(?:standard deviations?|SDs?|units?|points?) (?:more|higher)\b|"
    r"\b(?:higher|more|greater|better|larger) (?:\w+ ){0,2}"
    r"(?:scores?|ratings?|values?|goes|go|means?|films?|accounts?|creators?|sellers?)\b|"
    r"\ba (?:higher|better|larger|greater) \w+|\b(?:something|anything|nothing) more\b|"
    r"\b(?:just|a little|slightly) (?:under|over|below|above)\b|"
    rf"\b(?:under|below|above|over|off) {FIGURE}|\bcut-?offs?\b|\bcosts? of\b",
    re.IGNORECASE,
)
"""Where such a word gives no direction of the number: a bound, or the step of the score."""
HEDGE = re.compile(
    r"(?:\b(?:about|around|roughly|nearly|almost|some|approximately|approx\.?|circa|ca\.?|close to|"
    r"just (?:under|over)|(?:a little|slightly) (?:under|over|more than|less than))|~|\u2248)\s*$",
    re.IGNORECASE,
)
OVER = re.compile(r"\b(?:more than|over|above|at least|greater than|exceed\w*)\s*$", re.IGNORECASE)
UNDER = re.compile(r"\b(?:less than|under|below|at most|up to|fewer than|smaller than)\s*$", re.I)

LABELS = (
    ("p", re.compile(r"\bp(?:[- ]?values?)?\s*(?:of|is|was)?\s*[=:]?\s*$", re.IGNORECASE)),
    ("n", re.compile(r"\bn\s*(?:=|of|is)\s*$", re.IGNORECASE)),
    ("se", re.compile(r"(?:\bs\.?e\.?|standard error|std\.? ?err\w*)\s*(?:of|=|:|is)?\s*$", re.I)),
    ("df", re.compile(r"(?:\b[tF]\(|chi-square\(|chi2\(|\bdf\s*=\s*)$", re.IGNORECASE)),
    ("statistic", re.compile(r"(?:\b[tzF]|chi-square|chi2)(?:\([\d., ]+\))?\s*(?:=|of)\s*$", re.I)),
)
"""What stands before a number and says what it is."""
LEVEL = re.compile(r"^ ?-?(?:CIs?\b|confidence|intervals?\b|credib\w+|level)", re.IGNORECASE)
INTERVAL = re.compile(r"(?:\bCIs?\b|\bintervals?\b|\brange[sd]?\b)[^\d]{0,24}$", re.IGNORECASE)


@dataclass(frozen=True)
class Printed:
    """A number in a sentence.

    Attributes
    ----------
    text : str
        As printed, its unit included.
    readings : tuple of (float, int)
        What its digits can mean, without sign, and how many decimals they have; negative for
        thousands and millions.
    unit : str
        "percent", "points", "money", "times", or "" for a bare number.
    label : str
        "p", "n", "se", "df", "statistic" or "level", where the sentence calls it so.
    sign : str
        "+" or "-" as printed, or of the nearest word for a direction; "" without either.
    signed : bool
        Whether the sign is printed.
    bound : str
        "<" or ">" where the sentence says less or more than it.
    hedged : bool
        Whether it is about so much.
    end : str
        "first" or "second" of an interval, else "".
    start, stop : int
        Its place in the sentence.
    """

    text: str
    readings: tuple[tuple[float, int], ...]
    unit: str
    label: str
    sign: str
    signed: bool
    bound: str
    hedged: bool
    start: int
    stop: int
    end: str = ""

    @property
    def judged(self) -> bool:
        """Whether it is never passed over: it has a unit or a label, or is the end of an
        interval with one.
        """
        return bool(self.unit or self.label)


def printed_numbers(sentence: str) -> list[Printed]:
    """Return the numbers of a plain sentence, in their order.

    Parameters
    ----------
    sentence : str
        As `plain` makes it.

    Examples
    --------
    >>> read = printed_numbers("5.9% less (95% CI -10.1% to -1.6%), n = 2,757")
    >>> [(number.text, number.label or number.end or number.sign) for number in read]
    [('5.9 %', '-'), ('95 %', 'level'), ('-10.1 %', 'first'), ('-1.6 %', 'second'), ('2,757', 'n')]
    """
    text = _as_digits(_without_addresses(sentence))
    numbers = [_number(text, match) for match in NUMBER.finditer(text)]
    return list(_with_intervals(text, numbers))


def _without_addresses(text: str) -> str:
    """Return text with what looks like a number and is none blanked out: addresses, marks of
    footnotes, versions, dates and hashes.
    """
    pattern = (
        r"https?://\S+|\[\^[^\]]*\]|\bv?\d+\.\d+\.\d+\S*|\b\d{4}-\d\d-\d\d\b|"
        r"\bplan [0-9a-f]{12}\b|\b(?:Figs?\.?|Figures?|Tables?|Notebooks?|Sections?|Equations?) \d+"
    )
    return re.sub(pattern, lambda match: " " * len(match[0]), text)


def _as_digits(text: str) -> str:
    """Return text with numbers in words as digits, where a unit follows."""

    def digits(match: re.Match[str]) -> str:
        word = match["word"].lower()
        value = {"half": 0.5, "a": 1, "an": 1}.get(word, WORDS.get(word, 0))
        value += WORDS[match["tens"].lower()] if match["tens"] else 0
        value += WORDS[match["decimal"].lower()] / 10 if match["decimal"] else 0
        unit = match["unit"].lower()
        for ending, parts in PARTS.items():
            if unit.endswith(ending):
                return f"about {100 * value / parts:g}%"
        return f"{value:g}" + (
            "%" if unit.startswith(("per c", "perc", "%")) and "point" not in unit else " points"
        )

    return IN_WORDS.sub(digits, text)


def _number(text: str, match: re.Match[str]) -> Printed:
    """Return one number with what stands around it."""
    before, behind = text[: match.start()], text[match.end() :]
    unit = (match["unit"] or "").strip()
    money = bool(match["money"]) or re.fullmatch(AFTER, unit) is not None
    kind = "money" if money else UNITS.get(unit, "")
    label = next((name for name, pattern in LABELS if pattern.search(before)), "")
    if kind == "percent" and LEVEL.match(behind):
        label = "level"
    sign = match["sign"] or match["after"] or ""
    shown = match[0].strip().lstrip("<>=\u2264\u2265 ").replace("%", " %").replace("  ", " ")
    bound = (match["bound"] or "").strip(" =").translate({0x2264: "<", 0x2265: ">"})
    hedged = HEDGE.search(before) is not None
    if not bound and not hedged:
        bound = ">" if OVER.search(before) else "<" if UNDER.search(before) else ""
    return Printed(
        text=shown,
        readings=_readings(match["digits"], SCALES.get((match["scale"] or "").lower(), 0)),
        unit=kind,
        label=label,
        sign=sign or _turn(text, match.start(), match.end()),
        signed=bool(sign),
        bound=bound,
        hedged=hedged,
        start=match.start(),
        stop=match.end(),
    )


def _readings(digits: str, scale: int) -> tuple[tuple[float, int], ...]:
    """Return what digits can mean: a comma or a point may stand before decimals or thousands.

    >>> _readings("5,9", 0), _readings("1,234", 0), _readings("2.757", 0)
    (((5.9, 1),), ((1234.0, 0),), ((2.757, 3), (2757.0, 0)))
    """
    grouped = re.fullmatch(r"(\d{1,3}(?:([ ,'\u2019.])\d{3})(?:\2\d{3})*)(?:[.,](\d+))?", digits)
    texts = []
    if "," not in digits and digits.count(".") <= 1 and " " not in digits:
        if re.fullmatch(r"\d*\.?\d+", digits):
            texts.append(digits)
    elif re.fullmatch(r"\d+,\d+", digits) and (not grouped or digits.startswith("0")):
        texts.append(digits.replace(",", "."))
    if grouped and not digits.startswith("0"):
        whole = re.sub(r"\D", "", grouped[1])
        texts.append(whole + (f".{grouped[3]}" if grouped[3] else ""))
    read = [(float(text), len(text.partition(".")[2])) for text in texts]
    return tuple((value * 10**scale, decimals - scale) for value, decimals in read)


def _turn(text: str, start: int, stop: int) -> str:
    """Return the sign of the word for a direction that is nearest to a number; "" without one."""
    text = NO_TURN.sub(lambda match: " " * len(match[0]), text)
    turns = [
        (min(abs(turn.start() - stop), abs(start - turn.end())), "+" if turn["up"] else "-")
        for turn in TURN.finditer(text)
    ]
    return min(turns, default=("", ""))[1]


# --- intervals ------------------------------------------------------------------------------------

JOINS = re.compile(
    r"\s*(?:less|more|lower|higher|fewer|down|up)?\s*(to|and|through|until|[,;]|-)\s*"
)


def _with_intervals(text: str, numbers: list[Printed]) -> Iterator[Printed]:
    """Yield the same numbers, the ends of intervals marked, and given the unit that is printed
    once.
    """
    held: Printed | None = None
    for at, number in enumerate(numbers):
        if held is not None:
            yield _one_style(replace(number, end="second", unit=number.unit or held.unit), held)
            held = None
            continue
        after = numbers[at + 1] if at + 1 < len(numbers) else None
        if after is None or not _joined(text, number, after):
            yield number
            continue
        earlier = [one.unit for one in numbers[:at] if one.unit and one.label != "level"]
        unit = number.unit or after.unit or (earlier[-1] if earlier else "")
        held = replace(number, end="first", unit=unit, label="")
        yield _one_style(held, after)


def _one_style(number: Printed, other: Printed) -> Printed:
    """Return an end of an interval; without a sign it is positive where the other has a sign."""
    if number.signed or not other.signed:
        return replace(number, label="")
    return replace(number, label="", sign="+", signed=True)


def _joined(text: str, number: Printed, after: Printed) -> bool:
    """Return whether two numbers are the ends of one interval."""
    join = JOINS.fullmatch(text[number.stop : after.start])
    named = number.label not in ("", "se") or after.label
    other_units = number.unit and after.unit and number.unit != after.unit
    if join is None or named or other_units:
        return False
    before = text[: number.start].rstrip("+-$ ")
    if join[1] == "and":
        return bool(re.search(r"\bbetween\s*$", before, re.IGNORECASE))
    if join[1] in ",;":
        return before.endswith(("[", "(")) or bool(INTERVAL.search(before))
    return True
