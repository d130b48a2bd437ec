#include "model/device_share.h"

static void allow(struct device_user *u, uint64_t bytes)
{
    u->plan->kv = u->most > 0 && u->most < bytes ? u->most : bytes;
    u->allow(u->self);
}

void device_share_join(struct device *d, struct device_user *u)
{
    u->next = d->users;
    d->users = u;
}

void device_share_leave(struct device *d, struct device_user *u)
{
    struct device_user **at = &d->users;
    while (*at && *at != u)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = u->next;
    size_t n = device_share_count(d);
    uint64_t left = u->plan->weights + u->plan->activations + u->plan->kv;
    for (struct device_user *other = d->users; other; other = other->next)
        allow(other, other->plan->kv + left / n);
}

size_t device_share_count(const struct device *d)
{
    size_t n = 0;
    for (const struct device_user *u = d->users; u; u = u->next)
        n++;
    return n;
}

void device_share_yield(struct device *d)
{
    for (struct device_user *u = d->users; u; u = u->next)
        u->yield(u->self);
}

void device_share_allow(struct device *d, uint64_t bytes)
{
    for (struct device_user *u = d->users; u; u = u->next)
        allow(u, bytes);
}
