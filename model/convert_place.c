/* Where a tensor goes: names are the architecture table's, the order of values follows from how the two formats lay them
 * out (config.h). */
#include "base/err.h"
#include "model/convert_inside.h"
#include <math.h>

static int check_shape(const struct conversion *v, const struct tensor *t, size_t n, size_t k)
{
    if (k == 0 && t->n_dims == 1 && t->dims[0] == n)
        return 0;
    if (k > 0 && t->n_dims == 2 && t->dims[0] == n && t->dims[1] == k)
        return 0;
    if (k == 0)
        return err_set(ERR_DATA, "%s: tensor '%s' is no vector of %zu values", v->from, t->name, n);
    return err_set(ERR_DATA, "%s: tensor '%s' is no matrix of %zu x %zu values", v->from, t->name, n, k);
}

static enum recast_order order_of(const struct architecture_place *p, const struct config *from,
                                  const struct config *to)
{
    enum architecture_role role = p->tensor->role;
    bool matrix = !p->bias && !architecture_is_top(role) && !architecture_is_norm(role);
    if ((role == ROLE_Q || role == ROLE_K) && from->rope_interleaved != to->rope_interleaved)
        return to->rope_interleaved ? RECAST_TO_PAIRS : RECAST_FROM_PAIRS;
    if (role == ROLE_QKV && from->qkv_by_head != to->qkv_by_head)
        return to->qkv_by_head ? RECAST_FROM_PARTS : RECAST_TO_PARTS;
    return matrix && from->transposed != to->transposed ? RECAST_TURNED : RECAST_SAME;
}

int convert_place(const struct conversion *v, size_t i, const struct architecture_place *p, const struct config *to,
                  struct recast *r)
{
    const struct config *from = &v->c->config;
    const struct tensor *t = &v->c->tensors[i];
    size_t n, k;
    architecture_shape(from, p, &n, &k);
    bool lies_turned = from->transposed && k > 0 && !architecture_is_top(p->tensor->role);
    TRY(check_shape(v, t, lies_turned ? k : n, lies_turned ? n : k));
    bool norm = architecture_is_norm(p->tensor->role) && !p->bias;
    *r = (struct recast){ .to = *t, .from = t, .head_dim = from->head_dim, .seed = v->options->seed + i };
    r->order = order_of(p, from, to);
    if (r->order == RECAST_TURNED) {
        r->to.dims[0] = t->dims[1];
        r->to.dims[1] = t->dims[0];
    }
    if (norm && t->data)
        r->offset = from->norm_offset - to->norm_offset;
    r->centre = norm ? 1 - to->norm_offset : 0;
    r->spread = k > 0 ? sqrtf(3.0f / (float)k) : 0.5f;
    return 0;
}
