/* How the device holds rows of weights.  Types without blocks lie as in a file.  Of those with blocks (model/quant.h) a
 * row's blocks are taken apart into planes: their packed integers, one block after the other, then their high bits,
 * their small scales, their float16 scales, each plane from a multiple of 16 bytes on, so that 16 bytes are read at
 * once.  No byte is changed. */
#ifndef CUDA_LAYOUT_H
#define CUDA_LAYOUT_H

#include <stdint.h>

#define LAYOUT_PLANES 4

struct layout {
    uint32_t block, block_bytes; /* values and bytes of a block in a file */
    uint32_t n_planes;
    struct {
        uint32_t at, bytes; /* in a block */
    } planes[LAYOUT_PLANES];
};

/* Of an enum cuda_type. */
const struct layout *layout_of(uint32_t type);
uint64_t layout_row_bytes(uint32_t type, uint64_t k); /* on the device: a multiple of 16 */
uint64_t layout_file_bytes(uint32_t type, uint64_t k);

#endif
