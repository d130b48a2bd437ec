#include "model/config_gguf_value.h"
#include "base/err.h"
#include "model/config.h"
#include <math.h>
#include <stdio.h>

const char *config_gguf_key(const struct config_gguf *r, const char *name, char key[CONFIG_GGUF_KEY_BYTES])
{
    snprintf(key, CONFIG_GGUF_KEY_BYTES, "%s.%s", r->architecture, name);
    return key;
}

int config_gguf_size(const struct config_gguf *r, const char *name, uint32_t *x)
{
    char key[CONFIG_GGUF_KEY_BYTES];
    config_gguf_key(r, name, key);
    if (*x == 0 && !gguf_find(r->g, key))
        return err_set(ERR_DATA, "%s: '%s' is missing", r->g->where, key);
    TRY(gguf_maybe_u32(r->g, key, x));
    if (*x == 0 || *x > CONFIG_DIM_MAX)
        return err_set(ERR_DATA, "%s: '%s' is %u, want 1 .. %u", r->g->where, key, *x, CONFIG_DIM_MAX);
    return 0;
}

bool config_gguf_has(const struct config_gguf *r, const char *name)
{
    char key[CONFIG_GGUF_KEY_BYTES];
    return gguf_find(r->g, config_gguf_key(r, name, key)) != NULL;
}

int config_gguf_positive(const struct config_gguf *r, const char *name, float *x)
{
    char key[CONFIG_GGUF_KEY_BYTES];
    if (!config_gguf_has(r, name))
        return 0;
    TRY(gguf_maybe_real(r->g, config_gguf_key(r, name, key), x));
    if (!(*x > 0) || !isfinite(*x))
        return err_set(ERR_DATA, "%s: '%s' is %g, want more than 0", r->g->where, key, (double)*x);
    return 0;
}
