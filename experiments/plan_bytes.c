#include "experiments/plan_bytes.h"
#include "base/err.h"
#include "base/space.h"
#include "ensemble/bytes.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *field(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static int bytes_options_of(const json_t *d, struct bytes_options *o)
{
    json_int_t beam = json_integer_value(json_object_get(d, "beam"));
    json_int_t ahead = json_integer_value(json_object_get(d, "ahead"));
    *o = (struct bytes_options){ .kind = field(d, "covers"),
                                 .beam = beam > UINT32_MAX ? UINT32_MAX : (uint32_t)beam,
                                 .lazy = json_number_value(json_object_get(d, "lazy")),
                                 .ahead = ahead > UINT32_MAX ? UINT32_MAX : (uint32_t)ahead };
    return bytes_check(o);
}

static json_t *bytes_node(const struct plan_nodes *n, const json_t *d, const char *lm)
{
    char hash[17];
    struct space *space = space_bytes();
    const json_t *inner = plan_list_find(&n->lms, lm);
    snprintf(hash, sizeof hash, "%016" PRIx64, space->hash);
    space_free(space);
    if (strcmp(field(inner, "space"), hash) == 0) {
        err_set(ERR_USAGE, "bytes: '%s' is over bytes already", lm);
        return NULL;
    }
    json_t *node =
        json_pack("{s:s, s:[{s:s}], s:s}", "kind", "bytes", "voices", "of", field(inner, "key"), "space", hash);
    doc_copy(node, d, "covers");
    doc_copy(node, d, "beam");
    doc_copy(node, d, "lazy");
    doc_copy(node, d, "ahead");
    doc_copy(node, inner, "template");
    return node;
}

const char *plan_bytes_add(struct plan_nodes *n, const json_t *d)
{
    struct bytes_options o;
    const char *lm =
        bytes_options_of(d, &o) < 0 ? NULL : plan_nodes_add(n, json_array_get(json_object_get(d, "of"), 0));
    json_t *node = lm ? bytes_node(n, d, lm) : NULL;
    if (!node)
        return NULL;
    struct text made = { 0 };
    text_addf(&made, "%s(%s", o.kind ? o.kind : "bytes", lm);
    if (o.beam > 0)
        text_addf(&made, ", beam=%u", o.beam);
    if (o.lazy > 0) {
        text_add(&made, ", lazy=");
        text_add_real(&made, o.lazy);
    }
    text_add(&made, ")");
    const char *id = plan_list_put(&n->lms, node, field(d, "name"), text_s(&made));
    text_free(&made);
    json_t *voice = json_array_get(json_object_get(id ? plan_list_find(&n->lms, id) : NULL, "voices"), 0);
    if (voice && !field(voice, "lm")) {
        json_object_set_new(voice, "lm", json_string(lm));
        json_object_set_new(voice, "name", json_string(lm));
    }
    return id;
}
