# Needs Python 3.11 or newer, git and make. The rest is fetched into .uv/ and .venv/ (delete both to start afresh).
#
#   make test PYTEST_ARGS='-m "not slow" -x'         arguments for pytest; -n 0 runs in one process
#   make lab LAB_ARGS='--no-browser --port 8899'     arguments for JupyterLab
#   make test VENV=.venvs/3.13 PYTHON=python3.13     another interpreter, in an environment of its own

.DEFAULT_GOAL := help
.PHONY: help audit test lint lab bench docs FORCE
.SUFFIXES:

PLAN = movies
VENV = .venv
PYTHON =
PYTEST_ARGS ?=
# Two processes, which share the audits that many tests read; what PYTEST_ARGS says of them comes later and wins.
WORKERS = -n 2 --dist worksteal
LAB_ARGS ?=

BIN = $(VENV)/bin
# All paths are relative, so the folder may have a space in its name; PYTHONHOME and VIRTUAL_ENV would mislead uv.
export UV_PROJECT_ENVIRONMENT = $(VENV)
export UV_PYTHON_DOWNLOADS = never
# The system's certificates, where it has some: it knows a company's proxy, uv does not. Older uv has the second name.
SYSTEM_CERTS := $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/ssl/cert.pem /etc/pki/tls/certs/ca-bundle.crt)
UV_SYSTEM_CERTS ?= $(if $(SYSTEM_CERTS),1,0)
UV_NATIVE_TLS ?= $(UV_SYSTEM_CERTS)
export UV_SYSTEM_CERTS UV_NATIVE_TLS
unexport PYTHONHOME UV_PYTHON VIRTUAL_ENV

# FORCE when the environment is absent, has lost its interpreter, or was moved (its scripts name their interpreter).
STALE := $(shell test -x "$(BIN)/python" && test "$$(cat "$(VENV)/.made-in" 2>/dev/null)" = "$$(pwd -P)" || echo FORCE)

help:
	@echo 'make audit   set up .venv, run the study "movies", print the verdict and where the report is'
	@echo 'make test    run the tests (PYTEST_ARGS="..." passes arguments to pytest)'
	@echo 'make lint    check style and formatting'
	@echo 'make lab     open the notebooks in JupyterLab (LAB_ARGS="..." passes arguments to it)'
	@echo 'make bench   time the package beside its peers'
	@echo 'make docs    build the site into docs/_build'

audit: $(VENV)/.ready-audit
	@"$(BIN)/score-audit" run "$(PLAN)"

test: $(VENV)/.ready-test
	@OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 "$(BIN)/python" -m pytest $(WORKERS) $(PYTEST_ARGS)

lint: $(VENV)/.ready-test
	@"$(BIN)/ruff" check .
	@"$(BIN)/ruff" format --check .

lab: $(VENV)/.ready-audit
	@"$(BIN)/score-audit" lab $(LAB_ARGS)

bench: $(VENV)/.ready-bench
	@"$(BIN)/python" benchmarks/run.py

docs: $(VENV)/.ready-docs
	@"$(BIN)/python" -m sphinx --quiet --fail-on-warning --keep-going -b html docs docs/_build
	@echo 'Site: docs/_build/index.html'

# --- environments -----------------------------------------------------------------------------------------------------

# The first of $(PYTHON), or else of python3, python3.13, ..., that is new enough; its own path, not that of a shim.
define find_python
for name in $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11 python); do \
  python=$$("$$name" -c 'import sys; print(sys.executable if sys.version_info >= (3, 11) else "")' 2>/dev/null) || continue; \
  test -z "$$python" || break; \
done; \
if test -z "$$python"; then \
  echo 'score-audit needs Python 3.11 or newer; $(or $(PYTHON),python3) is older or absent.' >&2; \
  echo 'Install one, or name it: make audit PYTHON=python3.12' >&2; exit 1; \
fi
endef

# The uv on PATH if it is recent enough (required-version in pyproject.toml), or else a private one.
define find_uv
uv=uv; \
case "$$(uv --version 2>/dev/null)" in '' | 'uv 0.'[0-7].*) uv=.uv/bin/uv ;; esac; \
if test "$$uv" != uv && ! "$$uv" --version >/dev/null 2>&1; then \
  echo 'Fetching uv into .uv ...'; \
  "$$python" -m venv --clear .uv || \
    { echo 'No virtual environment could be made. On Debian or Ubuntu: apt-get install python3-venv' >&2; exit 1; }; \
  .uv/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8'; \
fi
endef

# What to do where uv cannot fetch (a proxy, a mirror of packages that only pip is set up for).
define without_uv
echo 'uv could not set up $(VENV); its reason stands above. With pip instead (README, "Without make"):' >&2; \
echo '  python3 -m venv $(VENV) && $(BIN)/pip install -e ".[datasets]" && $(BIN)/score-audit run $(PLAN)' >&2
endef

# An environment made by hand is adopted as it is; a stale one is replaced.
$(VENV)/.made-in: $(STALE)
	@set -e; $(find_python); $(find_uv); \
	if test -e "$@" || ! "$(BIN)/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  echo 'Setting up $(VENV) (once, a minute or two) ...'; \
	  "$$uv" venv --quiet --clear --python "$$python" "$(VENV)"; \
	fi; \
	pwd -P > "$@"

# --inexact: what was added by hand stays, and so does what the tests need when `audit` follows `test`.
$(VENV)/.ready-audit: pyproject.toml $(VENV)/.made-in
	@set -e; python="$(BIN)/python"; $(find_uv); \
	"$$uv" sync --quiet --inexact --no-default-groups || { $(without_uv); exit 1; }; touch "$@"

$(VENV)/.ready-test: pyproject.toml $(VENV)/.ready-audit
	@set -e; python="$(BIN)/python"; $(find_uv); "$$uv" sync --quiet --inexact || { $(without_uv); exit 1; }; touch "$@"

$(VENV)/.ready-bench: pyproject.toml $(VENV)/.ready-test
	@set -e; python="$(BIN)/python"; $(find_uv); \
	"$$uv" sync --quiet --inexact --extra bench --extra engine || { $(without_uv); exit 1; }; touch "$@"

$(VENV)/.ready-docs: pyproject.toml $(VENV)/.ready-test
	@set -e; python="$(BIN)/python"; $(find_uv); "$$uv" sync --quiet --inexact --extra docs || { $(without_uv); exit 1; }; touch "$@"

FORCE:
