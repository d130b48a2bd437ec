/* The searches of the table: a new one is a file, a line here and one in search.c. */
#ifndef DECODE_SEARCHES_H
#define DECODE_SEARCHES_H

#include "decode/search.h"

extern const struct search_type search_sample, search_greedy;

#endif
