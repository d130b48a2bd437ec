/* logits: the next-token distribution after a prompt. */
#include "base/err.h"
#include "base/mem.h"
#include "cli/clean.h"
#include "cli/source.h"
#include "cli/verbs.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The operand after the checkpoint's, which a script takes the place of. */
static const char *prompt_of(const struct args *a)
{
    size_t at = options_text(a, "script") ? 0 : 1;
    return a->n_operands > at ? a->operand[at] : "";
}

/* A slot that holds the symbols; >= 0 or failure. */
static int slot_of(struct lm *lm, const struct symbols *ids)
{
    int slot = lm_fork(lm, LM_EMPTY, 0);
    TRY(slot);
    int rc = lm_push(lm, slot, ids->s, ids->n, NULL);
    if (rc < 0)
        lm_drop(lm, slot);
    return rc < 0 ? rc : slot;
}

/* The prompt as ids: --ids, or the text through the template asked for, else the script's. */
static int make_slot(struct source *o, const struct args *a, struct symbols *seen)
{
    const char *ids = options_text(a, "ids");
    if (!ids) {
        struct text read = { 0 };
        struct prompt_field field = { "text", NULL };
        const char *own = options_text(a, "template");
        struct prompt prompt = { .fields = &field, .n_fields = 1, .template_name = own ? own : o->template_name };
        int rc = source_prompt(prompt_of(a), &read, &field.text), slot = rc < 0 ? rc : lm_fork(o->lm, LM_EMPTY, 0);
        rc = slot < 0 ? slot : lm_prompt(o->lm, slot, &prompt, seen);
        text_free(&read);
        return rc < 0 ? rc : slot;
    }
    char *copy = mem_string(ids), *rest = NULL;
    int rc = 0;
    for (char *word = strtok_r(copy, " ,", &rest); word && rc == 0; word = strtok_r(NULL, " ,", &rest)) {
        uint64_t id = 0;
        if (!text_u64(word, &id) || id >= o->lm->space->n)
            rc = err_set(ERR_USAGE, "--ids: '%s', want an id below %u", word, o->lm->space->n);
        sym_t symbol = (sym_t)id;
        symbols_add(seen, &symbol, 1);
    }
    free(copy);
    if (rc == 0 && seen->n == 0)
        rc = err_set(ERR_USAGE, "--ids is empty, want at least one id");
    return rc < 0 ? rc : slot_of(o->lm, seen);
}

static void add_numbers(struct text *t, const char *key, const double x[], size_t n)
{
    text_addf(t, ",\"%s\":[", key);
    for (size_t i = 0; i < n; i++) {
        text_add(t, i == 0 ? "" : ",");
        text_add_json_real(t, x[i]);
    }
    text_add(t, "]");
}

static void print_json(const struct lm *lm, const struct row *r, const sym_t id[], const double logp[], uint32_t n)
{
    struct text t = { 0 };
    text_addf(&t, "{\"n\":%u,\"log_z\":", r->n);
    text_add_real(&t, r->log_z);
    text_add(&t, ",\"entropy\":");
    text_add_real(&t, row_entropy(r));
    text_add(&t, ",\"ids\":[");
    for (uint32_t i = 0; i < n; i++)
        text_addf(&t, "%s%u", i == 0 ? "" : ",", id[i]);
    text_add(&t, "],\"text\":[");
    double *score = mem_alloc(n, sizeof *score);
    for (uint32_t i = 0; i < n; i++) {
        size_t length;
        const uint8_t *bytes = space_text(lm->space, id[i], &length);
        text_add(&t, i == 0 ? "" : ",");
        text_add_json(&t, (const char *)bytes, length);
        score[i] = (double)r->score[id[i]];
    }
    text_add(&t, "]");
    add_numbers(&t, "logits", score, n);
    add_numbers(&t, "logp", logp, n);
    text_add(&t, "}");
    puts(text_s(&t));
    free(score);
    text_free(&t);
}

static void print_table(const struct lm *lm, const struct row *r, const sym_t id[], const double logp[], uint32_t n)
{
    printf("%8s %12s %10s %9s  text\n", "id", "logit", "logp", "p");
    for (uint32_t i = 0; i < n; i++) {
        size_t length;
        const uint8_t *bytes = space_text(lm->space, id[i], &length);
        struct text piece = { 0 };
        text_add_json(&piece, (const char *)bytes, length);
        printf("%8u %12.5f %10.5f %8.4f%%  ", id[i], (double)r->score[id[i]], logp[i], 100 * exp(logp[i]));
        clean_print(text_s(&piece));
        printf("\n");
        text_free(&piece);
    }
}

static int show(struct source *o, const struct args *a, int slot)
{
    int64_t top = 10;
    TRY(options_int(a, "top", 1, 1 << 24, &top));
    struct want w = { .lm = o->lm, .slot = slot, .n_rows = 1, .tap = LM_TAP_FINAL };
    struct row r;
    TRY(core_run(o->core, &w, 1));
    TRY(lm_rows(&w, &r));
    uint32_t n = options_flag(a, "all") || top > r.n ? r.n : (uint32_t)top;
    sym_t *id = mem_alloc(n, sizeof *id);
    double *logp = mem_alloc(n, sizeof *logp);
    struct row_work *work = row_work_alloc(r.n);
    if (options_flag(a, "all")) {
        for (uint32_t v = 0; v < n; v++)
            id[v] = v;
        row_gather(&r, id, n, logp);
    } else {
        n = row_top(&r, n, work, id, logp);
    }
    (a->json ? print_json : print_table)(o->lm, &r, id, logp, n);
    row_work_free(work);
    free(id);
    free(logp);
    return 0;
}

static int run_logits(const struct args *a)
{
    struct source o;
    struct symbols seen = { 0 };
    bool has_script = options_text(a, "script") != NULL;
    if (!has_script && a->n_operands == 0)
        return err_set(ERR_USAGE, "a checkpoint is missing: chorale logits CHECKPOINT [PROMPT], or --script FILE");
    if (a->n_operands > (has_script ? 0u : 1u) && options_text(a, "ids"))
        return err_set(ERR_USAGE, "the prompt is given twice: as '%s' and as --ids", a->operand[a->n_operands - 1]);
    if (options_text(a, "ids") && options_text(a, "template"))
        return err_set(ERR_USAGE, "--template '%s' has no text to render: --ids are the prompt as it is",
                       options_text(a, "template"));
    if (has_script && a->n_operands > 1)
        return err_set(ERR_USAGE, "with --script the only operand is the prompt, not '%s' and '%s'", a->operand[0],
                       a->operand[1]);
    TRY(source_open(&o, a, has_script ? NULL : a->operand[0]));
    int slot = make_slot(&o, a, &seen);
    int rc = slot < 0 ? slot : show(&o, a, slot);
    if (slot >= 0)
        lm_drop(o.lm, slot);
    free(seen.s);
    source_close(&o);
    return rc;
}

static const struct option_row options[] = {
    { "top", "N", "10", "the N likeliest" },
    { "all", NULL, NULL, "the whole vocabulary, in the order of ids" },
    { "ids", "LIST", NULL, "the prompt as ids, instead of a text" },
    { "template", "NAME", NULL,
      "prompt template, auto by default (see chorale list templates), or its text: \"Q: {text} A:\"" },
    SOURCE_OPTIONS,
};

const struct verb verb_logits = {
    .name = "logits",
    .operands = "CHECKPOINT [PROMPT]",
    .max_operands = 2,
    .summary = "the next-token distribution after a prompt, of a checkpoint or (--script) of a declared lm",
    .details = "PROMPT - is stdin, as it is.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run_logits,
};
