#include "cuda/layout.h"
#include "cuda/kernels.h"

static const struct layout layouts[CUDA_TYPES] = {
    [CUDA_F32] = { 1, 4, 1, { { 0, 4 } } },
    [CUDA_F16] = { 1, 2, 1, { { 0, 2 } } },
    [CUDA_BF16] = { 1, 2, 1, { { 0, 2 } } },
    [CUDA_Q8_0] = { 32, 34, 2, { { 2, 32 }, { 0, 2 } } },
    [CUDA_Q4_0] = { 32, 18, 2, { { 2, 16 }, { 0, 2 } } },
    [CUDA_Q4_1] = { 32, 20, 2, { { 4, 16 }, { 0, 4 } } },
    [CUDA_Q5_0] = { 32, 22, 3, { { 6, 16 }, { 2, 4 }, { 0, 2 } } },
    [CUDA_Q5_1] = { 32, 24, 3, { { 8, 16 }, { 4, 4 }, { 0, 4 } } },
    [CUDA_Q2_K] = { 256, 84, 3, { { 16, 64 }, { 0, 16 }, { 80, 4 } } },
    [CUDA_Q3_K] = { 256, 110, 4, { { 32, 64 }, { 0, 32 }, { 96, 12 }, { 108, 2 } } },
    [CUDA_Q4_K] = { 256, 144, 3, { { 16, 128 }, { 4, 12 }, { 0, 4 } } },
    [CUDA_Q5_K] = { 256, 176, 4, { { 48, 128 }, { 16, 32 }, { 4, 12 }, { 0, 4 } } },
    [CUDA_Q6_K] = { 256, 210, 4, { { 0, 128 }, { 128, 64 }, { 192, 16 }, { 208, 2 } } },
};

const struct layout *layout_of(uint32_t type)
{
    return &layouts[type];
}

uint64_t layout_file_bytes(uint32_t type, uint64_t k)
{
    return k / layouts[type].block * layouts[type].block_bytes;
}

uint64_t layout_row_bytes(uint32_t type, uint64_t k)
{
    uint64_t bytes = 0, blocks = k / layouts[type].block;
    for (uint32_t i = 0; i < layouts[type].n_planes; i++)
        bytes += (blocks * layouts[type].planes[i].bytes + 15) / 16 * 16;
    return bytes;
}
