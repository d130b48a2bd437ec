#include "model/config_value.h"
#include "base/err.h"
#include "model/config.h"
#include <math.h>

int config_value_size(const json_t *o, const char *where, const char *key, uint32_t *to)
{
    int64_t x = *to;
    TRY(*to == 0 ? doc_int(o, where, key, &x) : doc_maybe_int(o, where, key, &x));
    if (x < 1 || x > CONFIG_DIM_MAX)
        return err_set(ERR_DATA, "%s: '%s' is %lld, want 1 .. %u", where, key, (long long)x, CONFIG_DIM_MAX);
    *to = (uint32_t)x;
    return 0;
}

int config_value_named(const json_t *o, const char *where, const char *const key[2], uint32_t *to)
{
    bool older = key[1] && !json_object_get(o, key[0]) && json_object_get(o, key[1]);
    return config_value_size(o, where, key[older], to);
}

int config_value_positive(const json_t *o, const char *where, const char *key, float *to)
{
    double x = (double)*to;
    TRY(doc_maybe_real(o, where, key, &x));
    if (!((float)x > 0) || !isfinite((float)x)) /* what is computed with is a float */
        return err_set(ERR_DATA, "%s: '%s' is %g, want more than 0 and at most 3.4e38", where, key, x);
    *to = (float)x;
    return 0;
}

bool config_value_null(const json_t *o, const char *key)
{
    return json_is_null(json_object_get(o, key));
}

int config_value_plain_bool(const json_t *o, const char *where, const char *key, bool plain)
{
    bool seen = plain;
    TRY(doc_maybe_bool(o, where, key, &seen));
    if (seen != plain)
        return err_set(ERR_DATA, "%s: '%s' is %s, which is not supported", where, key, seen ? "true" : "false");
    return 0;
}

int config_value_plain_number(const json_t *o, const char *where, const char *key, double plain)
{
    double seen = plain;
    TRY(doc_maybe_real(o, where, key, &seen));
    if (!(seen >= plain && seen <= plain))
        return err_set(ERR_DATA, "%s: '%s' is %g, which is not supported; want %g", where, key, seen, plain);
    return 0;
}

int config_value_absent(const json_t *o, const char *where, const char *key)
{
    const json_t *value = json_object_get(o, key);
    if (value && !json_is_null(value))
        return err_set(ERR_DATA, "%s: '%s' is not supported", where, key);
    return 0;
}
