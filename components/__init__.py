"""The pipeline's components: one small typed file a stage, no logic. Each runs its stage and publishes what it left.

The bodies run in the image, where Wordbrush is installed; nothing is installed at run time. The image is named here alone;
`pipeline.py --image` puts another in its place, best pinned by digest.
"""

from functools import partial

from kfp import dsl

IMAGE = "wordbrush-python:0.1.0"

component = partial(dsl.component, base_image=IMAGE, install_kfp_package=False)
