#include "base/err.h"
#include "base/mem.h"
#include "decode/chain.h"
#include "decode/search.h"
#include "experiments/fit_place.h"
#include "experiments/lua_transforms.h"
#include "experiments/runner_inside.h"

int runner_chains_open(struct runner *r)
{
    r->chains = mem_alloc(r->plan->n_choices, sizeof(struct chain *));
    TRY(lua_transforms_load(r->plan->doc, "the plan", &r->transforms));
    lms_set_transforms(r->lms, r->transforms);
    for (size_t i = 0; i < r->plan->n_choices; i++)
        if (!r->plan->arms[i].fit && !(r->chains[i] = lua_transforms_chain(r->transforms, r->plan->arms[i].chain)))
            return ERR_USAGE;
    return 0;
}

int runner_chains_fitted(struct runner *r)
{
    for (size_t i = 0; i < r->plan->n_choices; i++) {
        const struct plan_arm *arm = &r->plan->arms[i];
        struct text text = { 0 };
        if (!arm->fit)
            continue;
        const json_t *result = lms_result(r->lms, arm->fit);
        if (!result)
            return ERR_DATA;
        fit_place_fill(arm->chain, result, &text);
        r->chains[i] = lua_transforms_chain(r->transforms, text_s(&text));
        text_free(&text);
        if (!r->chains[i] || search_takes(arm->search, r->chains[i]) < 0)
            return err_add(ERR_USAGE, "fit '%s'", arm->fit);
    }
    return 0;
}
