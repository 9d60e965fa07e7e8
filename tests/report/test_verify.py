"""An article's numbers are looked for where their ids stand, and a wrong one is never let pass."""

from pathlib import Path

import pytest

from analysis.report.article.check import find_in_text
from analysis.report.citation.numbers import macro_name
from analysis.report.verification import Line, Verification

N = "movies/box_office/tomatometer/increment/poisson/tomatometer"
M = "movies/box_office/tomatometer/increment/ols/tomatometer"
P = "movies/renewed/tomatometer/increment/logit/tomatometer@margin"
V = "movies/box_office/tomatometer"
SENTENCE = (
    "The score tells something more: one standard deviation more goes with 5.9 % less (-5.9 %; n ="
    " 2,757). So."
)
LEDGER = {
    "plan": {"name": "movies"},
    "estimates": [
        {
            "id": N,
            "displayed": "-5.9 %",
            "outcome": "box_office",
            "score": "tomatometer",
            "scale": "sd",
            "estimate": -0.0608,
            "conf_low": -0.1065,
            "conf_high": -0.0161,
            "level": 0.95,
            "n": 2757,
        },
        {"id": M, "displayed": "+3.0 %"},
        {"id": P, "displayed": "+3.8 points"},
    ],
    "verdicts": [{"id": V, "verdict": "adds", "sentence": SENTENCE}],
}


def statuses(text):
    return [line.status for line in find_in_text(text, LEDGER).lines]


HOLDS = [
    f"Takings are 5.9 % lower ({N}).",
    f"Takings are 5.9 per cent lower ({N}).",
    f"Takings are 5.9 percent lower [`{N}`].",
    f"Takings change by **\N{MINUS SIGN}5.9\N{NO-BREAK SPACE}%** ({N}).",
    f"Takings change by $-5.9$\\,\\% ({N}).",
    f"Takings change by minus 5.9% (95 % CI -10.1 % to -1.6 %). The id is {N}.",
    f"A film earns 5.9 % less. ({N})",
    f"A film earns 5.9 % less.\n\nSource: {N}.",
    f"A film earns 5.9 % less. In 2010, 20 % were comedies.\n\n{N}",
    f"A film earns 5.9 % less.[^1] It was 20 % once.\n\nAnother paragraph.\n\n[^1]: {N}",
    f"| effect | id |\n|---|---|\n| -5.9 % | {N} |\n| +3.0 % | {M} |",
    f"A fall of 5.9 % ({N}) and a rise of 3.0 % ({M}).",
    f"{N}: -5.9 %, {M}: 3.0 % more.",
    f"One standard deviation more goes with a fall by more than 5.9 % ({N}).",
    f"The probability is 3.8 percentage points higher ({P}).",
    f"{SENTENCE} (score-audit, result {N})",
]
WRONG = [
    (f"Takings rise by 5.9 % ({N}).", "differs"),
    (f"Takings are 5.9 % more ({N}).", "differs"),
    (f"Takings change by +5.9 % ({N}).", "differs"),
    (f"Takings are 3.0 % lower ({M}).", "differs"),
    (f"Takings are 7.1 % lower ({N}).", "differs"),
    (f"The first was 5.9 % less. Later it was 7.1 % less ({N}).", "differs"),
    (f"One was 5.9 % less. Then came a film. Then 8 % less. It is {N}.", "differs"),
    (f"It was 5.9 % less.\n\nAnother paragraph. ({N})", "not checked"),
    (f"It was 15.9 % less ({N}).", "differs"),
    (f"Takings fall ({N}).", "not checked"),
    (f"It was 7 % less.\n\nSource: {N}", "differs"),
    (f"A fall of 3.0 % ({N}).", "differs"),
    (f"| 5.9 % less | {M} |\n| 3.0 % more | {N} |", "differs"),
    ("See movies/box_office/tomatometre.", "unknown"),
    ("See \\saaaaaaaaa.", "unknown"),
    ("No id at all.", "unknown"),
]


@pytest.mark.parametrize("text", HOLDS)
def test_what_holds(text):
    assert set(statuses(text)) == {"holds"}, str(find_in_text(text, LEDGER))


@pytest.mark.parametrize(("text", "status"), WRONG)
def test_what_does_not(text, status):
    found = find_in_text(text, LEDGER)
    assert {line.status for line in found.lines} == {status}, str(found)
    assert not found.ok


def test_swapped_numbers_of_one_sentence():
    assert statuses(f"A rise of 3.0 % ({N}) and a fall of 5.9 % ({M}).") == [
        "differs",
        "differs",
    ]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (f"The score adds something ({V}).", "holds"),
        (f"The verdict is adds. ({V})", "holds"),
        (f"{SENTENCE} (score-audit, result {V})", "holds"),
        (f"The score adds nothing ({V}).", "differs"),
        (f"The effect is trivial ({V}).", "differs"),
        (f"It adds. The other is here ({V}).", "holds"),
        (f"The verdict: adds.\n\nSource: {V}", "holds"),
    ],
)
def test_a_verdict_is_its_word_and_no_other(text, status):
    assert statuses(text) == [status]


def test_the_line_of_the_article_and_a_quotation():
    found = find_in_text(f"A title\n\nSome text.\nIt rises by 5.9 % ({N}).\n", LEDGER)
    (line,) = found.lines
    assert line.line == 4
    assert f'line 4: {N}: 5.9 % (the ledger: -5.9 %) in "It rises by 5.9%' in str(found)


