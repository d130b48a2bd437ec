/* Segments of any bytes: reading ends, and frames and damage together cover the file, no byte twice. */
#include "experiments/journal.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char folder[] = "/tmp/fuzz_journal_XXXXXX";

static void remove_folder(void)
{
    rmdir(folder);
}

static void make_folder(void)
{
    static bool made;
    if (!made && (!mkdtemp(folder) || atexit(remove_folder) != 0))
        abort();
    made = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[64];
    make_folder();
    snprintf(path, sizeof path, "%s/run-000001.seg", folder);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f) != 0)
        abort();
    struct journal_reader *r = journal_read(folder);
    const void *payload;
    size_t size, n_damage;
    uint64_t covered = 0;
    int more;
    while ((more = journal_next(r, &payload, &size)) > 0)
        covered += JOURNAL_HEADER + size;
    const struct journal_damage *d = journal_damage(r, &n_damage);
    for (size_t i = 0; i < n_damage; i++)
        covered += d[i].bytes;
    if (more < 0 || covered > n)
        abort();
    journal_read_close(r);
    unlink(path);
    return 0;
}
