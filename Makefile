# The commands of the project. On a machine with Python 3.11 or newer, `make demo` or `make test` is all one needs.
#
#   make demo         the whole job on the synthetic sample patient, or on your own image: make demo DEMO_FLAIR=path
#   make test         all tests but the slow ones
#   make test-all     the slow ones too
#   make package      the archive for "Install from file" of Slicer's Extensions Manager, in build/
#   make lists        rewrites the file lists of the CMake files from the source tree
#   make lint         ruff and the import contracts
#   make benchmark    times of the engine and of the live update
#   make screenshots  the pictures of the README, of the user guide and of the sample data
#   make clean        removes what the other commands made; `make clean-venv` also the environment

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# The interpreter that makes the environment: PYTHON=python3.12 make test. The version is run, not only looked for,
# since version managers leave commands on the path that exist and fail.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)

# Which torch: see the file. To choose freely, for example to use a GPU: make CONSTRAINTS=/dev/null test
CONSTRAINTS ?= requirements/constraints.txt

VENV := .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
# What only the slow tests need, Ray above all.
INSTALLED_ALL := $(VENV)/.installed-all

# Qt and VTK without a screen.
export QT_QPA_PLATFORM ?= offscreen
export VTK_DEFAULT_OPENGL_WINDOW ?= vtkEGLRenderWindow
export PYTHONUNBUFFERED := 1
# Processes that compute beside each other on few cores should sleep while they wait, not spin.
export OMP_WAIT_POLICY ?= PASSIVE

# Without DEMO_FLAIR (and, if there is one, DEMO_T1): the synthetic sample patient.
DEMO_FLAIR ?=
DEMO_T1 ?=
DEMO_OUTPUT ?= demo-output

PYTEST_ARGUMENTS ?=

.PHONY: help install system-packages demo test test-all lint package lists benchmark screenshots clean clean-venv

help:
	@sed -n '2,/^$$/s/^# \{0,1\}//p' Makefile

install: $(INSTALLED)

$(INSTALLED): pyproject.toml $(CONSTRAINTS)
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11 or newer with the venv module was not found: install it (Debian: apt-get install python3-venv) or name it, PYTHON=path make $(MAKECMDGOALS)." >&2; exit 1; fi
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) --editable '.[cli,training,slicer,dev]'
	touch $@

$(INSTALLED_ALL): $(INSTALLED)
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) --editable '.[sweep]'
	touch $@

system-packages:
	@bash Testing/install-system-packages.sh

test: $(INSTALLED) system-packages
	$(RUN) -m pytest -m "not slow" $(PYTEST_ARGUMENTS)

test-all: $(INSTALLED_ALL) system-packages
	$(RUN) -m pytest $(PYTEST_ARGUMENTS)

lint: $(INSTALLED)
	$(RUN) -m ruff check .
	$(VENV)/bin/lint-imports

demo: $(INSTALLED) system-packages
	$(RUN) Testing/demo/run_demo.py --output "$(DEMO_OUTPUT)" \
		$(if $(DEMO_FLAIR),--flair "$(DEMO_FLAIR)") $(if $(DEMO_T1),--t1 "$(DEMO_T1)")

package:
	@python=$(if $(wildcard $(RUN)),$(RUN),$(PYTHON)); $$python packaging/extension_package.py --output build

lists:
	@python=$(if $(wildcard $(RUN)),$(RUN),$(PYTHON)); $$python packaging/update_lists.py

benchmark: $(INSTALLED) system-packages
	@for script in Testing/benchmarks/*.py; do echo "== $$script"; $(RUN) "$$script"; done

screenshots: $(INSTALLED) system-packages
	$(RUN) Testing/gui/screenshots.py --output Resources/Screenshots --guide docs/pictures \
		--icons LesionSegmentation/Resources/Icons --reference Resources/SamplePatient/mask.nii.gz

clean:
	rm -rf build demo-output .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

clean-venv: clean
	rm -rf $(VENV)
