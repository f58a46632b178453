#!/usr/bin/env bash
# Delete what installed packages bring and no stage loads: prune.sh gpu|cpu SITE-PACKAGES
set -euo pipefail
variant=$1
cd "$2"

# Headers, static libraries, tools and tests: for those who build or test these packages.
rm -rf torch/include torch/bin nvidia/*/include
find . -name '*.a' -delete
find . -type d -name tests -prune -exec rm -rf {} +

if [ "$variant" = cpu ]; then
    # What cuDNN and cuBLAS load by name once there is a GPU, and the profiler's parts. All else is linked: PyTorch needs it to start.
    rm -f nvidia/cudnn/lib/libcudnn_*.so.* nvidia/cu13/lib/libnvperf_*.so* nvidia/cu13/lib/libcheckpoint.so* \
        nvidia/cu13/lib/libpcsamplingutil.so* nvidia/nvshmem/lib/nvshmem_*.so*
fi
