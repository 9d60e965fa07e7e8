"""The plan: every fault at once, in the words of the file."""

import datetime
import json

import hypothesis.strategies as st
import pytest
import shop
from hypothesis import given, settings

from analysis.errors import PlanError
from analysis.plan import Plan, read_plan
from analysis.plan.sections.outcome import MODELS, DeclaredModel, models_of


def refusal(source) -> str:
    with pytest.raises(PlanError) as caught:
        read_plan(source)
    return str(caught.value)


def test_a_plan_reads_the_same_from_a_file_and_from_a_dict(tmp_path):
    content = shop.plan(
        keep=[{"column": "opened", "from": "2014-01-05"}, {"column": "country", "in": ["BE", "NL"]}]
    )
    path = tmp_path / "study.toml"
    path.write_text(shop.toml(content), "utf-8")
    from_file, from_dict = read_plan(path), read_plan(content)
    assert from_file.model_dump() == from_dict.model_dump()
    assert from_file.flat() == from_dict.flat()
    assert from_file.path == path.resolve()
    assert from_dict.path is None
    assert read_plan(str(path)).sha256 == from_file.sha256
    assert from_dict.sha256 == read_plan(shop.plan(**{"keep": content["keep"]})).sha256
    assert from_dict.sha256 != read_plan(shop.plan()).sha256


def test_a_byte_order_mark_is_no_fault(tmp_path):
    path = tmp_path / "study.toml"
    path.write_bytes(b"\xef\xbb\xbf" + shop.toml(shop.plan()).encode())
    assert read_plan(path).name == "shops"


def test_a_plan_is_frozen():
    plan = read_plan(shop.plan())
    with pytest.raises(ValueError, match="frozen"):
        plan.name = "other"


def test_defaults():
    plan = read_plan(shop.plan())
    assert (plan.duplicates, plan.missing, plan.quick) == ("refuse", "exclude", False)
    assert (plan.score.transform, plan.score.scale, plan.score.shares_error) == (
        "identity",
        "sd",
        "unknown",
    )
    assert plan.engagement.transform_of("likes") == "identity"
    assert (plan.inference.level, plan.inference.covariance) == (0.95, None)
    assert plan.outcome[0].deciding_model == "poisson"
    assert plan.outcome[0].companion_models == ("gamma", "tweedie", "hurdle", "ols")


def test_a_new_model_changes_no_plan_that_does_not_name_it(monkeypatch):
    new = DeclaredModel("new", "a new model", MODELS["ols"].kinds)
    monkeypatch.setitem(MODELS, "new", new)
    for kind in ("revenue", "count", "binary", "continuous"):
        outcome = read_plan(shop.plan(outcome__kind=kind)).outcome[0]
        assert "new" not in (outcome.deciding_model, *outcome.companion_models)
    assert read_plan(shop.plan(outcome__model="new")).outcome[0].deciding_model == "new"


@pytest.mark.parametrize(
    ("kind", "models"), [(kind, models_of(kind)) for kind in MODELS["ols"].kinds]
)
def test_each_kind_has_its_models(kind, models):
    for model in models:
        put_in = {"outcome__cost": "costs"} if kind == "roi" else {}
        plan = read_plan(shop.plan(outcome__kind=kind, outcome__model=model, **put_in))
        assert plan.outcome[0].deciding_model == model
    for model in {"poisson", "gamma", "tweedie", "logit", "ols"} - set(models):
        text = refusal(shop.plan(outcome__kind=kind, outcome__model=model))
        assert "[[outcome]] no. 1" in text
        assert f'model "{model}" cannot have a {kind} outcome' in text


