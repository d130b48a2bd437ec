#include "base/transform.h"

bool transform_random(const struct transform *t)
{
    double chance = t->type->chance ? t->type->chance(t) : 0.5;
    return t->type->random && chance > 0 && chance < 1;
}
