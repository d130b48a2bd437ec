#include "model/convert.h"
#include "base/err.h"
#include "model/convert_inside.h"
#include "model/quant_pack.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* What llama.cpp's own quantiser leaves alone: a router decides between experts by small differences, positions are added
 * to what they belong to. */
static bool stays_wide(const struct architecture_place *p)
{
    return p && (p->tensor->role == ROLE_ROUTER || p->tensor->role == ROLE_POSITIONS);
}

enum dtype convert_type(struct conversion *v, const struct architecture_place *p, const struct tensor *t, uint64_t n)
{
    if (!v->has_type)
        return t->type;
    if (dtype_block(v->type) > 1 && stays_wide(p))
        return DTYPE_F32;
    if (n % dtype_block(v->type) == 0)
        return v->type;
    v->n_other++;
    return n % dtype_block(DTYPE_Q8_0) == 0 ? DTYPE_Q8_0 : DTYPE_F16;
}

static int check_free(const char *to)
{
    struct stat st;
    if (!*to)
        return err_set(ERR_USAGE, "the name of what is written is empty; want NAME.gguf or a folder's");
    if (strncmp(to, "zoo:", 4) == 0)
        return err_set(ERR_USAGE, "'%s' would be read as a bundled checkpoint; want NAME.gguf or a folder's", to);
    if (lstat(to, &st) == 0)
        return err_set(ERR_IO, "%s: it is there already; want a new name", to);
    return errno == ENOENT ? 0 : err_set(ERR_IO, "%s: cannot write: %s", to, strerror(errno));
}

static int convert(struct conversion *v)
{
    int rc = text_ends_in(v->to, ".gguf") ? convert_to_gguf(v) : convert_to_folder(v);
    if (rc == 0 && v->n_other > 0)
        text_addf(v->remarks, "%zu matrices have rows that are no multiple of %zu and became q8_0 or f16\n", v->n_other,
                  dtype_block(v->type));
    if (rc == 0 && v->n_rounded > 0)
        text_addf(v->remarks, "%zu norms lose bits: GGUF has them with 1 added\n", v->n_rounded);
    return rc;
}

static bool has_file(const char *folder, const char *name)
{
    struct text path = { 0 };
    text_addf(&path, "%s/%s", folder, name);
    bool found = access(text_s(&path), F_OK) == 0;
    text_free(&path);
    return found;
}

/* A folder may have no tokenizer, a GGUF file says so; what is there must be read. */
static int find_tokenizer(struct conversion *v)
{
    const struct gguf *g = v->c->files->gguf;
    char *model = NULL;
    if (!g) {
        bool folder = strcmp(v->c->format, "safetensors") == 0;
        v->has_tokenizer = !folder || has_file(v->c->path, "tokenizer.json") || has_file(v->c->path, "tokenizer.model");
        return 0;
    }
    TRY(gguf_maybe_string(g, "tokenizer.ggml.model", &model));
    v->has_tokenizer = gguf_find(g, "tokenizer.huggingface.json") ||
                       (model && strcmp(model, "none") != 0 && strcmp(model, "no_vocab") != 0);
    free(model);
    return 0;
}

static int open_source(struct conversion *v)
{
    if (!(v->c = checkpoint_open_weights(v->from)))
        return err_code();
    TRY(find_tokenizer(v));
    if (!v->has_tokenizer)
        return 0;
    checkpoint_close(v->c);
    return (v->c = checkpoint_open(v->from)) ? 0 : err_code();
}

int convert_checkpoint(const char *from, const char *to, const struct convert_options *o, struct text *remarks)
{
    static const char random[] = "random:";
    struct conversion v = { .from = from, .to = to, .options = o, .remarks = remarks };
    bool is_random = strncmp(from, random, sizeof random - 1) == 0;
    int rc = 0;
    TRY(find_type(&v));
    TRY(check_free(to));
    if (is_random) {
        v.has_tokenizer = true;
        v.c = convert_open_random(from + sizeof random - 1);
        rc = v.c ? 0 : err_code();
    } else {
        rc = open_source(&v);
    }
    if (rc == 0)
        rc = convert(&v);
    if (rc == ERR_SIGINT || rc == ERR_SIGTERM)
        err_add(rc, "%s", to);
    recast_list_free(&v.tensors);
    if (is_random && v.c)
        convert_close_random(v.c);
    else if (!is_random)
        checkpoint_close(v.c);
    return rc;
}
