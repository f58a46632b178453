#!/usr/bin/env bash
# Delete the parts of installed packages that no stage loads: prune.sh gpu|cpu SITE-PACKAGES
set -euo pipefail
variant=$1
cd "$2"

# Headers, static libraries, tools and tests are only for building or testing these packages.
rm -rf torch/include nvidia/*/include
find torch/bin -type f ! -name torch_shm_manager -delete
find . -name '*.a' -delete
find . -type d -name tests -prune -exec rm -rf {} +

if [ "$variant" = cpu ]; then
    # These are loaded by name, and only on a GPU: the parts of cuDNN, CUDA's linear algebra,
    # profilers, transports between nodes. Libraries that PyTorch is linked with must stay, or it
    # does not start.
    rm -f nvidia/cudnn/lib/libcudnn_*.so.* torch/lib/libtorch_cuda_linalg.so nvidia/nvshmem/lib/nvshmem_*.so* \
        nvidia/cu13/lib/lib{nvperf_host,nvperf_target,checkpoint,pcsamplingutil,cufftw,nvblas}.so*
fi
