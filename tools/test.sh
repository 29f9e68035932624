#!/usr/bin/env bash
# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
#
# Lint, types and all tests. With CI=true or --all, the tests of what depends on ROS once more on ROS 2 Kilted.
# Other arguments go to pytest, which works in several processes: tools/test.sh test/decoders -k dbscan -n 0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

both=false
if [ "${CI:-}" = true ]; then both=true; fi
arguments=()
for argument; do
  if [ "$argument" = --all ]; then both=true; else arguments+=("$argument"); fi
done

failed=()

# Runs one stage and says how long it took. Usage: stage NAME COMMAND ...
stage() {
  local name=$1 begin=$EPOCHREALTIME result=passed
  shift
  "$@" || { result=FAILED && failed+=("$name"); }
  awk -v name="$name" -v result="$result" -v a="$begin" -v b="$EPOCHREALTIME" \
    'BEGIN { printf "test: %-24s %s in %.1f s\n", name, result, b - a }'
}

# pytest says itself what passed and how long it took, in the last line that it prints.
run_pytest() {
  python -m pytest -n auto --maxprocesses 4 --dist loadfile --max-worker-restart 0 "$@" || failed+=("pytest on ROS 2 $ROS_DISTRO")
}

stage "bootstrap" tools/bootstrap.sh --test
if [ "${#failed[@]}" -gt 0 ]; then exit 1; fi
. tools/env.sh
stage "ruff check" ruff check
stage "ruff format" ruff format --check
stage "mypy" mypy people_perception
# Tests of the open models run on their real weights.
python -m people_perception models fetch open ||
  echo "test: the open models could not be fetched: their tests will be skipped"
run_pytest "${arguments[@]}"

if $both && grep -q ^wheels "$VIRTUAL_ENV/.people_perception/environment"; then
  export PP_ROS_DISTRO=kilted
  stage "bootstrap kilted" tools/bootstrap.sh --test
  . tools/env.sh
  run_pytest test/graph test/ros test/tools
fi

if [ "${#failed[@]}" -gt 0 ]; then
  printf 'test: FAILED: %s\n' "${failed[@]}"
  exit 1
fi
