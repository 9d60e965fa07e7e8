"""The site: the pages of this folder, the notebooks as committed, and the public interface.

`make docs` builds it without a network into `docs/_build`; a warning is an error.
"""

import shutil
from pathlib import Path

HERE = Path(__file__).parent
NOTEBOOKS = HERE / "notebooks"
shutil.rmtree(NOTEBOOKS, ignore_errors=True)
shutil.copytree(HERE.parent / "notebooks", NOTEBOOKS, ignore=shutil.ignore_patterns(".*"))

project = "score-audit"
author = "the score-audit developers"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "jupyter_execute"]
nb_execution_cache_path = str(HERE / "_build" / ".cache")
html_theme = "furo"
html_title = "score-audit"
html_static_path = []
nb_execution_mode = "off"
myst_heading_anchors = 3
suppress_warnings = [
    "myst.xref_missing",  # links to files of the repository that are no pages
    "image.not_readable",
]
autodoc_typehints = "none"
napoleon_google_docstring = False
nitpicky = False
