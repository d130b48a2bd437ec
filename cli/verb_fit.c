/* fit: calibration on a labelled split, reported and stored; the same as fit{} in a script. */
#include "base/err.h"
#include "base/mem.h"
#include "cli/clean.h"
#include "cli/console.h"
#include "cli/opened.h"
#include "cli/verbs.h"
#include "ensemble/calibration.h"
#include "evalsets/evalset.h"
#include "experiments/fit.h"
#include "experiments/fit_place.h"
#include "experiments/plan.h"
#include "experiments/script.h"
#include "experiments/script_sets.h"
#include "model/checkpoint.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A checkpoint alone is fitted through the same declarations that a script would make. */
static const char one_voice[] =
    "local m = model(arg.model)\n"
    "local e = ensemble { voice { m, temperature = fit { what = arg.what, on = arg.on } } }\n"
    "experiment { name = 'fit', evalsets = { { 'openings', items = 1 } }, arms = { { lm = e } } }\n";

static const char one_map[] =
    "local m = model(arg.model)\n"
    "local e = ensemble { voice { m, calibration = fit { what = arg.what, on = arg.on, l2 = arg.l2, folds = arg.folds "
    "} } "
    "}\n"
    "experiment { name = 'fit', evalsets = { { 'openings', items = 1 } }, arms = { { lm = e } } }\n";

/* The answers to questions with choices. */
static const char one_answer[] =
    "local m = model(arg.model)\n"
    "local f = fit { what = arg.what, on = arg.on, l2 = arg.l2, folds = arg.folds, bins = arg.bins }\n"
    "experiment { name = 'fit', evalsets = { { 'openings', items = 1 } },\n"
    "             arms = { { lm = m, choices = arg.choices, calibration = f } } }\n";

/* What takes the place of a chain: with --chain. */
static const char one_chain[] =
    "local m = model(arg.model)\n"
    "local f = fit { what = arg.what, on = arg.on, chain = arg.chain, target = arg.target, from = arg.from, to = "
    "arg.to,\n"
    "                bins = arg.bins }\n"
    "experiment { name = 'fit', evalsets = { { 'openings', items = 1 } }, arms = { { lm = m, chain = f } } }\n";

/* 0: they are of texts, 1: of questions with choices; or what opening them says. */
static int has_choices(const char *on)
{
    struct evalset *e = evalset_open(on);
    if (!e)
        return err_code();
    int has = e->n_items > 0 && e->items[0].kind == ITEM_CHOICE;
    evalset_close(e);
    return has;
}

static const char *script_for(const struct args *a)
{
    int choices = has_choices(options_text(a, "on"));
    if (options_text(a, "chain"))
        return one_chain;
    if (choices != 0)
        return choices < 0 ? NULL : one_answer;
    bool map = strcmp(options_text(a, "what"), "temperature") != 0 && calibration_find(options_text(a, "what"));
    return map ? one_map : one_voice;
}

static const char *const keys[] = { "what", "on", "chain", "target", "from", "to", "bins", "l2", "folds", "choices" };
enum { N_KEYS = sizeof keys / sizeof *keys };

/* What is given where nobody looks would change nothing, without a word.  script: NULL for one of the user's own. */
static int check_given(const struct args *a, const char *script)
{
    for (size_t i = 0; i < N_KEYS; i++) {
        if (!options_given(a, keys[i]) || (script && script_sets_reads(script, keys[i])))
            continue;
        if (!script)
            return err_set(ERR_USAGE, "--%s is of the fit of a checkpoint: those of '%s' say it themselves", keys[i],
                           a->operand[0]);
        return err_set(ERR_USAGE, "--%s: a fit of '%s' on '%s'%s has none", keys[i], options_text(a, "what"),
                       options_text(a, "on"), options_text(a, "chain") ? " in a chain" : "");
    }
    return 0;
}

static struct plan *plan_of_script(const struct args *a, struct plan_options *options)
{
    const char **sets = mem_alloc(a->n_repeated / 2, sizeof *sets);
    options->n_sets = options_all(a, "set", sets);
    options->sets = sets;
    struct plan *p = check_given(a, NULL) < 0 ? NULL : plan_prepare(a->operand[0], options);
    free(sets);
    return p;
}

static struct plan *plan_of(const struct args *a)
{
    const char *operand = a->operand[0], *end = strrchr(operand, '.'), *pairs[N_KEYS + 1];
    struct plan_options options = { 0 };
    opened_plan(a, &options);
    if (end && strcmp(end, ".lua") == 0)
        return plan_of_script(a, &options);
    if (options_no_set(a) < 0)
        return NULL;
    struct text source = { 0 }, sets[N_KEYS + 1] = { { 0 } };
    size_t n = 1;
    struct checkpoint *c = checkpoint_open(operand); /* a wrong name is told by its own message, not the script's */
    if (!c)
        return NULL;
    checkpoint_close(c);
    const char *script = script_for(a);
    if (!script || check_given(a, script) < 0)
        return NULL;
    text_add(&source, script);
    text_addf(&sets[0], "model=%s", operand);
    for (size_t i = 0; i < N_KEYS; i++)
        if (options_text(a, keys[i]))
            text_addf(&sets[n++], "%s=%s", keys[i], options_text(a, keys[i]));
    for (size_t i = 0; i < n; i++)
        pairs[i] = sets[i].s;
    json_t *declared = script_run("fit", &source, pairs, n);
    struct plan *p = declared ? plan_resolve(declared, &source, &options) : NULL;
    json_decref(declared);
    text_free(&source);
    for (size_t i = 0; i < n; i++)
        text_free(&sets[i]);
    return p;
}

