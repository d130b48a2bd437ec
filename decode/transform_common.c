/* What the files of transforms share (decode/transforms.h). */
#include "base/mem.h"
#include "decode/transforms.h"
#include <float.h>
#include <math.h>

const char *const transform_bound_words[] = { "reach", "over", "below", NULL };
const char *const transform_ties_words[] = { "id", "all", NULL };

int transform_word(const struct transform *t, size_t param)
{
    return (int)t->value[param].number;
}

void transform_list(struct transform_listed *list, sym_t v, double value)
{
    mem_grow(&list->symbol, &list->cap_symbol, list->n + 1, sizeof *list->symbol);
    mem_grow(&list->value, &list->cap_value, list->n + 1, sizeof *list->value);
    list->symbol[list->n] = v;
    list->value[list->n++] = value;
}

void transform_temper(struct row *r, double temperature)
{
    if (temperature == 1)
        return;
    if (temperature == 0)
        row_only(r, row_argmax(r));
    else
        row_scale(r, fmin(1 / temperature, DBL_MAX)); /* a subnormal one has no finite inverse */
}

float transform_least(const struct row *r, double logp)
{
    double score = r->log_z + logp;
    return (float)(score - fmax(fabs(score), 4) * 0x1p-24);
}

void transform_keep_above(struct row *r, float least, uint32_t min_keep, struct row_work *w)
{
    float max = row_max(r);
    if (least > max) {
        row_keep_rank(r, min_keep, w);
        return;
    }
    if (min_keep > 1) {
        uint32_t n = row_at_least(r, least, w);
        if (n < min_keep) {
            row_keep_rank(r, min_keep, w);
            return;
        }
    }
    row_mask_below(r, least);
}

/* Most rules decide on the first few; each further look costs more than all before it. */
void transform_keep_prefix(const struct transform *t, struct row *r, const struct transform_at *at,
                           const struct transform_prefix *p)
{
    uint32_t alive = row_count(r), kept = 0, n = 0;
    for (uint64_t k = p->first; kept == 0; k *= 8) {
        n = row_top(r, k < alive ? (uint32_t)k : alive, at->work, at->work->id, at->work->mass);
        kept = p->rule(t, r, at->work->mass, n, n == alive);
    }
    kept = kept > p->min_keep ? kept : p->min_keep;
    if (kept <= n)
        row_mask_after(r, at->work->id[kept - 1]);
    else
        row_keep_rank(r, kept, at->work);
}
