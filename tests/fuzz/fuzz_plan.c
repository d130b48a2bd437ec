/* Stored plans, with a hash that fits: what loads can be compared with itself and builds its lms, or fails in a message. */
#include "base/err.h"
#include "decode/chain.h"
#include "evalsets/evalset.h"
#include "experiments/fit_result.h"
#include "experiments/lms.h"
#include "experiments/plan.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Plans name bundled evalsets: without a home every plan that asks something ends at the first of them. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    evalset_set_home(CHORALE_HOME);
    return 0;
}

/* Nodes of checkpoints name files: they are checked, not opened. */
static bool opens_files(const json_t *lms, const char *id)
{
    const json_t *node = NULL;
    size_t i;
    json_t *o;
    json_array_foreach(lms, i, o)
    {
        if (strcmp(json_string_value(json_object_get(o, "id")), id) == 0 && !node)
            node = o;
    }
    if (!node || strcmp(json_string_value(json_object_get(node, "kind")), "model") == 0)
        return true;
    json_array_foreach(json_object_get(node, "voices"), i, o)
    {
        if (opens_files(lms, json_string_value(json_object_get(o, "lm"))))
            return true;
    }
    return false;
}

/* What waits for fits gets what they might leave. */
static void guess(const struct plan *p, struct lms *s)
{
    const json_t *fits = json_object_get(p->what, "fits");
    size_t i;
    json_t *fit;
    json_array_foreach(fits, i, fit)
    {
        json_t *result = fit_result_guess(plan_lm(p, json_string_value(json_object_get(fit, "lm"))), fit);
        if (lms_set_fit(s, json_string_value(json_object_get(fit, "id")), result) < 0 && !*err_text())
            abort();
        json_decref(result);
    }
    for (i = 0; i < p->n_choices; i++) {
        struct text chain = { 0 };
        fit_result_guess_chain(p, p->arms[i].fit, p->arms[i].chain, &chain);
        chain_free(chain_parse(text_s(&chain)));
        text_free(&chain);
    }
}

static void build(const struct plan *p)
{
    struct threads *threads = threads_alloc(1);
    struct lms *s = lms_alloc(p->what, threads);
    const json_t *lms = json_object_get(p->what, "lms");
    size_t i;
    json_t *node;
    guess(p, s);
    json_array_foreach(lms, i, node)
    {
        const char *id = json_string_value(json_object_get(node, "id"));
        if (plan_leaves(p, id) < 64 && !opens_files(lms, id) && lms_ready(s, id) && !lms_find(s, id) && !*err_text())
            abort();
    }
    lms_close(s);
    threads_free(threads);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char hash[65];
    json_t *what = doc_read("input", (const char *)data, n);
    if (!what)
        return 0;
    doc_hash(what, hash);
    json_t *doc = json_pack("{s:o, s:{}, s:s}", "what", what, "from", "hash", hash);
    struct plan *p = plan_load(doc, "plan.json");
    if (!p && (err_code() != ERR_DATA || !*err_text()))
        abort();
    if (p) {
        struct text diff = { 0 };
        bool only_adds = false;
        plan_diff(p, p, &diff, &only_adds);
        if (diff.len > 0 || !only_adds)
            abort();
        text_free(&diff);
        build(p);
    }
    plan_free(p);
    return 0;
}
