#!/usr/bin/env bash
# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
#
# Makes the environment that everything else runs in; docs/environment.md explains it.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: tools/bootstrap.sh [--test] [--plan]

Makes .venv: on top of ROS 2 where one is sourced; otherwise, on x86-64 Linux with Python 3.10 to 3.13, with ROS 2 in it.
Does nothing, offline, where that is done already.

  --test   also what tools/test.sh needs
  --plan   say what would be done, and do nothing

  PP_ROS_DISTRO=kilted   ROS 2 Kilted in .venv-kilted instead of Jazzy in .venv
  PP_PYTHON=FILE         the Python to use

example: tools/bootstrap.sh && . tools/env.sh && python -m people_perception doctor
TEXT
}

say() { printf 'bootstrap: %s\n' "$*"; }
warn() { say "$@" >&2; }
die() {
  warn "$@"
  exit 1
}

with_tests=false
plan=false
for argument; do
  case $argument in
    --test) with_tests=true ;;
    --plan) plan=true ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) die "$argument: unknown argument; tools/bootstrap.sh --help lists them" ;;
  esac
done

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
requirements=$root/tools/requirements

# ---- What to make -----------------------------------------------------------------------------------------------

# Whether a ROS 2 is sourced that is not one of our own environments.
foreign_ros_is_sourced() {
  [ -n "${ROS_DISTRO:-}" ] || return 1
  local prefix prefixes
  IFS=: read -ra prefixes <<<"${AMENT_PREFIX_PATH:-}"
  for prefix in "${prefixes[@]}"; do
    if [ -f "$prefix/share/ament_index/resource_index/packages/rclpy" ] && [ ! -d "$prefix/.people_perception" ]; then
      return 0
    fi
  done
  return 1
}

if foreign_ros_is_sourced; then
  mode=sourced
  distro=$ROS_DISTRO
  if [ "${PP_ROS_DISTRO:-$distro}" != "$distro" ]; then
    die "PP_ROS_DISTRO=$PP_ROS_DISTRO, but ROS 2 $distro is sourced: unset the one or leave the other's shell"
  fi
  venv=$root/.venv
  pythons="python3 /usr/bin/python3"
  needs="import rclpy"
else
  mode=wheels
  distro=${PP_ROS_DISTRO:-jazzy}
  case $distro in
    jazzy) venv=$root/.venv ;;
    kilted) venv=$root/.venv-kilted ;;
    *) die "PP_ROS_DISTRO=$distro: ROS 2 wheels exist for jazzy and kilted; for another, source its setup.bash first" ;;
  esac
  pythons="python3 python3.12 python3.11 python3.10 python3.13"
  needs="import sys; assert (3, 10) <= sys.version_info < (3, 14)"
  # What an active environment left behind; another Python must not find its modules.
  unset PYTHONPATH
fi
# A Python with ROS wheels sets the first for its children, which then do not look for their own libraries.
unset _ROS_WHEELS_BOOTSTRAP_COMPLETE PYTHONHOME
pythons=${PP_PYTHON:-$pythons}
state=$venv/.people_perception

# Prints "FILE VERSION" of the Python behind a command, if it runs: a pyenv shim may only print an error.
describe_python() {
  "$1" -c 'import os, sys; print(os.path.realpath(sys._base_executable), "%d.%d" % sys.version_info[:2])' 2>/dev/null
}

find_python() {
  local candidate
  for candidate in $pythons; do
    if "$candidate" -c "$needs" 2>/dev/null && describe_python "$candidate"; then return 0; fi
  done
  return 1
}

key_of() { cat -- "$@" | sha256sum | cut -c1-16; }
is_done() { [ -f "$state/$1" ] && [ "$(<"$state/$1")" = "$2" ]; }

