"""The registry of studies: every folder once, and light to import."""

import subprocess
import sys

from analysis.audit import analyse
from analysis.plan import read_plan
from analysis.report.html import SECTIONS
from analysis.studies.registry import STUDIES


def test_names_are_distinct_and_every_report_is_a_section():
    names = [study.name for study in STUDIES]
    assert len(set(names)) == len(names)
    assert {study.name for study in STUDIES if study.report} <= set(SECTIONS)


def test_importing_it_loads_no_heavy_library():
    heavy = "{'matplotlib', 'seaborn', 'statsmodels', 'sklearn', 'linearmodels'}"
    code = f"import sys, analysis.studies.registry; print({heavy} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


def test_an_audit_keeps_what_each_study_says():
    audit = analyse({**read_plan("movies").content(), "quick": True})
    rows = [row for result in audit.studies.values() for row in result.rows]
    assert sorted(row.id for row in rows) == sorted(row.id for row in audit.estimates)
    assert {row.method for row in audit.studies["confounding"].rows} == {"sensitivity"}
    assert [check.check for check in audit.studies["placebo"].checks] == ["assay"]
