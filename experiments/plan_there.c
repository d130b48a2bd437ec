#include "experiments/plan_there.h"
#include "decode/program.h"
#include "decode/search.h"

static const char *refusal_of(const char *text, const struct draw_type *draw)
{
    struct chain *c = chain_parse(text);
    const char *why = c ? program_refusal(c, draw) : "a transform of the script";
    chain_free(c);
    return why;
}

const char *plan_there_refusal(const struct plan *p, const struct plan_arm *arm)
{
    struct draw draw;
    if (!json_object_get(p->what, "device") || arm->fit)
        return NULL;
    if (p->trace.kind != TRACE_TOKEN)
        return "the trace level";
    if (!search_walks(arm->search, &draw))
        return "its search";
    return refusal_of(arm->chain, draw.type);
}