# What each step's result depends on. A step is done again when that has changed.
declare -A keys
keys[test]=$(key_of "$requirements/test.txt" "$requirements/test-tensorrt.txt")
# Data files are linked one by one, so their names count, but not what is in them.
data_files=$(cd "$root" && printf '%s\n' {launch,config,models,rviz}/*.*)
keys[package]=$(key_of "$root"/{setup.py,setup.cfg,package.xml,tools/link_package.py} - <<<"$data_files")
if [ "$mode" = sourced ]; then
  steps="packages package"
  keys[packages]=$(key_of "$requirements/runtime.txt")
else
  steps="packages vision_msgs package"
  keys[packages]=$(key_of "$requirements/runtime.txt" "$requirements/$distro.txt")
  keys[vision_msgs]=$(key_of "$requirements/$distro.txt" "$root"/tools/{build_vision_msgs.py,vision_msgs/package.xml,vision_msgs/msg/*.msg})
fi
if $with_tests; then steps="$steps test"; fi

# The environment records where it is, what it was made on and by which Python; that Python may have gone since.
environment_is_good() {
  # No mark of its packages: an interrupted pip may have left some that look installed. Starting over is quick, from
  # pip's cache.
  [ -f "$state/environment" ] && [ -f "$state/packages" ] && [ -x "$venv/bin/python" ] || return 1
  local made python
  { read -r made && read -r python; } <"$state/environment" || return 1
  [ "$made" = "$mode $distro $venv" ] || return 1
  if [ -n "${PP_PYTHON:-}" ] && [ "$(describe_python "$PP_PYTHON")" != "$python" ]; then return 1; fi
  [ "$(_ROS_WHEELS_BOOTSTRAP_COMPLETE=1 describe_python "$venv/bin/python")" = "$python" ]
}

find_missing() {
  missing=()
  local step
  if environment_is_good; then
    for step in $steps; do
      is_done "$step" "${keys[$step]}" || missing+=("$step")
    done
  else
    # shellcheck disable=SC2206
    missing=(environment $steps)
  fi
}

find_missing
if [ "${#missing[@]}" -eq 0 ]; then
  if $plan; then say "nothing to do"; fi
  say "ready: ${venv#"$root"/} (ROS 2 $distro, Python $(sed -n '2s/.* //p' "$state/environment"))"
  exit 0
fi

# ---- What this machine has --------------------------------------------------------------------------------------

may_install() { [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; }

# Installs Debian packages, or says in one line how.
need_debian_packages() {
  if ! may_install; then die "needs $*; install with: sudo apt-get install $*"; fi
  if $plan; then
    say "would install with apt-get: $*"
    return
  fi
  run_step "apt-get install $*" apt_install "$@"
}

apt_install() {
  # A fresh container has no lists of packages.
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

log=$(mktemp)
background=
trap 'rm -f "$log"; [ -z "$background" ] || kill "$background" 2>/dev/null || true' EXIT

# Runs a command with its output in the log, which is shown only when it fails. Usage: run_step WHAT COMMAND ...
run_step() {
  local what=$1 begin=$EPOCHREALTIME
  shift
  printf 'bootstrap: %-66s' "$what"
  if ! "$@" >"$log" 2>&1; then
    printf 'failed\n'
    grep -v '^WARNING' "$log" | tail -n 20 >&2
    die "$what: failed, see above; run tools/bootstrap.sh again to go on"
  fi
  awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%6.1f s\n", b - a }'
}

unsupported() {
  local name="${ROS_DISTRO:-jazzy}" sourced
  for sourced in /opt/ros/*/setup.bash; do
    if [ -f "$sourced" ]; then die "$1; a ROS 2 is here: source $sourced and run this again"; fi
  done
  die "$1; install ROS 2 and source it: sudo apt install python3-venv ros-$name-ros-base ros-$name-cv-bridge" \
    "ros-$name-vision-msgs && source /opt/ros/$name/setup.bash"
}

if [ "$mode" = wheels ] && [ "$(uname -s) $(uname -m)" != "Linux x86_64" ]; then
  unsupported "ROS 2 wheels are for x86-64 Linux, this is $(uname -s) $(uname -m)"
fi
if ! found=$(find_python); then
  if [ -n "${PP_PYTHON:-}" ]; then die "PP_PYTHON=$PP_PYTHON: does not run as a Python that fits ('$needs' fails)"; fi
  if [ "$mode" = sourced ]; then die "no python3 can '$needs', although ROS 2 $distro is sourced; deactivate other environments"; fi
  if command -v python3 >/dev/null || ! may_install; then
    die "needs Python 3.10 to 3.13; install with: sudo apt-get install python3 python3-venv python3-dev" \
      "(Debian 12, Ubuntu 22.04 and newer), or name one: PP_PYTHON=FILE"
  fi
  need_debian_packages python3 python3-venv python3-dev
  if $plan; then exit 0; fi
  found=$(find_python) || die "the python3 of this system is not 3.10 to 3.13; name another: PP_PYTHON=FILE"