static double real(const json_t *o, const char *key)
{
    const json_t *x = json_object_get(o, key);
    return json_is_number(x) ? json_number_value(x) : (double)NAN;
}

static const char *name(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "?";
}

/* The line that says what was fitted: its name, which a script may have made, then numbers. */
static void print_name(const json_t *fit, const char *key)
{
    clean_print(name(fit, key));
}

static void print_bins(const json_t *result)
{
    size_t i;
    json_t *before;
    printf("  %-12s %8s %22s   %22s\n", "", "", "before", "after");
    printf("  %-12s %8s %11s %10s   %11s %10s\n", "bin", "n", "confidence", "right", "confidence", "right");
    json_array_foreach(json_object_get(result, "before"), i, before)
    {
        const json_t *after = json_array_get(json_object_get(result, "after"), i);
        if (real(before, "n") == 0 && real(after, "n") == 0)
            continue;
        printf("  %.2f - %.2f  %8.0f %11.4f %10.4f   %11.4f %10.4f\n", (double)i / FIT_BINS, (double)(i + 1) / FIT_BINS,
               real(before, "n"), real(before, "confidence"), real(before, "accuracy"), real(after, "confidence"),
               real(after, "accuracy"));
    }
}

/* The test of "is it calibrated". */
static void print_consistency(const json_t *result)
{
    printf("  an ECE as large from a calibrated lm: p %.3f -> %.3f\n", real(result, "consistent_before"),
           real(result, "consistent_after"));
}

static void print_temperature(const struct args *a, const json_t *fit, const json_t *result)
{
    print_name(fit, "lm");
    printf(": temperature %.4f, fitted on %.0f positions of ", real(result, "value"), real(result, "n"));
    print_name(fit, "on");
    printf("\n");
    printf("  nats a symbol %.4f -> %.4f, ECE of the top symbol %.4f -> %.4f, of all %.3g -> %.3g\n",
           real(result, "nll_before"), real(result, "nll_after"), real(result, "ece_before"), real(result, "ece_after"),
           real(result, "full_ece_before"), real(result, "full_ece_after"));
    print_consistency(result);
    if (a->verbose)
        print_bins(result);
}

static void print_map(const struct args *a, const json_t *fit, const json_t *result)
{
    double folds = real(result, "folds");
    print_name(fit, "id");
    printf(", fitted on %.0f %s\n", real(result, "n"), json_object_get(fit, "choices") ? "questions" : "positions");
    printf("  nats %.4f -> %.4f, ECE of the best %.4f -> %.4f, of all %.3g -> %.3g", real(result, "nll_before"),
           real(result, "nll_after"), real(result, "ece_before"), real(result, "ece_after"),
           real(result, "full_ece_before"), real(result, "full_ece_after"));
    if (folds > 0)
        printf(" (held out, %.0f folds; fitted and measured on all: %.4f)", folds, real(result, "nll_fitted"));
    printf("\n");
    print_consistency(result);
    if (a->verbose)
        print_bins(result);
}

static void print_weights(const struct args *a, const json_t *fit, const json_t *result)
{
    size_t i;
    json_t *weight;
    (void)a;
    print_name(fit, "id");
    printf(", fitted on %.0f positions\n", real(result, "n"));
    printf("  nats a symbol: equal weights %.4f -> %.4f\n", real(result, "nll_before"), real(result, "nll_after"));
    json_array_foreach(json_object_get(result, "weights"), i, weight)
    {
        const json_t *alone = json_array_get(json_object_get(result, "nll_voices"), i);
        const char *voice = json_string_value(json_array_get(json_object_get(result, "voices"), i));
        printf("  ");
        clean_print_wide(voice ? voice : "?", 24);
        printf(" weight %.4f, alone %.4f\n", json_number_value(weight),
               json_is_number(alone) ? json_number_value(alone) : INFINITY);
    }
}

static void print_entropy(const struct args *a, const json_t *fit, const json_t *result)
{
    (void)a;
    print_name(fit, "id");
    printf(", matched on %.0f positions\n", real(result, "n"));
    printf("  fit = %.6g: mean entropy %.4f nats; %.4f at %g, %.4f at %g\n", real(result, "value"),
           real(result, "entropy"), real(result, "entropy_from"), real(fit, "from"), real(result, "entropy_to"),
           real(fit, "to"));
}