FAULTS = [
    (shop.plan(scroe={}), ["scroe", 'unknown key "scroe"', 'Did you mean "score"?']),
    (
        shop.plan(score__colums=["a"]),
        ["[score] colums", "one of: columns, transform", 'Did you mean "columns"?'],
    ),
    (shop.plan(outcome__sesio=1), ["[[outcome]] no. 1, sesio", 'Did you mean "sesoi"?']),
    (shop.plan(inference={"levle": 0.9}), ["[inference] levle", 'Did you mean "level"?']),
    (shop.plan(name=None), ["name", "found:   nothing", "this key is required"]),
    (shop.plan(score=None), ["[score]", "found:   nothing"]),
    (shop.plan(outcome=None), ["[[outcome]]", "found:   nothing"]),
    (shop.plan(outcome=[]), ["[[outcome]]", "found:   []", "one table or more"]),
    (shop.plan(outcome={"column": "a"}), ["[[outcome]]", "each headed [[outcome]]"]),
    (shop.plan(outcome=[1]), ["[[outcome]] no. 1", "a table of keys and values"]),
    (shop.plan(score="klout"), ["[score]", 'found:   "klout"', "a table of keys and values"]),
    (shop.plan(score__columns="klout"), ["[score] columns", 'a list such as ["a", "b"]']),
    (shop.plan(score__columns=[]), ["[score] columns", "at least one"]),
    (shop.plan(score__columns=["a", ""]), ["[score] columns item 2", "a text that is not empty"]),
    (shop.plan(score__columns=[1]), ["[score] columns item 1", "found:   1", "a text in quotes"]),
    (shop.plan(score__scale="sf"), ["[score] scale", 'one of: "sd", "raw"']),
    (
        shop.plan(score__transform="logp1"),
        ["[score] transform", '"log1p"', "or a table", 'Did you mean "log1p"?'],
    ),
    (
        shop.plan(score__transform={"klout": "lg1p"}),
        ["[score] transform klout", 'Did you mean "log1p"?'],
    ),
    (
        shop.plan(score__transform={"x": "rank"}),
        ["[score] transform", 'column "x"', "one of its columns: klout"],
    ),
    (shop.plan(score__transform=3), ["[score] transform", "found:   3"]),
    (shop.plan(name="../x"), ["name", "the first a letter or digit"]),
    (shop.plan(name=""), ["name"]),
    (shop.plan(name="x" * 81), ["name", "at most 80 characters"]),
    (shop.plan(question=""), ["question", "a text that is not empty"]),
    (shop.plan(quick="yes"), ["quick", 'found:   "yes"', "true or false"]),
    (shop.plan(outcome__sesoi="5 %"), ["[[outcome]] no. 1, sesoi", 'found:   "5 %"', "a number"]),
    (shop.plan(outcome__sesoi="0.05"), ["[[outcome]] no. 1, sesoi", "a number"]),
    (shop.plan(outcome__sesoi=True), ["[[outcome]] no. 1, sesoi", "found:   true"]),
    (shop.plan(outcome__sesoi=0), ["[[outcome]] no. 1, sesoi", "more than 0"]),
    (shop.plan(outcome__sesoi=float("nan")), ["[[outcome]] no. 1, sesoi", "NaN"]),
    (shop.plan(outcome__sesoi=5), ["[[outcome]] no. 1", "a fraction of the mean", "below 1"]),
    (
        shop.plan(outcome__kind="binary", outcome__sesoi=2),
        ["[[outcome]] no. 1", "a difference in probability"],
    ),
    (shop.plan(outcome__kind="revenu"), ["[[outcome]] no. 1, kind", 'Did you mean "revenue"?']),
    (shop.plan(outcome__kind="count", outcome__negative="net"), ['belong to kind = "revenue"']),
    (shop.plan(outcome__kind="binary", outcome__exposure="orders"), ["exposure is an offset"]),
    (shop.plan(inference={"level": 95}), ["[inference] level", "found:   95", "less than 1"]),
    (shop.plan(inference={"seed": -1}), ["[inference] seed", "0 or more"]),
    (shop.plan(inference={"seed": 1.5}), ["[inference] seed", "a whole number"]),
    (shop.plan(inference={"covariance": "hc3"}), ["[inference] covariance", 'Did you mean "HC3"?']),
    (shop.plan(inference={"covariance": "CRV1"}), ["[inference] covariance", "need [cluster]"]),
    (
        shop.plan(keep=[{"column": "a"}]),
        ["[[keep]] no. 1", "at least one of: is, in, min, max, from, to"],
    ),
    (shop.plan(keep=[{"column": "a", "is": None}]), ["[[keep]] no. 1", "at least one of"]),
    (shop.plan(keep=[{"column": "a", "equals": 1}]), ["[[keep]] no. 1, equals", "unknown key"]),
    (shop.plan(keep=[{"column": "a", "in": []}]), ["[[keep]] no. 1, in", "at least one"]),
    (
        shop.plan(keep=[{"column": "a", "is": 1, "in": [1]}]),
        ["[[keep]] no. 1", "exclude each other"],
    ),
    (shop.plan(keep=[{"column": "a", "is": [1]}]), ["[[keep]] no. 1, is", "found:   [1]"]),
    (
        shop.plan(keep=[{"column": "a", "min": 3, "max": 1}]),
        ["[[keep]] no. 1", "min must not be above max"],
    ),
    (
        shop.plan(keep=[{"column": "a", "min": float("nan")}]),
        ["[[keep]] no. 1, min", "a finite number"],
    ),
    (shop.plan(keep=[{"column": "a", "min": "3"}]), ["[[keep]] no. 1, min", "a number"]),
    (
        shop.plan(keep=[{"column": "a", "from": "yesterday"}]),
        ["[[keep]] no. 1, from", '"yesterday"', "2014-06-30"],
    ),
    (shop.plan(keep=[{"column": "a", "to": "2014-02-30"}]), ["[[keep]] no. 1, to", '"2014-02-30"']),
    (
        shop.plan(keep=[{"column": "a", "from": 20140101}]),
        ["[[keep]] no. 1, from", "found:   20140101"],
    ),
    (
        shop.plan(keep=[{"column": "a", "from": datetime.datetime(2014, 1, 1, 10)}]),
        ["[[keep]] no. 1, from"],
    ),
    (
        shop.plan(keep=[{"column": "a", "from": "2015-01-01", "to": "2014-01-01"}]),
        ["from must not be after to"],
    ),
    (
        shop.plan(engagement__columns=["klout"]),
        ['column "klout"', "score and engagement", "one role for one column"],
    ),
    (shop.plan(score__columns=["klout", "klout"]), ['column "klout"', "score, twice"]),
    (shop.plan(row="likes"), ['column "likes"', "engagement and row"]),
    (shop.plan(cluster={"column": "klout"}), ['column "klout"', "score and cluster"]),
    (
        shop.plan(engagement__indicators=[["likes"]]),
        ["[engagement] indicators", "unknown key", "a key of the version before, dropped"],
    ),
    (
        shop.plan(
            engagement__long={
                "dataset": "weeks.csv",
                "row": "id",
                "order": "week",
                "columns": ["likes"],
            }
        ),
        ["[engagement] long", "a plan without row"],
    ),
    (
        shop.plan(
            row="id",
            engagement__long={
                "dataset": "weeks.csv",
                "row": "id",
                "order": "week",
                "columns": ["likes"],
                "how": "median",
            },
        ),
        ["[engagement.long] how", "sum"],
    ),
    (
        shop.plan(
            row="id",
            engagement__long={
                "dataset": "weeks.csv",
                "row": "id",
                "order": "week",
                "columns": ["likes"],
            },
            engagement__halves={"likes": ["a", "b"]},
        ),
        ["[engagement]", "halves or a long file, not both"],
    ),
    (
        shop.plan(
            row="id",
            engagement__long={
                "dataset": "weeks.csv",
                "row": "id",
                "order": "week",
                "columns": ["like"],
            },
        ),
        ["[engagement] halves", "Did you mean"],
    ),
    (
        shop.plan(engagement__reliability={"likes": 1.2}),
        ["[engagement.reliability] likes", "or less"],
    ),
    (
        shop.plan(engagement__reliability={"likes": {"value": 0.8, "low": 0.9, "high": 0.95}}),
        ["[engagement.reliability] likes", "low <= value <= high"],
    ),
    (
        shop.plan(engagement__reliability={"like": 0.8}),
        ["[engagement] reliability", "Did you mean"],
    ),
    (
        shop.plan(engagement__reliability={"likes": 0.8}, engagement__halves={"likes": ["a", "b"]}),
        ["[engagement]", "not both"],
    ),
    (
        shop.plan(engagement__reliability={"likes": 0.8}, engagement__exact=["likes"]),
        ["[engagement]", "a reliability or exact, not both, for likes"],
    ),
    (shop.plan(engagement__exact=["like"]), ["[engagement] exact", "Did you mean"]),
    (shop.plan(engagement__exact=["likes", "likes"]), ["exact names a column once"]),
    (shop.plan(engagement__assumed=0.05), ["[engagement] assumed", "0.05"]),
    (shop.plan(engagement__assumed=1.1), ["[engagement] assumed", "1"]),
    (shop.plan(engagement__halves={"likes": ["a", "a"]}), ["twice", "one role"]),
    (shop.plan(halves={}), ["halves", 'unknown key "halves"']),
]


