"""docs/benchmarks.md from results.json: every figure in the text is read from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TITLES = {
    "curve": "Specification curve and joint test",
    "multiverse": "The same through a plan",
    "resampling": "Bootstrap and cross-validation",
    "poisson": "Poisson pseudo maximum likelihood",
    "cold": "A first result from a cold process",
    "audit": "A whole audit from the command line",
    "engine": "Data larger than memory",
    "network": "Influence in a network",
}
COLUMNS = {
    "work": "---",
    "rows": "--:",
    "against": "---",
    "ours": "--:",
    "peer": "--:",
    "ratio": "--:",
    "goal": "---",
    "difference": "--:",
    "limit: one read / one X'X (ours / X'X)": "---",
    "pairs": "--:",
    "threads": "---",
    "load": "--:",
}
HEAD = """# Beside the peers

<!-- Written by benchmarks/run.py from benchmarks/results.json. Do not edit: run `make bench`. -->

`make bench` repeats this. What is timed is the package's public API and, of each peer, its fastest honest route to the
same numbers from the same arrays: the results were compared before a time was taken (column *difference*: the largest
relative one, of coefficients and of standard errors or test statistics). Both run in one process, in turn (ours, peer,
ours, peer ...), with one BLAS thread each; times are medians, and the peer has the better of its times with one and
with two threads. Simulating the data and importing the packages is not counted, except where whole processes are timed
(the cold process, and data larger than memory). "Extrapolated" peers did a stated part of the work, and their time was
multiplied. "One read" is the time to add up the table, "one X'X" that of one product of the table with itself: no
method that looks at the rows is faster than the first.
"""


def seconds(value: float | None) -> str:
    """Three digits, in the unit one would say."""
    if value is None:
        return "not measured"
    if value >= 3600:
        return f"{value / 3600:.3g} h"
    if value >= 120:
        return f"{value / 60:.3g} min"
    return f"{value:.3g} s" if value >= 0.9995 else f"{1e3 * value:.3g} ms"


def times(ratio: float | None) -> str:
    if ratio is None:
        return "no ratio"
    return f"{ratio:,.0f}x" if ratio >= 100 else f"{ratio:.3g}x"


def goals(row: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """Each goal of a row, what was measured, and whether the goal is reached."""
    found = []
    if row.get("goal") is not None:
        met = row["ratio"] is not None and row["ratio"] >= row["goal"]
        found.append((f">= {row['goal']:,g}x", times(row["ratio"]), met))
    if row.get("goal_s") is not None:
        found.append(
            (f"<= {seconds(row['goal_s'])}", seconds(row["ours_s"]), row["ours_s"] <= row["goal_s"])
        )
    key, more = ("extra_mib", " more") if "extra_mib" in row else ("ours_mib", "")
    if row.get("goal_mib") is not None and row.get(key) is not None:
        found.append(
            (
                f"<= {row['goal_mib']:,g} MiB{more}",
                f"{row[key]:,.0f} MiB",
                row[key] <= row["goal_mib"],
            )
        )
    if row.get("goal_memory") is not None and row.get("peer_mib"):
        share = row["ours_mib"] / row["peer_mib"]
        said = f"<= 1/{1 / row['goal_memory']:.3g} of the memory"
        found.append((said, f"1/{1 / share:.3g}", share <= row["goal_memory"]))
    if row.get("goal_scan") is not None and row.get("scan_s"):
        share = row["ours_s"] / row["scan_s"]
        found.append(
            (f"<= {row['goal_scan']:g}x the scan", times(share), share <= row["goal_scan"])
        )
    return found


def reached(row: dict[str, Any]) -> str:
    return (
        ", ".join(f"{said} {'yes' if met else '**no**'}" for said, _, met in goals(row))
        or "no goal"
    )


def memory(row: dict[str, Any]) -> str:
    """What the row says about memory, MiB."""
    parts = []
    if row.get("extra_mib") is not None:
        parts.append(f"{row['extra_mib']:.0f} MiB more than the data")
    ours, peer = (row.get(f"{who}_mib") for who in ("ours", "peer"))
    if ours is not None:
        parts.append(f"{ours:,.0f} MiB" + (f"; peer {peer:,.0f} MiB" if peer is not None else ""))
    return "; ".join(parts)


def limit(row: dict[str, Any]) -> str:
    """The physical limit, and how far ours is from it."""
    if row.get("product_s"):
        return (
            f"{seconds(row['read_s'])} / {seconds(row['product_s'])}"
            f" ({times(row['ours_s'] / row['product_s'])})"
        )
    if row.get("scan_s"):
        return f"decoding scan {seconds(row['scan_s'])} ({times(row['ours_s'] / row['scan_s'])})"
    if row.get("cpu_s"):
        return f"processor time {seconds(row['cpu_s'])}"
    if row.get("numpy_s"):
        return f"numpy alone {seconds(row['numpy_s'])} ({times(row['ours_s'] / row['numpy_s'])})"
    return ""


def difference(row: dict[str, Any]) -> str:
    return "" if row.get("max_rel_diff") is None else f"{row['max_rel_diff']:.1e}"


def part_table(results: dict[str, Any], part: str) -> list[str]:
    rows = [row for row in results["rows"] if row["part"] == part]
    skipped = [row for row in results["skipped"] if row["part"] == part]
    if not rows and not skipped:
        return []
    lines = [
        "",
        f"## {TITLES[part]}",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|" + "|".join(COLUMNS.values()) + "|",
    ]
    notes = []
    for row in rows:
        work = row["work"]
        if row.get("note"):
            if row["note"] not in notes:
                notes.append(row["note"])
            work += f" [{notes.index(row['note']) + 1}]"
        more = f", extrapolated x{row['extrapolated']:,.4g}" if row["extrapolated"] else ""
        cells = [
            work,
            "" if row["n"] is None else f"{row['n']:,}",
            row["peer"],
            seconds(row["ours_s"]),
            seconds(row["peer_s"]) + more,
            times(row["ratio"]),
            reached(row),
            difference(row),
            limit(row),
            str(row["runs"] or ""),
            row["threads"],
            "" if row["load"] is None else f"{row['load']:.2f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        f"| {row['work']} | | {row['peer']} | not run: {row['reason']} | | | | | | | | |"
        for row in skipped
    ]
    lines += [
        line
        for i, note in enumerate(notes, 1)
        for line in ("", f"[{i}] {note[0].upper()}{note[1:]}.")
    ]
    stored = dict.fromkeys(f"{row['work']}: {memory(row)}" for row in rows if memory(row))
    return lines + [line for said in stored for line in ("", f"Memory. {said}.")]


def missed(results: dict[str, Any]) -> list[str]:
    """What is not reached, not run, or not there: said plainly."""
    lines = ["", "## What is not reached", ""]
    found = [
        f"- {row['work']} against {row['peer']}: {measured}, where the goal is {said} (load"
        f" {row['load']:.2f})."
        for row in results["rows"]
        for said, measured, met in goals(row)
        if not met
    ]
    lines += found or ["Every goal of the tables above is reached."]
    if results["skipped"] or results["failed"]:
        lines += ["", "Not run:", ""]
        lines += [f"- {row['work']}, {row['peer']}: {row['reason']}." for row in results["skipped"]]
        lines += [f"- the part `{name}` failed, and is not complete." for name in results["failed"]]
    if not any(row["part"] == "engine" for row in results["rows"]):
        lines += [
            "",
            (
                "Nothing is told here of data larger than memory (DuckDB, Spark): that part was not"
                " run."
            ),
        ]
    return lines


def growth_section(results: dict[str, Any]) -> list[str]:
    growth = results["growth"]
    if not growth:
        return []
    rows, many = (
        [one for one in growth if one["over"] == over] for over in ("rows", "specifications")
    )
    first, last = rows[0], rows[-1]
    few, most = many[0], many[-1]
    alt = (
        f"Two panels on logarithmic axes. Left: seconds for {first['specifications']:,}"
        f" specifications over the number of rows; score-audit takes {seconds(first['ours_s'])} at"
        f" {first['rows']:,} rows and {seconds(last['ours_s'])} at {last['rows']:,}, a loop of"
        f" statsmodels {seconds(first['peer_s'])} and {seconds(last['peer_s'])}. Right: seconds at"
        f" {few['rows']:,} rows over the number of specifications; {seconds(few['ours_s'])} for"
        f" {few['specifications']:,} and {seconds(most['ours_s'])} for {most['specifications']:,}."
        " A dotted line in each panel shows exact proportionality."
    )
    lines = [
        "",
        "## Growth",
        "",
        f"![{alt}](growth.svg)",
        "",
        (
            "HC1 and cluster errors both, one thread, the pass over the rows included. Where a"
            " curve lies above its dotted line the other cost shows: of the specifications when"
            " rows are few, of the pass over the rows when specifications are few. The peer's loop"
            " has HC1 errors only, and is extrapolated."
        ),
        "",
        "| rows | specifications | controls | ours | statsmodels arrays (extrapolated) | load |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    for one in growth:
        peer = f"{seconds(one['peer_s'])}, x{one['peer_extrapolated']:g}" if "peer_s" in one else ""
        counts = " | ".join(f"{one[name]:,}" for name in ("rows", "specifications", "controls"))
        lines.append(f"| {counts} | {seconds(one['ours_s'])} | {peer} | {one['load']:.2f} |")
    return lines


LEAST_TOLD = 0.2
"""Seconds of processor time that have a line of their own."""


def profile_section(results: dict[str, Any]) -> list[str]:
    """Where the processor time of whole runs goes, a column for each study."""
    profiles = results.get("profiles", [])
    if not profiles:
        return []
    spent = [one["seconds"] for one in profiles]
    aside = ("processor time", "yardstick")
    names = dict.fromkeys(name for one in spent for name in one if name not in aside)
    most = {name: max(one.get(name, 0.0) for one in spent) for name in names}
    told = sorted((n for n in names if most[n] >= LEAST_TOLD), key=lambda name: -most[name])
    rows = {name: [one.get(name, 0.0) for one in spent] for name in told}
    rows["everything smaller"] = [
        sum(value for name, value in one.items() if name in names and name not in told)
        for one in spent
    ]
    total = [one["processor time"] for one in spent]
    yards = [f"{all_ / one['yardstick']:.1f}" for all_, one in zip(total, spent, strict=True)]
    lines = [f"| **processor time, s** | {' | '.join(f'{value:.1f}' for value in total)} |"]
    lines.append(f"| in yardsticks | {' | '.join(yards)} |")
    lines += [
        f"| {name} | {' | '.join(f'{value:.2f}' for value in values)} |"
        for name, values in rows.items()
    ]
    days = ", ".join(sorted({one["day"] for one in profiles}))
    return [
        "",
        "## Where the time goes",
        "",
        (
            "Seconds of processor time (user and system) of `score-audit run --profile`, a process"
            f" of its own with one thread, whole report, files read before; medians of"
            f" {profiles[0]['runs']} runs in turn, {days}. A line counts what was being done every"
            " few milliseconds: a study, a room of the package, or a library that was being"
            " imported. A yardstick is a process that fits a statsmodels GLM Poisson of 3,000 rows"
            f" and four columns 200 times, run in turn: {spent[0]['yardstick']:.1f} s. Written by"
            " benchmarks/profiles.py."
        ),
        "",
        f"| what | {' | '.join(one['study'] for one in profiles)} |",
        "|---|" + "--:|" * len(profiles),
        *lines,
    ]


def machine_section(results: dict[str, Any]) -> list[str]:
    machine = results["machine"]
    kernels = dict.fromkeys(row["kernel"] for row in results["rows"] if row["kernel"])
    loads = [row["load"] for row in results["rows"] if row["load"] is not None]
    lines = [
        "",
        "## Machine",
        "",
        (
            f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, "
            f"Python {machine['python']}; BLAS kernel {', '.join(kernels)}."
        ),
    ]
    if loads:
        span = f"{min(loads):.2f} to {max(loads):.2f}"
        lines.append(f"Load average over one minute, the benchmark itself included: {span}.")
    days = results.get("days", {})
    for day in sorted(set(days.values())):
        lines.append(f"Measured on {day}: {', '.join(name for name in days if days[name] == day)}.")
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return [*lines, "", f"Versions: {packages}."]


def render(results: dict[str, Any]) -> str:
    """The whole page."""
    lines = HEAD.rstrip().splitlines()
    if results["quick"]:
        lines += ["", "**A trial with small data (`--quick`): these times say nothing.**"]
    for part in TITLES:
        lines += part_table(results, part)
    return (
        "\n".join(
            [
                *lines,
                *profile_section(results),
                *growth_section(results),
                *missed(results),
                *machine_section(results),
            ]
        )
        + "\n"
    )


def write_docs(results: dict[str, Any], folder: Path) -> None:
    """Write benchmarks.md, and the figure of growth."""
    if results["growth"]:
        from growth import draw

        draw(results["growth"], folder)
    (folder / "benchmarks.md").write_text(render(results), encoding="utf-8")