fi
python=${found% *}
version=${found##* }

# Debian splits Python: its own may lack venv or the headers. Other Pythons have both.
debian_packages=()
"$python" -c 'import ensurepip' 2>/dev/null || debian_packages+=("python$version-venv")
if [ "$mode" = wheels ]; then
  command -v gcc >/dev/null || debian_packages+=(gcc)
  command -v g++ >/dev/null || debian_packages+=(g++)
  [ -f "$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ] || debian_packages+=("python$version-dev")
fi

if $plan; then
  say "mode: $mode"
  say "ROS 2: $distro"
  say "Python: $python ($version)"
  say "environment: $venv"
  say "steps: ${missing[*]}"
  if [ "${#debian_packages[@]}" -gt 0 ]; then need_debian_packages "${debian_packages[@]}"; fi
  exit 0
fi

# ---- Making it --------------------------------------------------------------------------------------------------

exec 9>"$venv.lock"
if ! flock -n 9; then
  say "another bootstrap is at work on ${venv#"$root"/}; waiting for it"
  flock 9
  find_missing
fi

pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }
install_pinned() { pip install --quiet --no-deps --no-build-isolation "$@"; }

make_environment() {
  local options=()
  if [ "$mode" = sourced ]; then options=(--system-site-packages); fi
  rm -rf "$venv" &&
    "$python" -m venv "${options[@]}" "$venv" &&
    # Builds the few packages that have no wheel, whose own choice of build tools nothing pins.
    install_pinned "$(grep ^setuptools "$requirements/runtime.txt")" &&
    mkdir "$state" &&
    printf '%s\n' "$mode $distro $venv" "$python $version" >"$state/environment"
}

make_packages() {
  if [ "$mode" = sourced ]; then
    install_absent "$requirements/runtime.txt"
    return
  fi
  # Two at once, because one waits for the network while the other unpacks; neither holds a package of the other.
  install_pinned -r "$requirements/$distro.txt" &
  background=$!
  install_pinned -r "$requirements/runtime.txt" && wait "$background" && background=
}

# Installs what this Python cannot import, and leaves what it can as the machine's packages have it.
install_absent() {
  "$venv/bin/python" "$root/tools/absent_requirements.py" "$1" >"$state/absent.txt" &&
    pip install --quiet -r "$state/absent.txt"
}

make_vision_msgs() { "$venv/bin/python" "$root/tools/build_vision_msgs.py"; }

make_package() { "$venv/bin/python" "$root/tools/link_package.py"; }

make_test() {
  if [ "$mode" = sourced ]; then
    install_absent "$requirements/test.txt"
  else
    # No earlier mark: what an interrupted pip left may look installed.
    local options=(--force-reinstall)
    if $had_mark; then options=(); fi
    install_pinned "${options[@]}" -r "$requirements/test.txt" || return
    # Building engines has nothing to do with ROS: tested once, on the first distribution.
    if [ "$distro" = jazzy ] && ! install_pinned "${options[@]}" -r "$requirements/test-tensorrt.txt"; then
      warn "TensorRT for RTX could not be installed: tests that build engines will be skipped"
    fi
  fi
}

declare -A titles=(
  [environment]="Python $version environment in ${venv#"$root"/}"
  [packages]="ROS 2 ${distro^}, OpenCV, ONNX Runtime, LiteRT (230 MB)"
  [vision_msgs]="vision_msgs, compiled"
  [package]="people_perception, linked to this checkout"
  [test]="test tools"
)
if [ "$mode" = sourced ]; then titles[packages]="what this machine's Python lacks"; fi

begin=$EPOCHREALTIME
if [ "${#debian_packages[@]}" -gt 0 ]; then need_debian_packages "${debian_packages[@]}"; fi
for step in "${missing[@]}"; do
  had_mark=false
  if [ -f "$state/$step" ]; then had_mark=true; fi
  rm -f "$state/$step"
  run_step "${titles[$step]}" "make_$step"
  if [ "$step" != environment ]; then printf '%s\n' "${keys[$step]}" >"$state/$step"; fi
done

if [ "$mode" = sourced ] && ! "$venv/bin/python" -c 'import vision_msgs.msg' 2>/dev/null; then
  warn "vision_msgs is missing, so the nodes cannot start; install with: sudo apt-get install ros-$distro-vision-msgs"
fi
if ! command -v npm >/dev/null; then
  if may_install; then run_step "apt-get install npm, which fetches the open models" apt_install npm || true; fi
  command -v npm >/dev/null || warn "npm is missing, which fetches the open models; install with: sudo apt-get install npm"
fi
say "ready: ${venv#"$root"/} (ROS 2 $distro, Python $version)" \
  "in $(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.0f", b - a }') s; activate with: . tools/env.sh"