static void print_table(const struct args *a, const json_t *fit, const json_t *result)
{
    struct text chain = { 0 };
    (void)a;
    fit_place_fill(name(fit, "chain"), result, &chain);
    print_name(fit, "id");
    printf(", fitted on %.0f positions\n  ", real(result, "n"));
    clean_print(text_s(&chain));
    printf("\n");
    text_free(&chain);
}

static const struct {
    const char *what;
    void (*print)(const struct args *a, const json_t *fit, const json_t *result);
} printers[] = { { "temperature", print_temperature },
                 { "weights", print_weights },
                 { "entropy", print_entropy },
                 { "conformal", print_table } };

static void print_fit(const struct args *a, const json_t *fit, const json_t *result)
{
    struct text t = { 0 };
    if (a->json) {
        doc_canonical(&t, result);
        puts(text_s(&t));
        text_free(&t);
        return;
    }
    if (json_object_get(result, "maps")) {
        print_map(a, fit, result);
        return;
    }
    for (size_t i = 0; i < sizeof printers / sizeof *printers; i++)
        if (strcmp(printers[i].what, name(fit, "what")) == 0)
            printers[i].print(a, fit, result);
}

static int fit_all(const struct args *a, const struct plan *p, struct lms *lms, json_t *all)
{
    size_t i;
    json_t *fit;
    struct core *core = core_alloc();
    int rc = 0;
    json_array_foreach(json_object_get(p->what, "fits"), i, fit)
    {
        json_t *result = rc == 0 ? fit_compute(fit, lms, core, NULL) : NULL;
        if (!result) {
            rc = rc < 0 ? rc : err_code();
            break;
        }
        print_fit(a, fit, result);
        rc = lms_set_fit(lms, json_string_value(json_object_get(fit, "id")), result);
        json_array_append_new(all, result);
    }
    core_free(core);
    return rc;
}

static int store(const struct args *a, const json_t *all)
{
    const char *path = options_text(a, "out");
    struct text t = { 0 };
    if (!path)
        return 0;
    doc_pretty(&t, all);
    int rc = text_write_file(path, text_s(&t), t.len);
    text_free(&t);
    if (rc == 0)
        console_say(a->quiet, "stored in %s", path);
    return rc;
}

static int run_fit(const struct args *a)
{
    int64_t n_threads = (int64_t)threads_cores();
    TRY(options_int(a, "threads", 1, 1024, &n_threads));
    struct plan *p = plan_of(a);
    if (!p)
        return err_code();
    struct threads *threads = threads_alloc((size_t)n_threads);
    struct lms *lms = lms_alloc(p->what, threads);
    json_t *all = json_array();
    struct lua_transforms *transforms;
    int rc = lua_transforms_load(p->doc, a->operand[0], &transforms);
    lms_set_transforms(lms, transforms);
    if (rc == 0 && json_array_size(json_object_get(p->what, "fits")) == 0)
        rc = err_set(ERR_USAGE, "%s declares no fit", a->operand[0]);
    if (rc == 0)
        rc = fit_all(a, p, lms, all);
    if (rc == 0)
        rc = store(a, all);
    json_decref(all);
    lms_close(lms);
    lua_transforms_close(transforms);
    threads_free(threads);
    plan_free(p);
    return rc;
}

static const struct option_row options[] = {
    { "what", "NAME", "temperature", "what is fitted" },
    { "on", "EVALSET/SPLIT", "held_out/fit", "the labelled split" },
    { "chain", "CHAIN", NULL, "what waits for the fit: a chain with the word fit where its value goes" },
    { "target", "NATS", NULL, "of --what entropy: the mean entropy" },
    { "from", "X", NULL, "of --what entropy: the values tried" },
    { "to", "X", NULL, "of --what entropy: the values tried" },
    { "bins", "N", NULL, "of --what conformal and histogram: bins; default 10" },
    { "l2", "X", NULL, "of --what vector and matrix: penalty; default 1, of choices 0.01" },
    { "folds", "N", NULL, "of maps: folds that are held out in turn; default 2, of choices 5" },
    { "choices", "RULE", "likelihood", "where --on has choices: likelihood, pmi(domain), contextual(inputs)" },
    { "set", "NAME=VALUE", NULL, "of a script: arg.NAME; may be given several times" },
    { "out", "FILE", NULL, "store the results as JSON" },
    { "threads", "N", NULL, "threads; default: physical cores" },
    OPENED_PLAN_OPTIONS,
};

const struct verb verb_fit = {
    .name = "fit",
    .operands = "CHECKPOINT|SCRIPT.lua",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "fits calibration and weights on a labelled split: likelihood and reliability before and after",
    .details =
        "A checkpoint's temperature is fitted on --on, or another map of its rows (--what vector, matrix, platt, "
        "beta),\nor, where --on has choices, of its answers (isotonic and histogram too), or what --chain waits "
        "for (--what\ntemperature, entropy, conformal); a script's fits are computed as its run would.\n"
        "--verbose: every bin of the reliability.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run_fit,
};
