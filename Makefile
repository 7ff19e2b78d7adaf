# make run    the whole shop on this machine        PORT=8000 DATA=var
# make test   lint, types, contracts and every test  ARGS="-k name"
# make bench  every benchmark                        FULL=1

PYTHON ?= python3
PORT ?= 8000
DATA ?= var
ARGS ?=
FULL ?=

VENV := .venv
BIN := $(VENV)/bin
# No compiled or stale state outside the clone.
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test bench setup lint clean

run: setup
	@GEOBUK_DATA="$(abspath $(DATA))" GEOBUK_URL="http://127.0.0.1:$(PORT)" $(BIN)/python manage.py sandbox

test: setup lint
	@scripts/system-packages.sh postgresql chromium fonts-noto-cjk nodejs dbus gnome-keyring redis-server qbittorrent-nox iproute2 nftables
	@$(BIN)/python -m tests.on_postgres -m race -n 2
	@$(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

bench: setup
	@scripts/system-packages.sh nginx opentracker wrk apache2-utils
	@FULL="$(FULL)" $(BIN)/python -m benchmarks $(ARGS)

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy

setup: $(VENV)/.installed node_modules/.installed build/.compiled build/seeder/.built

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Geobuk needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12")'
	@echo "Installing the Python packages (about a minute)"
	@$(PYTHON) -m venv $(VENV) || { echo "Python cannot make virtual environments here; on Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[all,test]"
	@touch $@

node_modules/.installed: package.json package-lock.json $(VENV)/.installed
	@echo "Installing the front-end packages"
	@$(BIN)/python scripts/frontend.py
	@touch $@

build/.compiled: $(wildcard locale/*/LC_MESSAGES/*.po) $(VENV)/.installed
	@mkdir -p build
	@$(BIN)/python scripts/messages.py compile
	@touch $@

# What a buyer installs from the shop.
build/seeder/.built: $(VENV)/.installed $(shell git ls-files drm seeder 2>/dev/null)
	@rm -rf build/seeder && mkdir -p build/seeder
	@$(BIN)/pip wheel --quiet --no-deps --wheel-dir build/seeder .
	@touch $@

clean:
	@rm -rf $(VENV) node_modules build .mypy_cache .ruff_cache .pytest_cache .hypothesis
