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

/* Each of the four is below 2^62: sums of three do not wrap. */
int device_plan_make(const struct device_ask *a, const struct device_need *n, struct device_plan *p)
{
    const uint64_t most = UINT64_MAX / 4;
    uint64_t room = a->free - a->free / 20, kv = a->kv > 0 ? a->kv : room / 8;
    if (kv < a->page)
        kv = a->page;
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
    p->kv = a->kv > 0 ? kv : rest / (1 + a->n_users);
    p->others = a->n_users > 0 ? (rest - p->kv) / a->n_users : 0;
    return 0;
}
