# `make demo` and `make test` do all the set-up in .venv, and need no root.
PYTHON ?= python3
BIN := .venv/bin
NATIVE := $(shell find sdk/native -type f -not -path '*/tests/*')
PYTHON_SOURCES := $(shell find sdk/facesdk training converters -type f -not -name '*.pyc')
CLANG_PACKAGES := clang libclang-rt-dev
BROWSER_PACKAGES := chromium
ANDROID_PACKAGES = $(shell $(PYTHON) -m android_demo.ci.tools)
PYTEST := $(BIN)/python -m pytest
# A process more than processors: some wait for a server, a browser or a program that they have killed.
PROCESSES := $(shell echo $$(($$(nproc) + 1)))
PYTEST_ARGS ?= -m "not slow" --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

# $(call program,PACKAGES,TEST,WHO): installs Debian's packages with apt-get unless TEST finds what WHO needs.
define program
@if { $(2); } >/dev/null 2>&1; then :; \
elif [ "$$(id -u)" = 0 ]; then \
	echo "installing $(1) with apt-get"; \
	apt-get update -qq && apt-get install -y -qq --no-install-recommends $(1); \
else \
	echo "$(3) $(1); run: sudo apt-get install $(1)" >&2; exit 1; \
fi
endef

# Python keeps what it compiles: TensorFlow's modules take twice as long to load where each process compiles them anew.
unexport PYTHONDONTWRITEBYTECODE
# Where Ninja is not installed, pip has the library compiled by make, which takes a single processor unless it is told.
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(shell nproc)

.PHONY: demo test test-scale test-android android-packages test-slow test-arm wheels lint docs clean clang browser minisign mosquitto torch xvfb shellcheck systemd machine

demo: .venv/.device
	$(BIN)/facesdk demo --output out

test: .venv/.dev
	$(PYTEST) $(PYTEST_ARGS)

test-slow: .venv/.dev .venv/.wheels .venv/.browser clang browser minisign mosquitto torch xvfb systemd
	$(PYTEST) -m "slow and not arm and not android" --numprocesses $(PROCESSES) --dist worksteal --durations 25

# Enrolment in processes of Ray, which is too big for the other tests' sake.
test-scale: .venv/.dev
	$(BIN)/pip install --quiet --editable '.[scale]'
	$(PYTEST) tests/sdk/gallery/test_ray.py

# Emulated ARM computers: the first run installs QEMU and cross compilers with apt-get, as root. The instructions of
# the loops are counted for the compiler of the wheels as well.
test-arm: .venv/.dev .venv/.wheels
	$(BIN)/python -m tools.emulation.arm
	$(PYTEST) tests/arm

# The Android library and the demo app: built, checked, and run on this JVM, on emulated bionic and on Robolectric. The
# first run fetches 650 MB from Maven repositories and PyPI into the user's cache. Without the screens of the app:
#   make test-android ANDROID_TESTS="android and not robolectric"
ANDROID_TESTS ?= android
test-android: .venv/.dev android-packages
	$(PYTEST) tests/android -m "$(ANDROID_TESTS)" --numprocesses auto --dist loadfile

# The wheels of every platform, built, checked and tried; they are put into dist/.
wheels: .venv/.dev .venv/.wheels
	$(BIN)/python -m tools.release.build_wheels

# The wheel of one platform (aarch64, armv7l, x86_64), checked but not tried: no TensorFlow, no emulated computer.
wheel-%: .venv/.wheel-tools
	$(BIN)/python -m tools.release.build_wheels $* --no-trial

lint: .venv/.dev shellcheck
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	shellcheck rpi/install.sh rpi/facesdk

# The site, with the API reference: build/site/index.html. A broken link is an error.
docs: .venv/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

clean:
	rm -rf .venv build dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip

# The device side only: no TensorFlow. A development install, once there, serves the demo too. Python compiles the modules
# that it loads, pip would compile all.
.venv/.device: pyproject.toml $(NATIVE) $(PYTHON_SOURCES) | .venv/bin/python
	if [ -e .venv/.dev ]; then $(MAKE) .venv/.dev; else $(BIN)/pip install --no-compile .; fi
	touch $@

.venv/.dev: pyproject.toml $(NATIVE) | .venv/bin/python
	$(BIN)/pip install --editable '.[train,convert,bench,dev]'
	touch $@

.venv/.wheels: .venv/.dev
	$(BIN)/pip install --editable '.[wheels]'
	touch $@

.venv/.wheel-tools: pyproject.toml $(NATIVE) $(PYTHON_SOURCES) | .venv/bin/python
	if [ -e .venv/.dev ]; then $(MAKE) .venv/.wheels; else $(BIN)/pip install '.[wheels]'; fi
	touch $@

# mkdocstrings reads the sources, so the site needs none of the other extras.
.venv/.docs: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --editable '.[docs]'
	touch $@

# HTML reports are looked at in a real browser.
.venv/.browser: .venv/.dev
	$(BIN)/pip install --editable '.[browser]'
	touch $@

# Everything that the targets above install one after the other, in one installation: what CI begins with. uv takes
# a quarter of pip's time; the other targets use pip, which heeds a user's own configuration of it.
.venv/.all: pyproject.toml $(NATIVE) | .venv/bin/python
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip install --python $(BIN)/python --editable '.[train,convert,bench,dev,wheels,docs,browser]'
	touch .venv/.dev
	touch .venv/.wheels .venv/.wheel-tools .venv/.docs .venv/.browser $@

browser:
	$(call program,$(BROWSER_PACKAGES),command -v chromium || command -v google-chrome,the slow tests need)

# The list of a release's files is signed with it.
minisign:
	$(call program,minisign,command -v minisign,the slow tests need)

# A display that nobody sees, for the tests of the window.
xvfb:
	$(call program,xvfb,command -v Xvfb,the slow tests need)

# A broker for the tests of MQTT; each test starts one of its own.
mosquitto:
	$(call program,mosquitto,[ -x /usr/sbin/mosquitto ] || command -v mosquitto,the slow tests need)

# PyTorch for the tests of the training engine "torch": Debian's is for the CPU alone, PyPI's brings gigabytes of CUDA.
# The tests link to it; any other PyTorch in .venv goes before it.
torch: .venv/bin/python
	$(call program,python3-torch,$(BIN)/python -c 'import torch' || [ -d /usr/lib/python3/dist-packages/torch ],the tests of the training engine torch need)

shellcheck:
	$(call program,shellcheck,command -v shellcheck,make lint needs)

# Checks the unit of the service; it need not run.
systemd:
	$(call program,systemd,command -v systemd-analyze,the slow tests need)

# The native suite is also built with Clang: for its sanitizers, and for libFuzzer.
clang:
	$(call program,$(CLANG_PACKAGES),echo 'int main(void) { return 0; }' | clang -fsanitize=address -x c -o /dev/null -,the slow tests need)

# Compilers, a JDK and Android's packaging tools for android_demo/.
android-packages:
	$(call program,$(ANDROID_PACKAGES),[ -z "$(ANDROID_PACKAGES)" ],the Android build needs)

# All programs of Debian that the other targets install when they need them, the files of
# the Android build, and the emulated computers.
machine: browser minisign mosquitto torch xvfb shellcheck systemd clang android-packages .venv/bin/python
	$(BIN)/python -m android_demo.ci.fetching >/dev/null
	$(BIN)/python -m tools.emulation.arm
