/* dist: a chain applied to distributions, without a model. */
#include "base/err.h"
#include "base/npy.h"
#include "cli/lines.h"
#include "cli/script_steps.h"
#include "cli/verbs.h"
#include "decode/dist.h"
#include "ensemble/pool_line.h"
#include <math.h>
#include <string.h>

static int answer(void *dist, const char *line, size_t n, struct text *out)
{
    return dist_line(dist, line, n, out);
}

static int explain(void *dist, const char *line, size_t n, struct text *out)
{
    return dist_explain(dist, line, n, out);
}

static void skip(void *dist)
{
    dist_skip(dist);
}

/* A row as a line; what JSON cannot say of a number goes in as text, which the line's reader refuses by its place. */
static void add_row(struct text *line, const struct npy *a, const char *kind)
{
    bool masks = strcmp(kind, "logits") == 0;
    text_addf(line, "{\"id\":%llu,\"%s\":[", (unsigned long long)(a->row - 1), kind);
    for (size_t i = 0; i < a->n_columns; i++) {
        double x = a->x[i];
        text_add(line, i > 0 ? "," : "");
        if (isfinite(x))
            text_add_real(line, x);
        else if (isinf(x) && x < 0 && masks)
            text_add(line, "null");
        else
            text_addf(line, "\"%s\"", isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
    }
    text_add(line, "]}");
}

static int read_rows(struct lines *l, const char *kind)
{
    struct npy a;
    struct text line = { 0 };
    TRY(npy_open(&a, l->in, l->path));
    int rc = 0, more = 0;
    while (rc == 0 && (more = npy_next(&a)) > 0) {
        text_clear(&line);
        add_row(&line, &a, kind);
        rc = lines_answer(l, text_s(&line), line.len);
    }
    npy_close(&a);
    text_free(&line);
    return rc < 0 ? rc : more;
}

/* NumPy files tell themselves by their first byte. */
static bool is_npy(FILE *in)
{
    int c = getc(in);
    if (c != EOF)
        ungetc(c, in);
    return c == NPY_FIRST_BYTE;
}

/* What lines take that do not say it themselves. */
static int read_members(const struct args *a, json_t *members)
{
    const char *chain = options_text(a, "chain"), *invalid = options_text(a, "invalid");
    int64_t x = 0;
    if (invalid)
        json_object_set_new(members, "invalid", json_string(invalid));
    if (chain)
        json_object_set_new(members, "chain", json_string(chain));
    TRY(options_int(a, "seed", 0, INT64_MAX, &x));
    if (options_text(a, "seed"))
        json_object_set_new(members, "seed", json_integer(x));
    TRY(options_int(a, "draw", 0, 1000000, &x));
    if (options_text(a, "draw"))
        json_object_set_new(members, "draw", json_integer(x));
    if (invalid && !json_object_get(members, "invalid"))
        return err_set(ERR_USAGE, "--invalid is no UTF-8, want replace or error");
    return chain && !json_object_get(members, "chain") ? err_set(ERR_USAGE, "--chain is no UTF-8") : 0;
}

static int run_lines(const struct args *a, struct dist *dist)
{
    struct lines l = { .answer = options_flag(a, "explain") ? explain : answer, .skip = skip, .ctx = dist };
    TRY(lines_open(&l, a));
    return lines_close(&l,
                       is_npy(l.in) ? read_rows(&l, options_flag(a, "probs") ? "probs" : "logits") : lines_read(&l));
}

static int run_dist(const struct args *a)
{
    struct lua_transforms *transforms;
    json_t *members = json_object();
    struct dist_options o = { .members = members, .pool = pool_line_pooled };
    int rc = read_members(a, members);
    if (rc == 0)
        rc = script_steps_open(a, &transforms);
    if (rc == 0) {
        struct dist *dist = dist_alloc();
        o.types = lua_transforms_types(transforms, &o.n_types);
        dist_set(dist, &o);
        rc = run_lines(a, dist);
        dist_free(dist);
        lua_transforms_close(transforms);
    }
    json_decref(members);
    return rc;
}

static const struct option_row options[] = {
    { "explain", NULL, NULL,
      "a table of what each step keeps, and bars of the most probable symbols, instead of JSON" },
    { "chain", "TEXT", NULL, "of lines that have none, and of rows" },
    { "seed", "N", NULL, "likewise" },
    { "draw", "N", NULL, "likewise: draws this many symbols" },
    { "invalid", "WORD", NULL, "likewise: replace, or error (the default) where a score is nan or infinite" },
    { "probs", NULL, NULL, "rows of a .npy file are probabilities, not logits" },
    SCRIPT_STEPS_OPTIONS,
};

const struct verb verb_dist = {
    .name = "dist",
    .operands = "[FILE]",
    .max_operands = 1,
    .summary = "applies a chain to distributions given as JSON lines or .npy: what each step keeps, and the result",
    .details =
        "reads   {\"id\":\"a\",\"logits\":[...],\"history\":[...],\"prompt\":[...],\"chain\":\"top_k=3 | "
        "top_p=0.9\",\"seed\":1}\n"
        "        (\"probs\" for \"logits\"; null is -inf; \"draw\":n draws n symbols; \"unnormalised\":true leaves out "
        "the last\n"
        "        renormalisation), or a .npy file of float32 or float64, a distribution a row, its id the row's "
        "number\n"
        "writes  "
        "{\"id\":\"a\",\"probs\":[...],\"kept\":3,\"mass\":0.97,\"entropy\":0.8,\"steps\":[...],\"logits\":[...]}\n"
        "        or {\"id\":\"a\",\"error\":\"...\"}, and then exit status 1.\n"
        "\"rule\":\"cfg(1.5)\" pools the rows of several voices first, as pool does; \"proposed\":5 with "
        "\"draft\":{\"probs\":[...]}\ntells what the rejection rule of speculative decoding makes of a draft's "
        "proposal; "
        "\"invalid\":\"replace\"\nputs 0 for \"nan\" and the farthest float for \"inf\" and \"-inf\".\n"
        "\"profile\":\"llamacpp\" (or @llamacpp at the head of the chain) takes that system's rules; list profiles "
        "names "
        "them.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run_dist,
};
