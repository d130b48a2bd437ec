/* Whether two HDF5 files hold the same datasets, bit for bit: written over the HDF5 library alone, so that it owes nothing
 * to the readers it judges. */
#ifndef TESTS_LIB_H5SAME_H
#define TESTS_LIB_H5SAME_H

#include <stdbool.h>

/* Groups, and datasets with their types, shapes and values; but not attributes, and nothing under /cost. */
bool h5same(const char *path_a, const char *path_b);
const char *h5same_difference(void); /* of the last call */

#endif
