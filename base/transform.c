#include "base/transform.h"
#include <math.h>

bool transform_random(const struct transform *t)
{
    double chance = t->type->chance ? t->type->chance(t) : 0.5;
    return t->type->random && chance > 0 && chance < 1;
}

int transform_step(const struct transform *t, void *state, struct row *r, struct transform_at *at)
{
    double log_z = r->log_z;
    if (row_dead(r))
        return 0;
    int rc = t->type->apply(t, state, r, at);
    if (rc < 0)
        return rc;
    at->place++;
    at->cut = t->type->truncates && !row_dead(r) ? at->cut + fmax(log_z - r->log_z, 0) : 0;
    if (fabs(log_z) <= ROW_SCORE_MOST) /* a step may move all that it leaves; what is given so stays */
        row_near(r);
    return 0;
}
