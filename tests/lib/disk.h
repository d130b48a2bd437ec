/* Files of a trial, read and written whole; failures fail the test. */
#ifndef TESTS_LIB_DISK_H
#define TESTS_LIB_DISK_H

#include "base/text.h"

struct text disk_read(const char *folder, const char *name); /* to be freed */
void disk_write(const char *folder, const char *name, const void *s, size_t n);
bool disk_exists(const char *folder, const char *name);
void disk_remove(const char *folder, const char *name); /* a file; absent is fine */

#endif
