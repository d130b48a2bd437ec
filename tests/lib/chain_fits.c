#include "tests/lib/chain_fits.h"
#include "base/err.h"
#include "tests/lib/check.h"
#include "tests/lib/letters.h"

static const char lms[] =
    "local a = model { 'table:n=4,length=16,seed=3,sharpness=1.5', name = 'a' }\n"
    "local b = model { 'table:n=4,length=16,seed=5,sharpness=0.7', name = 'b' }\n"
    "local on = 'DIR/held'\n"
    "local function entropy(chain, target, from, to)\n"
    "  return fit { what = 'entropy', on = on, chain = chain, target = target, from = from or 0.1,\n"
    "               to = to or 5 } end\n";

static const char tail[] = "experiment { name = 'chains', seed = 7, draws = 2, limit = { bytes = 8 }, trace = 'full',\n"
                           "  evalsets = { 'DIR/gen', 'DIR/score' }, arms = ";

struct plan *chain_fits_plan(const char *arms)
{
    struct text t = { 0 };
    text_addf(&t, "%s%s%s }", lms, tail, arms);
    struct plan *p = letters_plan(text_s(&t), NULL);
    text_free(&t);
    return p;
}

struct results *chain_fits_results(const char *arms, const char *name)
{
    struct plan *p = chain_fits_plan(arms);
    check(p && letters_run(p, name, (struct run_options){ .threads = 1 }) == 0, "%s: %s", name, err_text());
    plan_free(p);
    return results_open(letters_path(name));
}