@pytest.mark.parametrize(
    ("content", "pieces"), FAULTS, ids=lambda value: value[0] if isinstance(value, list) else ""
)
def test_each_fault_names_key_finding_and_what_is_allowed(content, pieces):
    text = refusal(content)
    assert text.startswith("the plan given as a dict: 1 fault\n"), text
    assert "found:" in text
    assert "allowed:" in text
    for piece in pieces:
        assert piece in text


def test_all_faults_at_once_and_no_word_of_the_library():
    text = refusal(
        shop.plan(
            nmae="x",
            name=None,
            score__scale="x",
            outcome__sesoi="a",
            panel={},
            inference={"level": 2},
        )
    )
    assert text.startswith("the plan given as a dict: 6 faults")
    for word in ("validation", "ScoreSection", "tuple", "dictionary", "pydantic", "Input should"):
        assert word not in text


@pytest.mark.parametrize("source", [None, 3, [], b"movies", 1.5])
def test_what_is_no_plan(source):
    assert "a plan's name, the path of a TOML file, or a dict" in refusal(source)


@pytest.mark.parametrize("name", ["", "movie", "x" * 5000, "a\0b", "\u202e", "..", "~"])
def test_an_unknown_name(name):
    text = refusal(name)
    assert "no plan of this name" in text
    assert "movies" in text
    assert len(text) < 1000
    assert ('Did you mean "movies"?' in text) == (name == "movie")


