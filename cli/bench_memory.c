#include "cli/bench_memory.h"
#include "base/err.h"
#include "base/text.h"
#include "cli/bench_decode.h"
#include "cli/bench_subject.h"
#include "cli/console.h"
#include "model/transformer.h"
#include <stdio.h>
#include <string.h>

enum { PREFILL = 512, SLOTS = 32 };

/* Bytes at one moment. */
struct moment {
    double seen, kv; /* what the system counts for this process; keys and values alone */
    double huge;     /* of seen: in pages of 2 MB */
};

/* A line "NAME: N kB" of a file of /proc/self; < 0: there is none. */
static double bytes_in(const char *path, const char *name)
{
    char line[256];
    unsigned long long kb = 0;
    bool found = false;
    FILE *f = fopen(path, "r");
    while (f && !found && fgets(line, sizeof line, f))
        found = strncmp(line, name, strlen(name)) == 0 && sscanf(line + strlen(name), ": %llu kB", &kb) == 1;
    if (f)
        fclose(f);
    return found ? (double)kb * 1024 : -1;
}

static int look(const struct bench_subject *s, const char *name, struct moment *m)
{
    m->seen = bytes_in("/proc/self/status", name);
    m->huge = bytes_in("/proc/self/smaps_rollup", "AnonHugePages");
    m->huge = m->huge > 0 ? m->huge : 0;
    m->kv = (double)transformer_kv_bytes(s->opened.lm);
    return m->seen > 0 ? 0 : err_set(ERR_IO, "/proc/self/status: no %s, which bench --memory reads", name);
}

static int measure(struct bench_subject *s, struct moment *rest, struct moment *peak)
{
    struct bench_decode b = { s->opened.lm, s->opened.core, 1 };
    double seconds;
    TRY(bench_decode_step(&b, 1, &seconds));
    TRY(look(s, "VmRSS", rest));
    b.salt = 2;
    TRY(bench_decode_prefill(&b, PREFILL, &seconds));
    b.salt = 3;
    TRY(bench_decode_step(&b, SLOTS, &seconds));
    return look(s, "VmHWM", peak);
}

static void tell(const struct args *a, const struct bench_subject *s, const struct moment *rest,
                 const struct moment *peak)
{
    double weights = (double)checkpoint_bytes(s->opened.checkpoint);
    double over_rest = rest->seen / (weights + rest->kv), over_peak = peak->seen / (weights + peak->kv);
    struct text shown = { 0 };
    const char *name = console_name(a, s->name, &shown);
    if (a->json)
        printf("{\"what\":\"memory\",\"lm\":%s,\"type\":\"%s\",\"weight_bytes\":%.0f,\"rest_bytes\":%.0f,\"rest_kv_"
               "bytes\":%.0f,\"rest_over\":%.4f,\"peak_bytes\":%.0f,\"peak_kv_bytes\":%.0f,\"peak_over\":%.4f,\"huge_"
               "bytes\":%.0f}\n",
               name, s->type, weights, rest->seen, rest->kv, over_rest, peak->seen, peak->kv, over_peak, peak->huge);
    else
        printf("%-24s %-6s weights %8.1f MB  at rest %8.1f MB, %.3f of weights and KV  at peak %8.1f MB, %.3f; %.0f MB "
               "in large pages\n",
               name, s->type, weights / 1e6, rest->seen / 1e6, over_rest, peak->seen / 1e6, over_peak,
               peak->huge / 1e6);
    text_free(&shown);
}

int bench_memory(const struct args *a)
{
    int rc = a->n_operands > 0 ? 0 : err_set(ERR_USAGE, "bench --memory: no checkpoint, want one or 'random:1.1B'");
    for (size_t i = 0; i < a->n_operands && rc == 0; i++) {
        struct bench_subject s;
        struct moment rest, peak;
        TRY(bench_subject_open(&s, a, a->operand[i]));
        rc = measure(&s, &rest, &peak);
        if (rc == 0)
            tell(a, &s, &rest, &peak);
        bench_subject_close(&s);
    }
    return rc;
}
