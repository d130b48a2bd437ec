/* Lines of items.jsonl: read as an item of each kind, and marked by every metric that applies to one text. */
#include "base/doc.h"
#include "evalsets/item.h"
#include "evalsets/metric.h"
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void mark(const struct item *it, const char *text, size_t n)
{
    size_t n_types;
    const struct metric_type *const *types = metric_types(&n_types);
    double *logp = calloc(it->n_choices + 1, sizeof *logp);
    struct sample s = { .item = it, .text = text, .n_text = n, .n_symbols = 1, .nll = 1, .judge_nll = 1 };
    s.choice_logp = logp;
    for (size_t i = 0; i < it->n_choices; i++)
        logp[i] = -(double)i;
    for (size_t i = 0; i < n_types; i++)
        if (metric_applies(types[i], it) && isinf(types[i]->score(&s, 1)))
            abort();
    free(logp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const langs[] = { "en", "zh" }, *const splits[] = { "fit", "report" };
    json_t *doc = doc_read("line", (const char *)data, n);
    for (int kind = ITEM_GENERATE; kind <= ITEM_TEXT && doc; kind++) {
        const struct item_rules rules = { .evalset = "fuzz",
                                          .kind = (enum item_kind)kind,
                                          .langs = langs,
                                          .n_langs = 2,
                                          .splits = splits,
                                          .n_splits = 2 };
        struct item it;
        if (item_read(&it, doc, "line", &rules) == 0)
            mark(&it, (const char *)data, n);
        item_fini(&it);
    }
    json_decref(doc);
    return 0;
}
