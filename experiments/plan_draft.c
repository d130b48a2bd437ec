#include "experiments/plan_draft.h"
#include "base/err.h"
#include "decode/search.h"
#include <string.h>

static const char *field(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

const char *plan_draft_search(const json_t *declared, const char *otherwise)
{
    const char *own = field(declared, "search"), *search = own ? own : otherwise;
    return json_object_get(declared, "draft") ? search_drafted(search) : search;
}

/* Both name symbols alike, so that what one proposes the other can draw. */
static int check_space(const struct plan_nodes *nodes, const char *lm, const char *draft)
{
    const char *own = field(plan_list_find(&nodes->lms, lm), "space");
    if (strcmp(own, field(plan_list_find(&nodes->lms, draft), "space")) == 0)
        return 0;
    return err_set(ERR_USAGE,
                   "draft: '%s' and its draft '%s' have different symbol spaces: want one vocabulary, or bytes { ... } "
                   "around both",
                   lm, draft);
}

static int add_lm(struct plan_nodes *nodes, const json_t *draft, json_t *out)
{
    const char *id = plan_nodes_add(nodes, draft);
    if (!id)
        return err_code();
    TRY(check_space(nodes, field(out, "lm"), id));
    json_object_set_new(out, "draft", json_string(id));
    return 0;
}

int plan_draft_add(struct plan_nodes *nodes, const json_t *declared, const json_t *inherited, json_t *out)
{
    const json_t *own = json_object_get(declared, "draft"), *draft = own ? own : inherited;
    const char *search = field(out, "search");
    enum search_drafts drafts = search_drafts(search);
    bool takes = drafts == SEARCH_DRAFTS_ANY || drafts == SEARCH_DRAFTS_LM;
    json_object_del(out, "draft");
    if (json_is_object(draft) && takes)
        return add_lm(nodes, draft, out);
    if (drafts == SEARCH_DRAFTS_LM)
        return err_set(ERR_USAGE, "search '%s' wants a draft: give the arm one, draft = model \"...\"", search);
    if (own && (drafts == SEARCH_DRAFTS_NONE || json_is_object(own)))
        return err_set(ERR_USAGE, "search '%s' takes no %s; want search = \"speculative\"", search,
                       json_is_object(own) ? "draft lm" : "draft");
    return 0;
}
