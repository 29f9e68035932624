#!/usr/bin/env bash
# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
#
# Lint, types and every test. Arguments go to pytest; --all or CI=true runs the ROS tests once more on Kilted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools/bootstrap.sh --test
. tools/env.sh
ruff check
ruff format --check
mypy people_perception
python -m pytest "$@"
