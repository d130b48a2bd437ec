#include "cli/bench_subject.h"
#include "base/err.h"
#include "model/transformer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lm *bench_subject_lm(const struct bench_subject *s, const struct args *a, bool apart)
{
    return transformer_open(s->opened.checkpoint, &(struct transformer_options){ .alias = s->name,
                                                                                 .mode = options_text(a, "mode"),
                                                                                 .kernels = options_text(a, "kernels"),
                                                                                 .kv = options_text(a, "kv"),
                                                                                 .apart = apart,
                                                                                 .threads = s->opened.threads });
}

static int open_random(struct bench_subject *s, const struct args *a, const char *shape)
{
    int64_t n_threads = (int64_t)threads_cores();
    const char *type = options_text(a, "type"), *names[DTYPE_COUNT];
    int found = -1;
    TRY(options_int(a, "threads", 1, 1024, &n_threads));
    for (int i = 0; i < DTYPE_COUNT; i++) {
        names[i] = dtype_name((enum dtype)i);
        found = strcmp(names[i], type) == 0 ? i : found;
    }
    if (found < 0)
        return err_unknown(ERR_USAGE, "weight type", type, names, DTYPE_COUNT);
    s->random = random_weights_open(shape, (enum dtype)found);
    if (!s->random)
        return err_code();
    s->type = type;
    s->opened.checkpoint = random_weights_checkpoint(s->random);
    s->opened.threads = threads_alloc((size_t)n_threads);
    s->opened.core = core_alloc();
    s->opened.lm = bench_subject_lm(s, a, false);
    return s->opened.lm ? 0 : err_code();
}

void bench_subject_close(struct bench_subject *s)
{
    if (s->random)
        s->opened.checkpoint = NULL;
    opened_close(&s->opened);
    random_weights_close(s->random);
}

/* All but an embedding of its own, of which a step reads a row; the type is that of the first feed-forward matrix. */
static void look_at(struct bench_subject *s)
{
    const struct checkpoint *c = s->opened.checkpoint;
    s->bytes = (double)checkpoint_bytes(c);
    for (size_t i = 0; i < c->n_tensors; i++) {
        const struct tensor *t = &c->tensors[i];
        if (strcmp(t->name, "model.embed_tokens.weight") == 0 && !c->config.tied_head)
            s->bytes -= (double)t->bytes;
        if (!s->type && strstr(t->name, "mlp.up_proj.weight"))
            s->type = dtype_name(t->type);
    }
    if (!s->type)
        s->type = "mixed";
}

int bench_subject_open(struct bench_subject *s, const struct args *a, const char *name)
{
    static const char random[] = "random:";
    *s = (struct bench_subject){ .name = name };
    int rc = strncmp(name, random, sizeof random - 1) == 0 ? open_random(s, a, name + sizeof random - 1)
                                                           : opened_open(&s->opened, name, a);
    if (rc < 0)
        bench_subject_close(s);
    else
        look_at(s);
    return rc;
}

int bench_subject_ask(const struct bench_subject *s, const char *program, const char *what, double *seconds)
{
    struct text command = { 0 };
    text_addf(&command, "%s '%s' %zu %s", program, s->name, threads_count(s->opened.threads), what);
    FILE *f = popen(text_s(&command), "r");
    int n = f ? fscanf(f, "%lf", seconds) : 0;
    int status = f ? pclose(f) : -1;
    int rc = n == 1 && status == 0 && *seconds > 0
                 ? 0
                 : err_set(ERR_IO, "%s: ended with status %d; want one number, seconds", text_s(&command), status);
    text_free(&command);
    return rc;
}
