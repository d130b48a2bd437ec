#include "model/device_plan.h"
#include "base/err.h"

#define MB(bytes) ((unsigned long long)((bytes) >> 20))

static int too_small(const struct device_ask *a, const struct device_need *n, uint64_t room, uint64_t kv)
{
    return err_set(ERR_MEMORY,
                   "%s does not fit the device: %llu MB of weights at least (%llu in all), %llu MB of activations and "
                   "%llu MB of keys and values, there are %llu MB",
                   a->name, MB(n->least), MB(n->weights), MB(n->activations), MB(kv), MB(room));
}

static uint64_t greater(uint64_t x, uint64_t y)
{
    return x > y ? x : y;
}

/* The least for keys and values of this lm and the users; UINT64_MAX: more than there can be. */
static uint64_t kv_of_all(const struct device_ask *a, uint64_t room)
{
    const uint64_t most = UINT64_MAX / 8;
    if (a->kv > most || a->page > most / (1 + a->n_users))
        return UINT64_MAX;
    if (a->kv > 0)
        return greater(a->kv, a->page) + a->n_users * a->page;
    return greater(room / 8, (1 + a->n_users) * a->page);
}

/* Each of the four is below 2^62: sums of three do not wrap. */
int device_plan_make(const struct device_ask *a, const struct device_need *n, struct device_plan *p)
{
    const uint64_t most = UINT64_MAX / 4;
    const uint64_t room = a->free - a->free / 20, kv = kv_of_all(a, room);
    *p = (struct device_plan){ .activations = n->activations, .others = a->n_users > 0 ? room / a->n_users : 0 };
    if (n->weights > most || n->activations > most || kv > most)
        return too_small(a, n, room, kv);
    uint64_t wanted = a->weights > 0 && a->weights < n->weights ? a->weights : n->weights;
    if (wanted + n->activations + kv > room)
        wanted = n->activations + kv < room ? room - n->activations - kv : 0;
    if (wanted < n->weights && wanted < n->least)
        return too_small(a, n, room, kv);
    p->weights = wanted;
    p->weight_most = wanted < n->weights ? wanted : 0;
    p->swapped = wanted < n->weights ? n->swapped : 0;
    uint64_t rest = room - n->activations - wanted;
    p->kv = a->kv > 0 ? greater(a->kv, a->page) : rest / (1 + a->n_users);
    p->others = a->n_users > 0 ? (rest - p->kv) / a->n_users : 0;
    return 0;
}
