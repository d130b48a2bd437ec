#include "model/device_share.h"

void device_join(struct device *d, struct device_user *u)
{
    u->next = d->users;
    d->users = u;
}

void device_leave(struct device *d, struct device_user *u)
{
    struct device_user **at = &d->users;
    while (*at && *at != u)
        at = &(*at)->next;
    if (*at)
        *at = u->next;
}

size_t device_users(const struct device *d)
{
    size_t n = 0;
    for (const struct device_user *u = d->users; u; u = u->next)
        n++;
    return n;
}

void device_yield(struct device *d, uint64_t bytes)
{
    for (struct device_user *u = d->users; u; u = u->next)
        u->yield(u->self, bytes);
}
