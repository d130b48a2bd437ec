/* For fuzz targets that open checkpoints from files: a folder in memory for a few named files, and a step of what opened.
 * What must not happen aborts. */
#ifndef TESTS_FUZZ_PLACE_H
#define TESTS_FUZZ_PLACE_H

#include "model/checkpoint.h"

/* Makes the folder at the first call; it goes at the end of the process.  names[n]: of all the files there may be, for as
 * long as the process lives. */
void fuzz_place_open(const char *const names[], size_t n);
const char *fuzz_place_folder(void);
const char *fuzz_place_path(size_t i); /* of file i; valid until the next call */
void fuzz_place_write(size_t i, const uint8_t *bytes, size_t n);
void fuzz_place_clean(void); /* no file is left */

/* Computes a step of two symbols, where the checkpoint allows and is small; aborts where a row has not the length of its
 * space. */
void fuzz_place_step(struct checkpoint *c);

#endif
