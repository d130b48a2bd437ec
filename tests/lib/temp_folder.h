/* A folder in $TMPDIR (or /tmp) for the files of a test, gone with all that is in it when the test is over. */
#ifndef TESTS_TEMP_FOLDER_H
#define TESTS_TEMP_FOLDER_H

#include <stddef.h>

struct temp_folder {
    char path[256];
};

struct temp_folder temp_folder_make(void);
void temp_folder_remove(const struct temp_folder *f); /* files and links; folders in it must be empty */

/* The path of a file in it; valid until the next call. */
const char *temp_folder_path(const struct temp_folder *f, const char *name);

/* Failures are failed checks. */
void temp_folder_put(const struct temp_folder *f, const char *name, const void *bytes, size_t n);
void temp_folder_take(const struct temp_folder *f, const char *name); /* removes what is there, if anything */
void temp_folder_copy(const struct temp_folder *f, const char *name, const char *from);

#endif
