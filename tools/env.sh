# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Activates the environment that tools/bootstrap.sh made. Source it, from bash or zsh: . tools/env.sh
# docs/environment.md explains the variables. A value that you have set stays.

if [ -n "${ZSH_VERSION:-}" ]; then
  # shellcheck disable=SC2296
  _pp_root=${(%):-%x}
else
  _pp_root=${BASH_SOURCE[0]}
fi
_pp_root=$(cd "$(dirname "$_pp_root")/.." && pwd -P)
_pp_venv=$_pp_root/.venv
if [ "${PP_ROS_DISTRO:-jazzy}" = kilted ]; then _pp_venv=$_pp_root/.venv-kilted; fi

# Leaves in _pp_others the prefixes that are none of our environments, and in _pp_foreign the last that is a ROS 2.
_pp_others='' _pp_foreign=''
_pp_rest=${AMENT_PREFIX_PATH:+$AMENT_PREFIX_PATH:}
while [ -n "$_pp_rest" ]; do
  _pp_prefix=${_pp_rest%%:*}
  _pp_rest=${_pp_rest#*:}
  if [ -d "$_pp_prefix/.people_perception" ]; then continue; fi
  _pp_others=$_pp_others:$_pp_prefix
  if [ -f "$_pp_prefix/share/ament_index/resource_index/packages/rclpy" ]; then _pp_foreign=$_pp_prefix; fi
done

_pp_mode='' _pp_distro=''
if [ -f "$_pp_venv/.people_perception/package" ]; then
  read -r _pp_mode _pp_distro _pp_rest <"$_pp_venv/.people_perception/environment"
fi
case "$_pp_mode:${_pp_foreign:+foreign}" in
  wheels: | sourced:foreign) _pp_problem="" ;;
  sourced:) _pp_problem="made on ROS 2 $_pp_distro, which is not sourced: source /opt/ros/$_pp_distro/setup.bash first" ;;
  wheels:foreign) _pp_problem="made with its own ROS 2, but $_pp_foreign is sourced: run $_pp_root/tools/bootstrap.sh" ;;
  *) _pp_problem="there is no environment yet: run $_pp_root/tools/bootstrap.sh" ;;
esac
if [ -n "$_pp_problem" ]; then
  echo "people_perception: $_pp_venv: $_pp_problem" >&2
  unset _pp_root _pp_venv _pp_others _pp_foreign _pp_rest _pp_prefix _pp_mode _pp_distro _pp_problem
  return 1
fi

# shellcheck disable=SC1091
. "$_pp_venv/bin/activate"
export AMENT_PREFIX_PATH="$_pp_venv$_pp_others"
# A Python with ROS wheels sets it for its children, which then do not look for their own libraries.
unset _ROS_WHEELS_BOOTSTRAP_COMPLETE
if [ "$_pp_mode" = wheels ]; then export ROS_DISTRO="$_pp_distro" ROS_VERSION=2 ROS_PYTHON_VERSION=3; fi

export RMW_IMPLEMENTATION="${RMW_IMPLEMENTATION:-rmw_fastrtps_cpp}"
# A camera image does not fit the shared memory that Fast DDS reserves by default. Fast DDS 2 and 3 read one name each.
_pp_rest=$_pp_root/config/fastdds_large_images.xml
if [ "${FASTRTPS_DEFAULT_PROFILES_FILE:-}" = "$_pp_rest" ]; then unset FASTRTPS_DEFAULT_PROFILES_FILE; fi
if [ "${FASTDDS_DEFAULT_PROFILES_FILE:-}" = "$_pp_rest" ]; then unset FASTDDS_DEFAULT_PROFILES_FILE; fi
if [ -z "${FASTDDS_BUILTIN_TRANSPORTS:-}${FASTRTPS_DEFAULT_PROFILES_FILE:-}${FASTDDS_DEFAULT_PROFILES_FILE:-}" ]; then
  # Each process reserves 64 MB. A container has no more than that for all of them, unless it was told.
  if [ "$(df -Pm /dev/shm 2>/dev/null | awk 'NR == 2 { print $2 }')" -lt 512 ] 2>/dev/null; then
    echo "people_perception: /dev/shm is too small for large images between processes: docker run --shm-size=1g" >&2
  else
    case $ROS_DISTRO in
      humble | jazzy) export FASTRTPS_DEFAULT_PROFILES_FILE="$_pp_rest" ;;
      *) export FASTDDS_DEFAULT_PROFILES_FILE="$_pp_rest" ;;
    esac
  fi
fi
# A process keeps the memory of one frame for the next instead of giving it back. The C library reads them when a
# process starts, so no program can set them for itself.
export MALLOC_MMAP_THRESHOLD_="${MALLOC_MMAP_THRESHOLD_:-536870912}"
export MALLOC_TRIM_THRESHOLD_="${MALLOC_TRIM_THRESHOLD_:-1073741824}"

unset _pp_root _pp_venv _pp_others _pp_foreign _pp_rest _pp_prefix _pp_mode _pp_distro _pp_problem
