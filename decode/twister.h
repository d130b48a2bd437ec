/* MT19937 (Matsumoto, Nishimura 1998), as PyTorch seeds it: what published watermarks take their choices from.  Nothing of
 * this project is random by it. */
#ifndef DECODE_TWISTER_H
#define DECODE_TWISTER_H

#include <stdint.h>

#define TWISTER_N 624 /* numbers of one turn */

struct twister {
    uint32_t word[TWISTER_N];
};

void twister_seed(struct twister *t, uint32_t seed);
void twister_turn(struct twister *restrict t, uint32_t out[restrict TWISTER_N]); /* the next numbers */

#endif
