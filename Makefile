# Each target is enough on a fresh machine with Python 3.11 or newer and nothing else.
PYTHON ?= python3
PY := .venv/bin/python

.PHONY: venv lab test trust mutate lint notebooks clean

venv: .venv/installed

.venv/installed: pyproject.toml requirements.txt constraints.txt d4sci/__init__.py
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

lab: venv  ## JupyterLab on the notebooks
	$(PY) -m d4sci lab

test: venv  ## unit tests and all notebooks under strict nbval
	$(PY) -m d4sci test

trust: venv  ## the slow promises: offline, no vector instructions, browser, sections alone
	$(PY) -m pytest -s tests/trust

mutate: venv  ## change the package in one place at a time: do the tests notice?
	$(PY) -W ignore -m tools.mutate

lint: venv
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

notebooks: venv  ## re-execute and store every notebook in normal form
	$(PY) tools/nb.py run notebooks/*.ipynb

clean:
	rm -rf .venv .trust .hypothesis
