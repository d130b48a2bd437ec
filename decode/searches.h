/* The searches of the table: a new one is a file, a line here and one in search.c. */
#ifndef DECODE_SEARCHES_H
#define DECODE_SEARCHES_H

#include "decode/search.h"

extern const struct search_type search_sample, search_greedy, search_beam, search_beam_sample, search_diverse_beam,
    search_stochastic_beam, search_contrastive, search_best_first, search_speculative;

#endif
