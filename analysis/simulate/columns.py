"""What each column of a simulated table means."""

from __future__ import annotations

from analysis.plan.codebook import Codebook
from analysis.simulate.activity import INDUSTRIES
from analysis.simulate.parameters import Parameters

COLUMNS: dict[str, tuple[str, str, str, str]] = {
    "creator": ("text", "", "", "Identifier of the creator"),
    "month": ("integer", "the month", "month", "Number of the month, from 1"),
    "industry": ("category", "the industry", "", "Industry the creator works in"),
    "klout": (
        "number",
        "the Klout-style score",
        "points",
        (
            "Displayed Klout-style score at the end of the period: klout_old before the change,"
            " klout_new after it"
        ),
    ),
    "klout_old": (
        "number",
        "the old Klout-style score",
        "points",
        "The version of before October 2011: 30 days",
    ),
    "klout_new": (
        "number",
        "the new Klout-style score",
        "points",
        "The version since October 2011: 90 days",
    ),
    "kred": (
        "number",
        "the Kred-style score",
        "points",
        "Kred-style influence, normalised over the whole table",
    ),
    "algorithm": (
        "binary",
        "the new algorithm",
        "",
        "1 where the displayed score is that of the new algorithm",
    ),
    "perk": (
        "binary",
        "the perk",
        "",
        "1 where the displayed score reaches the threshold of the perk",
    ),
    "likes": (
        "integer",
        "recorded engagement",
        "reactions",
        "Recorded reactions of people, without bots: both halves",
    ),
    "likes_odd": (
        "integer",
        "recorded engagement in odd weeks",
        "reactions",
        "Recorded reactions in odd weeks",
    ),
    "likes_even": (
        "integer",
        "recorded engagement in even weeks",
        "reactions",
        "Recorded reactions in even weeks",
    ),
    "peer_engagement": (
        "integer",
        "engagement of peers",
        "reactions",
        "Recorded reactions of other creators",
    ),
    "peer_odd": ("integer", "", "reactions", "Of these in odd weeks"),
    "peer_even": ("integer", "", "reactions", "Of these in even weeks"),
    "customer_engagement": (
        "integer",
        "engagement of customers",
        "reactions",
        "Recorded reactions of customers",
    ),
    "customer_odd": ("integer", "", "reactions", "Of these in odd weeks"),
    "customer_even": ("integer", "", "reactions", "Of these in even weeks"),
    "bot_engagement": ("integer", "engagement of bots", "reactions", "Reactions of bots"),
    "engagement_up": (
        "integer",
        "engagement from above",
        "reactions",
        "Recorded reactions of people with a higher score than the creator's",
    ),
    "engagement_down": (
        "integer",
        "engagement from below",
        "reactions",
        "Recorded reactions of people with a lower score than the creator's",
    ),
    "posts": ("integer", "posts", "posts", "Posts of the creator"),
    "replies_up": (
        "integer",
        "replies up the ladder",
        "replies",
        "The creator's replies to people with a higher score",
    ),
    "replies_down": (
        "integer",
        "replies down the ladder",
        "replies",
        "The creator's replies to people with a lower score",
    ),
    "reactions": (
        "integer",
        "reactions in the vendor's records",
        "reactions",
        "Reactions in the vendor's own records, bots among them: what the scores are computed from",
    ),
    "reactors": (
        "integer",
        "people who reacted",
        "people",
        "Different accounts behind these reactions",
    ),
    "reactor_score": (
        "number",
        "the mean score of those who react",
        "points",
        "Mean influence of them, 0-100",
    ),
    "followers": (
        "integer",
        "followers",
        "followers",
        "Followers at the end of the period, bought ones among them",
    ),
    "bought_followers": ("integer", "bought followers", "followers", "Of these, bought"),
    "gaming": (
        "binary",
        "gaming",
        "",
        "1 in an episode: posts times three, bots that react, follow-back",
    ),
    "hours": ("number", "hours of work", "hours", "Hours spent on posts and replies"),
    "cost": ("number", "costs", "dollars", "Money spent"),
    "referrals": ("integer", "referrals", "referrals", "Referrals in the period after the score"),
    "revenue": ("number", "revenue", "dollars", "Revenue in the period after the score"),
    "past_referrals": ("integer", "past referrals", "referrals", "Referrals of the period before"),
    "past_revenue": ("number", "past revenue", "dollars", "Revenue of the period before"),
    "late_payments": (
        "integer",
        "late payments",
        "payments",
        "Of twelve payments due earlier, those paid late",
    ),
    "default": ("binary", "default", "", "1 where a payment due after the score was not made"),
    "true_engagement": (
        "number",
        "true engagement",
        "reactions",
        "TRUTH: expected reactions of people",
    ),
    "paying_engagement": (
        "number",
        "the engagement that pays",
        "reactions",
        "TRUTH: the same, every reaction weighted by what it is worth",
    ),
    "authority": (
        "number",
        "authority",
        "SD",
        "TRUTH: a trait that the score sees and recorded engagement does not",
    ),
    "verified_email": (
        "binary",
        "a confirmed e-mail address",
        "",
        "1 where the e-mail address is confirmed",
    ),
    "verified_post": (
        "binary",
        "a confirmed postal address",
        "",
        "1 where the postal address is confirmed",
    ),
    "verified_sms": (
        "binary",
        "a confirmed telephone number",
        "",
        "1 where the telephone number is confirmed",
    ),
    "responsiveness": ("number", "responsiveness", "share", "Share of messages that were answered"),
    "consistency": ("number", "consistency", "share", "Share of weeks with activity"),
    "longevity": ("integer", "the account's age", "months", "Months since the account was opened"),
    "rating": (
        "number",
        "the rating on marketplaces",
        "stars",
        "Mean rating of 1-5; 0 without any",
    ),
    "endorsements": (
        "integer",
        "endorsements",
        "endorsements",
        "Ratings and endorsements received on marketplaces",
    ),
    "followings": (
        "integer",
        "accounts followed",
        "accounts",
        "Accounts followed at the end of the period",
    ),
    "device": ("binary", "a confirmed device", "", "1 where a telephone is confirmed"),
    "verified": ("binary", "the badge", "", "1 where the account has the badge of a verified one"),
    "suspended": ("binary", "a suspended account", "", "1 where the account is suspended"),
    "restricted": ("binary", "a restricted account", "", "1 where the account is restricted"),
    "agent_registered": (
        "binary",
        "a registered agent",
        "",
        "1 where the creator's AI agent stands in the public registry",
    ),
    "agent_age": ("integer", "the agent's age", "days", "Days since the agent was registered"),
    "agent_file": (
        "binary",
        "the agent's file",
        "",
        "1 where the address of its registration file answers",
    ),
    "agent_endpoint": (
        "binary",
        "the agent's payment endpoint",
        "",
        "1 where that file names where payments go",
    ),
    "agent_senders": (
        "integer",
        "accounts that paid the agent",
        "accounts",
        "Different accounts that paid the agent in 30 days",
    ),
    "agent_idle": (
        "integer",
        "days without the agent",
        "days",
        "Days since the agent was last active",
    ),
    "agent_clients": (
        "integer",
        "clients that rated the agent",
        "clients",
        "Different clients that left feedback on the agent",
    ),
    "agent_positive": (
        "binary",
        "positive feedback on the agent",
        "",
        "1 where feedback is positive on average",
    ),
    "agent_validations": (
        "integer",
        "validations of the agent",
        "validations",
        "Validations of the agent on record",
    ),
}
"""Type, label, unit and meaning. A column marked TRUTH is one that no real dataset has."""


def codebook_of(parameters: Parameters, address: str, *, panel: bool) -> Codebook:
    """Return the codebook of a simulated table."""
    period = "month" if panel else "quarter of a year"
    keys = ("type", "label", "unit", "meaning")
    columns = {name: dict(zip(keys, entry, strict=True)) for name, entry in COLUMNS.items()}
    columns["industry"]["levels"] = INDUSTRIES
    if not panel:
        del columns["month"]
    row = "one creator and month" if panel else "one creator"
    content = {
        "title": "Simulated creators",
        "address": address,
        "simulated": True,
        "columns": columns,
        "source": "Drawn by analysis.simulate of score-audit from declared parameters",
        "licence": "CC0-1.0",
        "rows": parameters.n * (parameters.months if panel else 1),
        "about": f"One row is {row}. Counts are of one {period}; outcomes are of the {period}"
        " after.",
        "not": (
            "These are no real creators, and the scores are no vendor's: nothing here says how the"
            " world is."
        ),
        "caution": (
            "These data are simulated: they show what the method finds when the truth is known,"
            " nothing about real scores."
        ),
    }
    return Codebook.model_validate(content)
