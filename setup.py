# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
from glob import glob

from setuptools import find_packages, setup

PACKAGE = "people_perception"
NODES = (
    "peoplenet_node",
    "facedetect_ir_node",
    "peoplesemsegnet_node",
    "peoplesegnet_node",
    "overlay_node",
    "anonymize_node",
    "people_node",
    "people_3d_node",
    "people_perception_node",
)

setup(
    name=PACKAGE,
    version="0.1.0",
    description="People, faces and person masks from camera images, on NVIDIA networks or on a CPU",
    author="The people_perception authors",
    maintainer="The people_perception authors",
    maintainer_email="people_perception@users.noreply.invalid",
    license="Apache-2.0",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={PACKAGE: ["engines/*.cu"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
        (f"share/{PACKAGE}/launch", glob("launch/*.launch.py")),
        (f"share/{PACKAGE}/config", glob("config/*.*")),
        (f"share/{PACKAGE}/models", glob("models/*.yaml") + glob("models/*.json")),
        (f"share/{PACKAGE}/rviz", glob("rviz/*.*")),
    ],
    # What else it needs comes from the keys of package.xml on a robot and from tools/requirements elsewhere.
    install_requires=["setuptools"],
    python_requires=">=3.10",
    zip_safe=False,
    entry_points={
        "console_scripts": [
            f"{PACKAGE} = {PACKAGE}.cli:main",
            *(f"{node} = {PACKAGE}.ros.executables:{node}" for node in NODES),
        ],
    },
)
