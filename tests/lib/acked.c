#include "tests/lib/acked.h"
#include "base/err.h"
#include "base/hash.h"
#include "experiments/journal.h"
#include "tests/lib/check.h"
#include <stdio.h>

void acked_read(struct acked *a, const char *run)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/journal", run);
    struct journal_reader *r = journal_read(path);
    const void *payload;
    size_t n;
    int more = -1;
    a->n = a->n_damage = 0;
    while (r && (more = journal_next(r, &payload, &n)) > 0 && a->n < ACKED_MAX)
        a->hash[a->n++] = hash_bytes(payload, n, 0);
    check(more == 0, "%s reads to its end: %s", path, err_text());
    if (r)
        journal_damage(r, &a->n_damage);
    journal_read_close(r);
}

size_t acked_lost(const struct acked *was, size_t n, const struct acked *now)
{
    size_t lost = 0;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < now->n && now->hash[k] != was->hash[i])
            k++;
        lost += k == now->n;
    }
    return lost;
}