@pytest.mark.parametrize(
    "name", ["plans/nope.toml", "x" * 5000 + ".toml", "a\0b.toml", "/", "../", "~/nope.toml", "\\"]
)
def test_an_unknown_path(name):
    assert "no such file" in refusal(name)


def test_an_unknown_path_beside_one_like_it(tmp_path):
    path = shop.write(tmp_path)
    assert f'Did you mean "{path}"?' in refusal(str(tmp_path / "studdy.toml"))


@pytest.mark.parametrize(
    "content",
    [
        b"name = ",
        b"\xff\xfe",
        b"a = 1\na = 2",
        b"a" * 100_000,
        b"[" * 5000,
        b"a = " + b"[" * 5000,
        b"seed = 1" + b"0" * 5000,
        b"\x00",
        b"a\0 = 1",
    ],
    ids=lambda content: content[:12].decode("latin-1"),
)
def test_what_is_no_toml(tmp_path, content):
    path = tmp_path / "study.toml"
    path.write_bytes(content)
    text = refusal(path)
    assert text.startswith(str(path))
    assert "a TOML file in UTF-8" in text


@pytest.mark.parametrize(
    ("line", "pieces"),
    [
        ("name = shops", ["line 2: name = shops", 'Text needs quotes: name = "shops".']),
        ("columns = [klout]", ["line 2: columns = [klout]", 'columns = ["a", "b"]']),
        ("sesoi = ", ["line 2: sesoi ="]),
        ("sesoi = 0,05", ["5 % is written 0.05"]),
        ("sesoi = 5%", ["5 % is written 0.05"]),
        ("level = 0,9", ["a point for decimals"]),
    ],
)
def test_a_fault_of_syntax_quotes_the_line(tmp_path, line, pieces):
    path = tmp_path / "study.toml"
    path.write_text(f"# a plan\n{line}\nrow = 'id'\n")
    for piece in pieces:
        assert piece in refusal(path)


