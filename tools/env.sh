# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Activates the environment that tools/bootstrap.sh made. Source it, from bash or zsh: . tools/env.sh
# docs/environment.md explains the variables. None that is set already is changed.

if [ -n "${ZSH_VERSION:-}" ]; then
  # shellcheck disable=SC2296
  _pp_file=${(%):-%x}
else
  _pp_file=${BASH_SOURCE[0]}
fi
_pp_root=$(cd "$(dirname "$_pp_file")/.." && pwd -P)
case ${PP_ROS_DISTRO:-jazzy} in
  jazzy) _pp_venv=$_pp_root/.venv ;;
  *) _pp_venv=$_pp_root/.venv-$PP_ROS_DISTRO ;;
esac

if [ ! -f "$_pp_venv/.people_perception/package" ]; then
  echo "people_perception: no environment in $_pp_venv; make it with $_pp_root/tools/bootstrap.sh" >&2
  unset _pp_file _pp_root _pp_venv
  return 1
fi

. "$_pp_venv/bin/activate"
read -r _pp_mode _pp_distro _pp_rest <"$_pp_venv/.people_perception/environment"

# Set by a Python with ROS wheels for its children, which then do not look for their own libraries. A shell that
# inherited it must not pass it on.
unset _ROS_WHEELS_BOOTSTRAP_COMPLETE

case ":${AMENT_PREFIX_PATH:-}:" in
  *":$_pp_venv:"*) ;;
  *) export AMENT_PREFIX_PATH="$_pp_venv${AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}" ;;
esac
if [ "$_pp_mode" = wheels ]; then
  export ROS_DISTRO="$_pp_distro" ROS_VERSION=2 ROS_PYTHON_VERSION=3
fi

export RMW_IMPLEMENTATION="${RMW_IMPLEMENTATION:-rmw_fastrtps_cpp}"
# Images of a megabyte and more do not fit the default shared-memory segment of Fast DDS.
export FASTDDS_BUILTIN_TRANSPORTS="${FASTDDS_BUILTIN_TRANSPORTS:-LARGE_DATA}"
# Keeps the memory of a frame for the next one, instead of giving it back and faulting it in again. Read by the C
# library when a process starts, so no program can set it for itself.
export MALLOC_MMAP_THRESHOLD_="${MALLOC_MMAP_THRESHOLD_:-536870912}"
export MALLOC_TRIM_THRESHOLD_="${MALLOC_TRIM_THRESHOLD_:-1073741824}"

unset _pp_file _pp_root _pp_venv _pp_mode _pp_distro _pp_rest
