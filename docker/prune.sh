#!/usr/bin/env bash
# Delete what installed packages bring and no stage loads: prune.sh gpu|cpu SITE-PACKAGES
set -euo pipefail
variant=$1
cd "$2"

# Headers, static libraries, tools and tests: for those who build or test these packages.
rm -rf torch/include nvidia/*/include
find torch/bin -type f ! -name torch_shm_manager -delete
find . -name '*.a' -delete
find . -type d -name tests -prune -exec rm -rf {} +

if [ "$variant" = cpu ]; then
    # Loaded by name, and only where there is a GPU: cuDNN's parts, the linear algebra of CUDA, profilers, transports between nodes.
    # What PyTorch's own libraries are linked with stays, or PyTorch does not start.
    rm -f nvidia/cudnn/lib/libcudnn_*.so.* torch/lib/libtorch_cuda_linalg.so nvidia/nvshmem/lib/nvshmem_*.so* \
        nvidia/cu13/lib/lib{nvperf_host,nvperf_target,checkpoint,pcsamplingutil,cufftw,nvblas}.so*
fi
