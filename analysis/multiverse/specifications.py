"""The reasonable analyses that a plan declares: every combination of its decisions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, combinations, product

from analysis.errors import Fault, PlanError, did_you_mean, listing
from analysis.plan import Plan
from analysis.plan.sections.columns import KeepSection
from analysis.plan.sections.multiverse import DecisionSection, OptionSection


@dataclass(frozen=True)
class Specification:
    """One reasonable analysis: what each decision came to, and the equation that follows.

    Attributes
    ----------
    choices : tuple of str
        The option of each decision, in the plan's order.
    outcome, score, cluster, model : str
        `cluster` is empty for none.
    outcome_transform, score_transform : str
    engagement : tuple of (column, transform)
    controls : tuple of str
    keep : tuple of KeepSection
        Filters on top of the plan's.
    reliability : tuple of (column, share)
        Engagement columns whose noise the fit is corrected for; empty for the plain fit.
    """

    choices: tuple[str, ...]
    outcome: str
    outcome_transform: str
    score: str
    score_transform: str
    engagement: tuple[tuple[str, str], ...]
    controls: tuple[str, ...]
    keep: tuple[KeepSection, ...]
    cluster: str
    model: str
    reliability: tuple[tuple[str, float], ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns it needs."""
        held = [column for column, _ in self.engagement]
        return tuple(
            dict.fromkeys(
                [self.outcome, self.score, *held, *self.controls, *filter(None, [self.cluster])]
            )
        )

    @property
    def estimand(self) -> tuple[str, str]:
        """Specifications with the same estimand may share a median: (model, outcome and its
        transform).
        """
        return (
            self.model,
            self.outcome
            if self.outcome_transform == "identity"
            else f"{self.outcome}-{self.outcome_transform}",
        )


def specifications(plan: Plan) -> list[Specification]:
    """Return every combination of the plan's options that is not forbidden.

    Raises
    ------
    PlanError
        An option names an outcome that the plan does not have, or a reliability of a column that no
        specification can be corrected for.
    """
    decisions = plan.multiverse.decision
    _require_engagement(plan)
    for decision in decisions:
        for option in decision.option:
            if option.outcome is not None and option.outcome not in plan.outcomes:
                place = f'[multiverse] decision "{decision.name}", option "{option.name}", outcome'
                hint = did_you_mean(option.outcome, plan.outcomes)
                fault = Fault(
                    place,
                    option.outcome,
                    "an [[outcome]] of the plan: " + listing(list(plan.outcomes)),
                    hint,
                )
                raise PlanError(str(plan.path or "the plan"), [fault])
    names = [decision.name for decision in decisions]
    found = []
    for options in product(*(options_of(decision) for decision in decisions)):
        chosen = dict(zip(names, (option.name for option in options), strict=True))
        if not any(
            chosen.items() >= combination.items() for combination in plan.multiverse.forbidden
        ):
            found.append(_resolve(plan, options))
    return found


def _require_engagement(plan: Plan) -> None:
    """Refuse a reliability of a column that is nowhere engagement, or whose halves say how reliable
    it is.
    """
    options = [
        (decision.name, option)
        for decision in plan.multiverse.decision
        for option in decision.option
    ]
    held = dict.fromkeys(
        [*plan.engagement.columns, *(c for _, option in options for c in option.engagement or ())]
    )
    faults = []
    for name, option in options:
        for column in option.reliability or ():
            place = f'[multiverse] decision "{name}", option "{option.name}", reliability'
            if column not in held:
                allowed = "an engagement column: " + listing(list(held))
                faults.append(Fault(place, column, allowed, did_you_mean(column, held)))
            elif column in plan.engagement.halves:
                faults.append(
                    Fault(place, f"{column}, which has halves", "halves or a reliability, not both")
                )
    if faults:
        raise PlanError(str(plan.path or "the plan"), faults)


def options_of(decision: DecisionSection) -> tuple[OptionSection, ...]:
    """Return a decision's options; `subsets` stands for every subset of its columns."""
    if decision.option:
        return decision.option
    subsets = chain.from_iterable(
        combinations(decision.subsets, size) for size in range(len(decision.subsets) + 1)
    )
    return tuple(
        OptionSection(name="+".join(subset) or "none", reason=decision.reason, controls=subset)
        for subset in subsets
    )


def _resolve(plan: Plan, options: tuple[OptionSection, ...]) -> Specification:
    """Return the plan's own analysis with what the options set; controls and reliabilities of
    several add up.
    """
    own = plan.outcome[0]
    said = {name: value for option in options for name, value in option if value is not None}
    controls = [option.controls for option in options if option.controls is not None]
    shares = dict(chain.from_iterable((option.reliability or {}).items() for option in options))
    engagement = said.get("engagement") or {
        c: plan.engagement.transform_of(c) for c in plan.engagement.columns
    }
    outcome, score = said.get("outcome", own.column), said.get("score", plan.score.columns[0])
    own_model = (
        plan.outcomes[outcome].deciding_model if outcome in plan.outcomes else own.deciding_model
    )
    return Specification(
        choices=tuple(option.name for option in options),
        outcome=outcome,
        outcome_transform=said.get("outcome_transform", "identity"),
        score=score,
        score_transform=said.get("score_transform", plan.score.transform_of(score)),
        engagement=tuple(engagement.items()),
        controls=tuple(dict.fromkeys(chain.from_iterable(controls)))
        if controls
        else plan.controls.columns,
        keep=tuple(chain.from_iterable(option.keep for option in options if option.keep)),
        cluster=said.get("cluster", plan.cluster.column if plan.cluster else ""),
        model=said.get("model", "poisson" if own_model == "poisson" else "ols"),
        reliability=tuple((column, share) for column, share in shares.items() if share < 1),
    )


def own_specification(plan: Plan, specs: list[Specification]) -> Specification:
    """Return the specification that is the plan's own analysis, or the first where none is."""
    own = _resolve(plan, ())
    for spec in specs:
        if all(
            getattr(spec, name) == getattr(own, name)
            for name in spec.__dataclass_fields__
            if name != "choices"
        ):
            return spec
    return specs[0]
