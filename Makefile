# make lab    sets everything up in .venv and opens the course in JupyterLab
# make test   sets everything up in .venv and runs every test, notebooks included
# make test-browser   sets everything up and tries the steppers and JupyterLab in Chromium (apt install chromium chromium-driver)
# make test-colab     sets everything up and rehearses Colab: its versions, and the setup cell for real (Linux, macOS)
# make test-lowest    tests the package with the oldest versions that pyproject.toml allows, on Python 3.11
# make reference   computes with PyTorch anew what tests/reference holds, and compares
# make benchmark   measures the README's figures, beside PyTorch's; BENCHMARKS='steps layers' picks some

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

# As root JupyterLab wants to be told that this is meant; without a display it must not look for a browser.
ROOT_ARGS := $(shell [ "$$(id -u)" != 0 ] || echo --allow-root)
DISPLAY_ARGS := $(shell [ "$$(uname)" != Linux ] || [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || echo --no-browser)

.PHONY: lab test test-browser test-colab test-lowest badges notebooks reference benchmark torch setup clean

lab: setup
	$(BIN)/python -m jupyterlab $(ROOT_ARGS) $(DISPLAY_ARGS) $(LAB_ARGS) notebooks

test: setup
	$(BIN)/python -m pytest $(TEST_ARGS)

test-browser: setup
	$(BIN)/python -m pytest tests/browser -m browser $(TEST_ARGS)

test-colab: setup
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/python -m pytest tests/colab -m colab $(TEST_ARGS)

test-lowest: setup
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv venv --quiet --clear --python 3.11 .venv-lowest
	$(BIN)/uv pip install --quiet --python .venv-lowest --resolution lowest-direct \
		--build-constraint build-constraints.txt --editable '.[test]'
	.venv-lowest/bin/python -m pytest -p no:nbval -o addopts="-m 'not browser and not colab'" tests $(TEST_ARGS)

# Writes the repository's address, which stands in pyproject.toml, into every badge and setup cell.
badges: setup
	$(BIN)/python .ci/address.py

# make notebooks NB=07 runs notebook 07 and its solutions, and saves what they print; without NB, all of them.
notebooks: setup
	for notebook in notebooks/$(NB)*.ipynb notebooks/solutions/$(NB)*.ipynb; do \
		$(BIN)/python -m jupyter nbconvert --log-level WARN --to notebook --execute --inplace \
			--ExecutePreprocessor.record_timing=False \
			--NotebookExporter.preprocessors=nbconvert.preprocessors.CoalesceStreamsPreprocessor \
			"$$notebook" || exit 1; \
	done

reference: torch
	$(BIN)/python -m tests.reference.make --check

benchmark: torch
	$(BIN)/python -m pip install --quiet --build-constraint build-constraints.txt --editable '.[benchmark]'
	$(BIN)/python -m benchmarks $(BENCHMARKS)

# PyTorch is needed for these two alone, so it is installed here, and only where there is none: the build
# without CUDA, a tenth of the size, if pip finds it. For a GPU: make benchmark BENCHMARKS=gpu TORCH=torch==2.13.0
TORCH ?= torch==2.13.0+cpu
torch: setup
	@$(BIN)/python -c 'import torch' 2>/dev/null \
		|| $(BIN)/python -m pip install --quiet '$(TORCH)' 2>/dev/null \
		|| $(BIN)/python -m pip install --quiet --build-constraint build-constraints.txt --editable '.[benchmark]'

# A .venv whose Python is gone, that belongs to another folder (moved or copied), or
# that has another Python than the one asked for, is made anew.
VERSION := -c 'import sys; print(sys.version_info[:2])'
setup:
	@[ "$$(cat $(INSTALLED) 2>/dev/null)" = '$(CURDIR)' ] && $(BIN)/python -c '' || rm -f $(INSTALLED)
ifneq ($(origin PYTHON),file)
	@[ "$$($(BIN)/python $(VERSION) 2>/dev/null)" = "$$($(PYTHON) $(VERSION) 2>/dev/null)" ] || rm -f $(INSTALLED)
endif
	@$(MAKE) --no-print-directory $(INSTALLED)

$(INSTALLED): pyproject.toml build-constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || { \
		echo "The course needs Python 3.11, 3.12 or 3.13, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || true)."; \
		echo "Install one from python.org (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.13),"; \
		echo "or name one that you have: make lab PYTHON=python3.13"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "'$(PYTHON)' lacks venv or pip. On Debian and Ubuntu: apt install python3-venv python3-pip;"; \
		echo "elsewhere install Python from python.org, which brings both."; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --build-constraint build-constraints.txt --editable '.[test]'
	$(BIN)/python -m nico2ai_cnn.cpu
	@echo '$(CURDIR)' > $@

clean:
	rm -rf $(VENV) .venv-colab .venv-lowest
