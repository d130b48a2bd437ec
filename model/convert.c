#include "model/convert.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/convert_inside.h"
#include "model/quant_pack.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static int find_type(struct conversion *v)
{
    const char *names[DTYPE_COUNT], *seen = v->options->type;
    size_t n = 0;
    for (int t = 0; t < DTYPE_COUNT; t++) {
        if (!quant_pack_has((enum dtype)t))
            continue;
        names[n++] = dtype_name((enum dtype)t);
        if (seen && strcmp(seen, names[n - 1]) == 0) {
            v->type = (enum dtype)t;
            v->has_type = true;
        }
    }
    return seen && !v->has_type ? err_unknown(ERR_USAGE, "type", seen, names, n) : 0;
}

enum dtype convert_type(struct conversion *v, const struct tensor *t)
{
    uint64_t n = t->dims[t->n_dims - 1];
    if (!v->has_type)
        return t->type;
    if (n % dtype_block(v->type) == 0)
        return v->type;
    v->n_other++;
    return n % dtype_block(DTYPE_Q8_0) == 0 ? DTYPE_Q8_0 : DTYPE_F16;
}

int convert_check_plain(const struct conversion *v)
{
    const struct config *g = &v->c->config;
    bool more = g->rope.scaling != SCALING_NONE || g->attention_bias || g->mlp_bias ||
                (g->n_rotary != 0 && g->n_rotary != g->head_dim) || g->window != 0 || g->n_experts != 0;
    if (strcmp(g->architecture, "llama") != 0)
        return err_set(ERR_DATA, "%s: its architecture is '%s'; want llama to change the format", v->from,
                       g->architecture);
    if (more)
        return err_set(ERR_DATA,
                       "%s: it has scaled positions, biases, a window or experts, which only its own format can say",
                       v->from);
    return 0;
}

static int check_free(const char *to)
{
    struct stat st;
    if (lstat(to, &st) == 0)
        return err_set(ERR_IO, "%s: it is there already; want a new name", to);
    return errno == ENOENT ? 0 : err_set(ERR_IO, "%s: cannot write: %s", to, strerror(errno));
}

static bool is_gguf_name(const char *name)
{
    size_t n = strlen(name);
    return n > 5 && strcmp(name + n - 5, ".gguf") == 0;
}

static int convert(struct conversion *v)
{
    int rc = is_gguf_name(v->to) ? convert_to_gguf(v) : convert_to_folder(v);
    if (rc == 0 && v->n_other > 0)
        text_addf(v->remarks, "%zu matrices have rows that are no multiple of %zu and became q8_0 or f16\n", v->n_other,
                  dtype_block(v->type));
    return rc;
}

int convert_checkpoint(const char *from, const char *to, const struct convert_options *o, struct text *remarks)
{
    static const char random[] = "random:";
    struct conversion v = { .from = from, .to = to, .options = o, .remarks = remarks };
    bool is_random = strncmp(from, random, sizeof random - 1) == 0;
    TRY(find_type(&v));
    TRY(check_free(to));
    v.c = is_random ? convert_open_random(from + sizeof random - 1) : checkpoint_open(from);
    if (!v.c)
        return err_code();
    int rc = convert(&v);
    recast_list_free(&v.tensors);
    if (is_random)
        convert_close_random(v.c);
    else
        checkpoint_close(v.c);
    return rc;
}
