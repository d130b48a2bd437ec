#include "experiments/plan_preset.h"
#include "base/err.h"
#include "experiments/checkpoint_preset.h"
#include "experiments/plan_leaf.h"
#include "experiments/plan_nodes.h"
#include <string.h>

/* A walk over the nodes below one, each once. */
struct walk {
    const struct plan_list *lms;
    json_t *seen;      /* ids */
    const char *first; /* the checkpoint that the preset is of; NULL: none yet */
    struct text preset;
};

static int differs(const struct walk *w, const char *id, const char *own)
{
    return err_set(ERR_USAGE,
                   "'" CHECKPOINT_PRESET
                   "' is '%s' for '%s' but '%s' for '%s': name the steps, or give each voice its own "
                   "chain",
                   text_s(&w->preset), w->first, own, id);
}

static int use_checkpoint(struct walk *w, const char *id, const char *name)
{
    struct text own = { 0 };
    struct checkpoint *c = checkpoint_open_weights(name);
    int rc = c ? checkpoint_preset(c, &own, NULL) : err_code();
    checkpoint_close(c);
    if (rc == 0 && w->first && strcmp(text_s(&own), text_s(&w->preset)) != 0)
        rc = differs(w, id, text_s(&own));
    if (rc == 0 && !w->first) {
        text_add(&w->preset, text_s(&own));
        w->first = id;
    }
    text_free(&own);
    return rc;
}

static int visit(struct walk *w, const char *id)
{
    const json_t *node = plan_list_find(w->lms, id), *voices = json_object_get(node, "voices");
    const char *kind = json_string_value(json_object_get(node, "kind"));
    if (json_object_get(w->seen, id))
        return 0;
    json_object_set_new(w->seen, id, json_true());
    for (size_t i = 0; i < json_array_size(voices); i++)
        TRY(visit(w, json_string_value(json_object_get(json_array_get(voices, i), "lm"))));
    if (voices)
        return 0;
    if (strcmp(kind, "model") != 0)
        return err_set(ERR_USAGE, "'" CHECKPOINT_PRESET "' wants a checkpoint, and '%s' is a %s", id, kind);
    return use_checkpoint(w, id, json_string_value(json_object_get(node, "name")));
}

int plan_preset_expand(const struct plan_list *lms, const char *id, const char *chain, struct text *out)
{
    struct walk w = { .lms = lms };
    if (!checkpoint_preset_used(chain)) {
        text_add(out, chain);
        return 0;
    }
    w.seen = json_object();
    int rc = visit(&w, id);
    if (rc == 0)
        rc = checkpoint_preset_expand(chain, text_s(&w.preset), out);
    json_decref(w.seen);
    text_free(&w.preset);
    return rc;
}

int plan_preset_choice(struct plan_nodes *nodes, const char *chain, const char *search, json_t *out)
{
    const char *lm = json_string_value(json_object_get(out, "lm"));
    struct text whole = { 0 };
    int rc = plan_preset_expand(&nodes->lms, lm, chain, &whole);
    if (rc == 0)
        rc = plan_leaf_choice(nodes->transforms, text_s(&whole), search, out);
    json_object_update(nodes->code, json_object_get(out, "transforms"));
    if (rc == 0 && plan_nodes_samples(&nodes->lms, lm))
        json_object_set_new(out, "repeats", json_false()); /* whatever chain and search do, the lm draws */
    text_free(&whole);
    return rc;
}