def test_what_is_missing_is_explained_with_an_example():
    text = refusal(shop.plan(outcome__sesoi=None))
    assert "[[outcome]] no. 1, sesoi" in text
    assert (
        "The smallest effect that would matter to you, as a number: sesoi = 0.05 is 5 % of the mean"
        in text
    )
    single = shop.plan()
    single["outcome"] = single["outcome"][0]
    assert "write [[outcome]] with double brackets" in refusal(single)


def test_a_word_that_is_a_file_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shop.write(tmp_path)
    assert 'Did you mean "study.toml"?' in refusal("study")
    text = refusal("shops.csv")
    assert "this is data" in text
    assert 'the TOML file that names it: dataset = "shops.csv"' in text


def test_an_empty_file_lacks_everything(tmp_path):
    path = tmp_path / "study.toml"
    path.touch()
    assert "6 faults" in refusal(path)


def test_a_folder_is_no_plan(tmp_path):
    (tmp_path / "study.toml").mkdir()
    assert "no such file" in refusal(tmp_path / "study.toml")


@pytest.mark.parametrize(
    "content", [{1: 2, "a": 3}, {"a": {1: 2, "b": 3}}, {"a": 10**5000}, {"a": "\ud800"}, {}]
)
def test_a_dict_no_toml_file_could_hold(content):
    refusal(content)


def test_a_dict_that_contains_itself():
    content = shop.plan()
    content["keep"] = content
    assert "keys and values as a TOML file has them" in refusal(content)


def test_flat_has_no_value_that_json_lacks():
    content = shop.plan(
        keep=[{"column": "a", "in": [1, True, "x"], "from": datetime.date(2014, 1, 1)}]
    )
    flat = read_plan(content).flat()
    assert json.loads(json.dumps(flat, allow_nan=False)) == flat
    assert flat["score.columns"] == ["klout"]


# --- anything at all ------------------------------------------------------------------------------

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.dates(),
    st.datetimes(),
    st.sampled_from(
        ["klout", "likes", "revenue", "log1p", "sd", "poisson", "HC3", "refuse", 10**400]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = sorted({key for model in (Plan, *Plan.__subclasses__()) for key in model.model_fields})


@st.composite
def mutated(draw):
    content = shop.plan(
        inference={"level": 0.9}, keep=[{"column": "country", "is": "BE"}], controls={"columns": []}
    )
    for _ in range(draw(st.integers(1, 3))):
        place = draw(
            st.sampled_from(
                [
                    content,
                    content["score"],
                    content["engagement"],
                    content["inference"],
                    content["outcome"][0],
                    content["keep"][0],
                ]
            )
        )
        key = draw(
            st.sampled_from([*place, *KEYS, "is", "in", "from", "min", "transform"])
            | st.text(max_size=8)
        )
        place[key] = draw(VALUES)
        if not isinstance(content.get("outcome"), list) or content["outcome"] == []:
            break
        if not all(
            isinstance(content.get(name), dict) for name in ("score", "engagement", "inference")
        ):
            break
        if not (
            isinstance(content["outcome"][0], dict)
            and isinstance(content.get("keep"), list)
            and content["keep"]
        ):
            break
        if not isinstance(content["keep"][0], dict):
            break
    return content


@settings(max_examples=300)
@given(mutated())
def test_a_mutated_plan_is_a_plan_or_a_plan_error(content):
    try:
        json.dumps(read_plan(content).flat(), allow_nan=False)
    except PlanError as error:
        refused = error
    else:
        return
    assert refused.faults
    assert all(fault.place and fault.found and fault.allowed for fault in refused.faults)
    assert all(char == "\n" or char.isprintable() for char in str(refused))


@settings(max_examples=100)
@given(
    st.binary(max_size=60)
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_a_file_of_anything_is_a_plan_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "anything.toml"
    path.write_bytes(content)
    refusal(path)


@pytest.mark.parametrize("sesoi", ["5%", "0,05", 5])
def test_how_a_percentage_is_written_is_taught(sesoi):
    assert "5 % is written 0.05" in refusal(shop.plan(outcome__sesoi=sesoi))
