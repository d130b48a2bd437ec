#include "cli/bench_subject.h"
#include "base/err.h"
#include "model/transformer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lm *bench_subject_apart(const struct bench_subject *s, const struct args *a)
{
    return transformer_open(s->opened.checkpoint, &(struct transformer_options){ .alias = s->name,
                                                                                 .mode = options_text(a, "mode"),
                                                                                 .kernels = options_text(a, "kernels"),
                                                                                 .kv = options_text(a, "kv"),
                                                                                 .apart = true,
                                                                                 .device = s->opened.device,
                                                                                 .threads = s->opened.threads });
}

void bench_subject_close(struct bench_subject *s)
{
    opened_close(&s->opened);
}

/* All but an embedding of its own, of which a step reads a row; the type is that of the first feed-forward matrix. */
static void look_at(struct bench_subject *s, const struct args *a)
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
    if (s->opened.random)
        s->type = options_text(a, "type");
    if (!s->type)
        s->type = "mixed";
}

int bench_subject_open(struct bench_subject *s, const struct args *a, const char *name)
{
    static const char random[] = "random:";
    *s = (struct bench_subject){ .name = name };
    int rc = strncmp(name, random, sizeof random - 1) == 0
                 ? opened_random(&s->opened, name + sizeof random - 1, a, NULL)
                 : opened_open(&s->opened, name, a, NULL);
    if (rc < 0)
        bench_subject_close(s);
    else
        look_at(s, a);
    return rc;
}

/* One word for the shell, whatever it is. */
static void add_quoted(struct text *t, const char *s)
{
    text_add(t, "'");
    for (; *s; s++)
        if (*s == '\'')
            text_add(t, "'\\''");
        else
            text_addn(t, s, 1);
    text_add(t, "'");
}

int bench_subject_ask(const struct bench_subject *s, const char *program, const char *what, double *seconds)
{
    struct text command = { 0 };
    text_addf(&command, "%s ", program);
    add_quoted(&command, s->name);
    text_addf(&command, " %zu %s", threads_count(s->opened.threads), what);
    FILE *f = popen(text_s(&command), "r");
    int n = f ? fscanf(f, "%lf", seconds) : 0;
    int status = f ? pclose(f) : -1;
    int rc = n == 1 && status == 0 && *seconds > 0
                 ? 0
                 : err_set(ERR_IO, "%s: ended with status %d; want one number, seconds", text_s(&command), status);
    text_free(&command);
    return rc;
}
