#!/usr/bin/env bash
# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
#
# From a bare machine to people found in real pixels by a real graph. What is there already is not made again, so that
# it works offline once it has run. Arguments go to "people_perception demo".
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

for argument; do
  if [ "$argument" = -h ] || [ "$argument" = --help ]; then
    cat <<'TEXT'
usage: tools/demo.sh [SOURCE] [OPTION ...]

Makes the environment, fetches the open models, and runs the whole graph on SOURCE: a video, an image, a folder of
images, a rosbag2, /dev/video0; without it, on a scene of photographs that come with the environment. Leaves annotated
frames, contact_sheet.jpg and report.html in demo_output/.

Options are those of "python -m people_perception demo --help".

example: tools/demo.sh video.mp4 --seconds 20
TEXT
    exit 0
  fi
done

# Standard output is for --json.
"$root/tools/bootstrap.sh" >&2
# shellcheck source=tools/env.sh
. "$root/tools/env.sh"
python -m people_perception models fetch open | { grep -v ': present$' || true; } >&2 ||
  echo "demo: going on with the models that are here" >&2
exec python -m people_perception demo "$@"
