# Each target is enough on a fresh machine with Python 3.11 or newer and nothing else.
PYTHON ?= python3
PY := .venv/bin/python
TOOLS := build/tools/bin

.PHONY: venv lab test trust peers lint notebooks bench bench-quick mutate matrix audit slides site pages tour clean

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
	$(PY) -m pytest -n 2 --dist loadfile tests/slow tests/browser/test_jupyterlab.py

peers: venv  ## scikit-learn's own tests on our code, some minutes; keeps docs/peers.md
	$(PY) -m tests.peers

mutate: venv  ## change the package in one place at a time: do the tests notice?
	$(PY) -W ignore -m tools.mutate

lint: venv
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

notebooks: venv  ## re-execute and store every notebook in normal form
	$(PY) tools/notebooks.py run notebooks/*.ipynb

bench: venv  ## how fast, how much memory, beside the peers: into benchmarks/results, about three quarters of an hour
	$(PY) -m benchmarks

bench-quick: venv  ## the same on small data, printed only: about two minutes
	$(PY) -m benchmarks --quick

build/tools/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv build/tools
	$(TOOLS)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt nox uv pip-licenses pip-audit
	touch $@

ROWS ?= oldest or newest or pinned
matrix: venv build/tools/installed  ## tests and notebooks on other versions, e.g. ROWS=oldest or ROWS=3.14; keeps docs/matrix.md
	PATH="$(CURDIR)/$(TOOLS):$$PATH" $(TOOLS)/nox -k "$(ROWS)"

audit: venv build/tools/installed  ## dependencies: conflicts, licences, known weaknesses; fails where it cannot ask
	$(PY) -m pip check
	$(TOOLS)/pip-licenses --python=$(PY)
	$(TOOLS)/pip-audit --strict --skip-editable --progress-spinner off --path $$($(PY) -c "import sysconfig; print(sysconfig.get_path('purelib'))") \
	    || (echo "Known weaknesses: NOT checked, or found: see above. Conflicts and licences are in order."; exit 1)

.venv/docs: .venv/installed
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .[docs]
	touch $@

build/web/installed: tools/web/package.json tools/web/package-lock.json
	mkdir -p build/web
	cp $^ build/web
	cd build/web && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

slides: .venv/docs build/web/installed  ## of each notebook, into build/slides; needs npm
	$(PY) -m tools.slides build/web/node_modules build/slides notebooks/*.ipynb

site: .venv/docs build/web/installed  ## all pages and notebooks, into build/site; needs npm
	rm -rf build/site build/doctrees
	$(PY) -m sphinx -q -W --keep-going -c docs -d build/doctrees . build/site

pages: slides site  ## both, then looked at in a browser
	$(PY) -m pytest -s tests/browser/test_site.py tests/browser/test_slides.py

tour: slides site  ## take the pictures of docs/tour.md again
	$(PY) -m tests.browser.tour

clean:
	rm -rf .venv .trust .matrix .hypothesis build
