#include "base/err.h"
#include "base/mem.h"
#include "experiments/plan.h"
#include "experiments/results_parts.h"
#include "model/checkpoint.h"
#include "model/table.h"
#include <stdlib.h>
#include <string.h>

static void put_space(struct h5 *h, const struct space *s, const char *hash)
{
    struct {
        const char *name;
        hid_t type;
        size_t n;
        const void *data;
    } parts[] = { { "bytes", H5T_STD_U8LE, s->offsets[s->n], s->bytes },
                  { "offsets", H5T_STD_U64LE, (size_t)s->n + 1, s->offsets },
                  { "special", H5T_STD_U8LE, s->n, s->special },
                  { "ends", H5T_STD_U32LE, s->n_ends, s->ends } };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct text path = { 0 };
        text_addf(&path, "/space/%s/%s", hash, parts[i].name);
        h5_put(h, &(struct h5_array){ .path = text_s(&path),
                                      .type = parts[i].type,
                                      .rank = 1,
                                      .dims = { parts[i].n },
                                      .data = parts[i].data });
        text_free(&path);
    }
}

/* The first leaf below a node, or what makes bytes of it: its space is the node's. */
static const json_t *leaf_of(const struct plan *p, const char *id)
{
    const json_t *node = plan_lm(p, id), *voices = json_object_get(node, "voices");
    bool is_bytes = strcmp(json_string_value(json_object_get(node, "kind")), "bytes") == 0;
    return voices && !is_bytes ? leaf_of(p, json_string_value(json_object_get(json_array_get(voices, 0), "lm"))) : node;
}

static int write_space(struct h5 *h, const json_t *leaf)
{
    const char *name = json_string_value(json_object_get(leaf, "name"));
    const char *hash = json_string_value(json_object_get(leaf, "space"));
    const char *kind = json_string_value(json_object_get(leaf, "kind"));
    if (strcmp(kind, "bytes") == 0) {
        struct space *space = space_bytes();
        put_space(h, space, hash);
        space_free(space);
        return 0;
    }
    if (strcmp(kind, "table") == 0) {
        struct table_options o = { .n = (uint32_t)json_integer_value(json_object_get(leaf, "n")) };
        struct lm *lm = table_open(&o);
        put_space(h, lm->space, hash);
        lm_free(lm);
        return 0;
    }
    struct checkpoint *c = checkpoint_open_vocab(name);
    if (!c)
        return ERR_DATA;
    put_space(h, vocab_space(c->vocab), hash);
    checkpoint_close(c);
    return 0;
}

int results_write_spaces(struct h5 *h, const struct plan *p)
{
    const char **seen = mem_alloc(p->n_arms, sizeof *seen);
    size_t n = 0;
    int rc = 0;
    for (size_t i = 0; i < p->n_arms && rc == 0; i++) {
        const json_t *leaf = leaf_of(p, p->arms[i].lm);
        const char *hash = json_string_value(json_object_get(leaf, "space"));
        size_t k = 0;
        while (k < n && strcmp(seen[k], hash) != 0)
            k++;
        if (k < n)
            continue;
        seen[n++] = hash;
        rc = write_space(h, leaf);
    }
    free(seen);
    return rc;
}