def test_a_macro_prints_its_number():
    (line,) = find_in_text(f"It changes by \\{macro_name(N)}.", LEDGER).lines
    assert (line.what, line.status, line.line) == (N, "holds", 1)


def test_the_summary_is_two_lines():
    ledger = (Line("plan", "same"), Line("x", "differs", "1 then, 2 now"))
    article = find_in_text(f"5.9 % less ({N}).\n\n7 % less ({N}).", LEDGER).lines
    assert str(Verification(ledger)).splitlines() == [
        "differs        x: 1 then, 2 now",
        "Ledger: 1 of 2 comparisons are the same.",
    ]
    assert str(Verification(ledger + article)).splitlines()[-2:] == [
        "Ledger: 1 of 2 comparisons are the same.",
        "Article: 1 of 2 citations hold.",
    ]
    nothing = Verification((Line("plan", "same"), *find_in_text("nothing", LEDGER).lines))
    assert nothing.told("a.md").splitlines()[-1] == "Article: no result id or macro found in a.md."
    assert not nothing.ok


def test_the_example_of_the_readme_holds():
    readme = Path(__file__).resolve().parents[2] / "README.md"
    if not readme.exists():
        pytest.skip("no README here: an installed copy")
    block = next(
        block for block in readme.read_text("utf-8").split("```") if "Source: score-audit" in block
    )
    assert statuses(block.removeprefix("text\n")) == ["holds"]


def test_ids_with_plain_names_are_found():
    plain_name = "shops/Revenue 2013/Klout score!"
    old = "shops/%52evenue%202013/%4Blout%20score%21"
    for name in (SHOPS, plain_name, old):
        text = (
            f"Takings are 5.9 % lower ({name}/increment/ols/x). The score adds something:"
            f" {name if name == old else name.lower()}."
        )
        found = find_in_text(text, NAMED)
        assert [line.what for line in found.lines] == [SHOPS + "/increment/ols/x", SHOPS]
        assert found.ok, str(found)


SHOPS = "shops/revenue-2013/klout-score"
ABOUT = {"outcome": "Revenue 2013", "score": "Klout score!"}
NAMED = {
    "plan": {
        "name": "shops",
        "sesoi": {SHOPS: {"unit": "percent", "scale": "sd", "displayed": "10.0 %"}},
    },
    "estimates": [
        ABOUT
        | {
            "id": SHOPS + "/increment/ols/x",
            "method": "increment",
            "model": "ols",
            "term": "x",
            "scale": "sd",
            "displayed": "-5.9 %",
            "estimate": -0.0613,
            "std_error": 0.0234,
            "statistic": -2.62,
            "p_value": 0.0088,
            "conf_low": -0.107,
            "conf_high": -0.0155,
            "level": 0.95,
            "n": 2757,
        }
    ],
    "verdicts": [
        ABOUT
        | {
            "id": SHOPS,
            "verdict": "adds",
            "sentence": SENTENCE,
            "deciding": SHOPS + "/increment/ols/x",
        }
    ],
}


@pytest.mark.parametrize(
    "name", [SHOPS, SHOPS + "/increment/ols/x", "shops/Revenue 2013/Klout score!"]
)
@pytest.mark.parametrize(
    ("field", "text", "status"),
    [
        ("value", "Takings are 5.9 % lower", "holds"),
        ("value", "Takings are 6.9 % lower", "differs"),
        ("low", "As low as -10.1 %", "holds"),
        ("low", "As low as -1.5 %", "differs"),
        ("high", "At best -1.5 %", "holds"),
        ("p", "With p = .009", "holds"),
        ("p", "With p = .09", "differs"),
        ("n", "Of 2,757 films", "holds"),
        ("n", "Of 2,758 films", "differs"),
        ("se", "An error of 0.0234", "holds"),
        ("statistic", "A z of -2.62", "holds"),
        ("sesoi", "At least 12 % would matter", "differs"),
        ("sesoi", "At least 10 % would matter", "holds"),
        ("sesoi", "At least 10.0 % would matter", "holds"),
    ],
)
def test_fields_of_a_result_and_of_the_verdict_that_rests_on_it(name, field, text, status):
    (line,) = find_in_text(f"{text} ({name}#{field}).", NAMED).lines
    assert (line.status, line.what.rpartition("#")[2]) == (status, field), line.detail


def test_a_verdict_stands_for_its_estimate_too():
    assert find_in_text(f"Takings are 5.9 % lower ({SHOPS}).", NAMED).ok
    assert find_in_text(f"It adds something ({SHOPS}).", NAMED).ok
    (line,) = find_in_text(f"Takings are 5.9 % higher ({SHOPS}).", NAMED).lines
    assert line.status == "differs"
    (line,) = find_in_text(f"It adds nothing ({SHOPS}).", NAMED).lines
    assert line.status == "differs"


def test_a_misspelt_id_gets_did_you_mean():
    (line,) = find_in_text("5.9 % lower (shops/revenue-2013/klot-score).", NAMED).lines
    assert line.status == "unknown"
    assert f'Did you mean "{SHOPS}"?' in line.detail


def test_macros_of_this_schema_of_the_first_one_and_of_fields():
    old = "shops/%52evenue%202013/%4Blout%20score%21"
    names = [SHOPS, old, SHOPS + "/increment/ols/x#low"]
    found = find_in_text(" ".join(f"\\{macro_name(name)}." for name in names), NAMED)
    assert [line.what for line in found.lines] == [SHOPS, SHOPS, names[2]]
    assert found.ok
