/* From a declaration (script.h) to a plan: names resolved, texts canonical, contents hashed, rules checked. */
#include "base/err.h"
#include "experiments/choices.h"
#include "experiments/fit_result.h"
#include "experiments/lms.h"
#include "experiments/lua_reward.h"
#include "experiments/lua_transforms.h"
#include "experiments/plan.h"
#include "experiments/plan_draft.h"
#include "experiments/plan_fits.h"
#include "experiments/plan_items.h"
#include "experiments/plan_leaf.h"
#include "experiments/plan_nodes.h"
#include "experiments/plan_prompts.h"
#include "experiments/plan_rules.h"
#include "experiments/plan_select.h"
#include "experiments/plan_tasks.h"
#include "experiments/script.h"
#include "experiments/script_sets.h"
#include "model/device_open.h"
#include "model/kernel_kv.h"
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define MAX_NAME      200 /* bytes of an experiment's name */
#define DEFAULT_BYTES 512 /* of a generated text, where the script sets no limit */

static const char *field(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static void copy_or(json_t *to, const json_t *from, const char *key, json_t *otherwise)
{
    json_t *v = json_object_get(from, key);
    json_object_set(to, key, v ? v : otherwise);
    json_decref(otherwise);
}

/* "duet: top_p=0.9 | beam(width=8) | by task" */
static void name_arm(const json_t *d, json_t *arm)
{
    struct text name = { 0 };
    const char *chain = field(arm, "chain"), *search = field(arm, "search");
    text_addf(&name, "%s: %s", field(arm, "lm"), *chain ? chain : "as it is");
    if (json_is_object(json_object_get(d, "chain")))
        plan_fits_label(json_object_get(d, "chain"), &name);
    if (strcmp(search, "sample") != 0)
        text_addf(&name, " | %s", search);
    if (field(arm, "draft"))
        text_addf(&name, " | draft %s", field(arm, "draft"));
    if (json_object_get(arm, "tasks"))
        text_add(&name, " | by task");
    if (json_object_get(arm, "choices"))
        text_addf(&name, " | choices by %s", field(arm, "choices"));
    if (json_object_get(arm, "calibration"))
        text_addf(&name, " | %s", field(json_object_get(d, "calibration"), "what"));
    json_object_set_new(arm, "name", json_string(field(d, "name") ? field(d, "name") : text_s(&name)));
    text_free(&name);
}

/* How an arm, or what it does with a task, answers questions with choices. */
static int resolve_answers(struct plan_nodes *nodes, const json_t *d, json_t *out)
{
    const json_t *fit = json_object_get(d, "calibration");
    struct choices_rule rule;
    struct text text = { 0 };
    TRY(choices_parse(field(d, "choices") ? field(d, "choices") : "likelihood", &rule));
    choices_text(&rule, &text);
    if (!choices_plain(&rule))
        json_object_set_new(out, "choices", json_string(text_s(&text)));
    choices_fini(&rule);
    const char *id = fit ? plan_fits_answers(nodes, fit, field(out, "lm"), text_s(&text)) : NULL;
    if (id)
        json_object_set_new(out, "calibration", json_string(id));
    text_free(&text);
    return id || !fit ? 0 : plan_nodes_place(fit);
}

static int resolve_all_answers(struct plan_nodes *nodes, const json_t *d, json_t *arm)
{
    size_t i;
    json_t *task;
    TRY(resolve_answers(nodes, d, arm));
    json_array_foreach(json_object_get(arm, "tasks"), i, task)
    {
        TRY(resolve_answers(nodes, d, task));
    }
    return 0;
}

static int resolve_arm(struct plan_nodes *nodes, const json_t *d, json_t *arms)
{
    const char *lm = plan_nodes_add(nodes, json_object_get(d, "lm"));
    if (!lm)
        return ERR_USAGE;
    json_t *arm = json_pack("{s:s}", "lm", lm);
    json_array_append_new(arms, arm);
    int rc = plan_tasks_choice(nodes, json_object_get(d, "chain"), plan_draft_search(d, "sample"), arm);
    if (rc == 0)
        rc = plan_draft_add(nodes, d, NULL, arm);
    if (rc == 0)
        rc = plan_tasks_resolve(nodes, d, arm);
    if (rc == 0)
        rc = resolve_all_answers(nodes, d, arm);
    if (rc == 0)
        name_arm(d, arm);
    return rc == 0 ? 0 : plan_nodes_place(d);
}

static int resolve_nodes(struct plan_nodes *nodes, const json_t *declared, json_t *what)
{
    json_t *arms = json_array(), *judge = json_object_get(declared, "judge"), *d;
    json_object_set_new(what, "arms", arms);
    size_t i;
    json_array_foreach(json_object_get(declared, "arms"), i, d)
    {
        TRY(resolve_arm(nodes, d, arms));
    }
    const char *id = judge ? plan_nodes_add(nodes, judge) : NULL;
    if (judge && !id)
        return ERR_USAGE;
    json_object_set_new(what, "judge", id ? json_string(id) : json_null());
    return 0;
}

static int resolve_lms(const json_t *declared, const struct lua_transforms *transforms, json_t *what)
{
    struct plan_nodes nodes = { .lms = plan_list_of(json_array()),
                                .fits = plan_list_of(json_array()),
                                .leaves = json_object(),
                                .transforms = transforms,
                                .code = json_object() };
    json_object_set_new(what, "lms", nodes.lms.nodes);
    json_object_set_new(what, "fits", nodes.fits.nodes);
    int rc = resolve_nodes(&nodes, declared, what);
    plan_list_fini(&nodes.lms);
    plan_list_fini(&nodes.fits);
    json_decref(nodes.leaves);
    if (json_object_size(nodes.code) > 0)
        json_object_set(what, "transforms", nodes.code);
    json_decref(nodes.code);
    return rc;
}

/* The level as it is written canonically: it is part of every unit's key. */
static int resolve_trace(const json_t *declared, json_t *what, const char *asked)
{
    struct trace_level level;
    struct text t = { 0 };
    const char *own = field(declared, "trace");
    TRY(trace_level(asked ? asked : own ? own : "token", &level));
    trace_level_text(level, &t);
    json_object_set_new(what, "log", json_string(text_s(&t)));
    text_free(&t);
    return 0;
}

/* Here, where the script's line is known: at the first unit all of them would fail. */
static int check_stops(const json_t *strings)
{
    size_t i;
    const json_t *s;
    json_array_foreach(strings, i, s)
    {
        if (json_string_length(s) == 0)
            return err_set(ERR_USAGE, "stop string %zu is empty, want at least one character", i + 1);
    }
    return 0;
}

static int resolve_limits(const json_t *declared, json_t *what)
{
    json_t *limit = json_object_get(declared, "limit");
    limit = limit && json_is_object(limit) && json_object_size(limit) > 0 ? json_deep_copy(limit)
                                                                          : json_pack("{s:i}", "bytes", DEFAULT_BYTES);
    json_object_set_new(what, "limit", limit);
    TRY(plan_leaf_limits(limit));
    copy_or(what, declared, "stop", json_array());
    TRY(check_stops(json_object_get(what, "stop")));
    copy_or(what, declared, "seed", json_integer(1));
    copy_or(what, declared, "draws", json_integer(1));
    json_int_t draws = json_integer_value(json_object_get(what, "draws"));
    if (draws < 1 || draws > 100000)
        return err_set(ERR_USAGE, "draws is %lld, want 1 .. 100000", (long long)draws);
    return 0;
}

/* Builds every lm once, so that what is wrong with one shows before the run; gives the kernel path. */
static int try_lms(json_t *what, struct lms *s)
{
    const json_t *lms = json_object_get(what, "lms"), *fits = json_object_get(what, "fits");
    int rc = 0;
    for (size_t i = 0; i < json_array_size(fits) && rc == 0; i++) {
        const json_t *fit = json_array_get(fits, i);
        json_t *guess = fit_result_guess(lms_node(s, field(fit, "lm")), fit);
        rc = lms_set_fit(s, field(fit, "id"), guess);
        json_decref(guess);
    }
    for (size_t i = 0; i < json_array_size(lms) && rc == 0; i++)
        if (!lms_find(s, field(json_array_get(lms, i), "id")))
            rc = err_code();
    json_object_set_new(what, "kernels", json_string(lms_kernels(s)));
    return rc;
}

static json_t *resolve_from(const json_t *declared, const struct text *source, const struct plan_options *o)
{
    struct utsname u;
    json_t *sets = json_array();
    for (size_t i = 0; i < o->n_sets; i++)
        json_array_append_new(sets, json_string(o->sets[i]));
    json_t *from =
        json_pack("{s:o, s:s, s:s}", "set", sets, "at", field(declared, "at"), "script", source ? text_s(source) : "");
    if (json_is_true(json_object_get(declared, "transforms")))
        json_object_set_new(from, "transforms", json_true());
    if (uname(&u) == 0)
        json_object_set_new(
            from, "machine",
            json_pack("{s:s, s:s, s:s}", "system", u.sysname, "release", u.release, "processor", u.machine));
    json_object_set_new(from, "cores", json_integer((json_int_t)threads_cores()));
    return from;
}

/* It names the run's folder where no other is given. */
static int check_name(const char *name)
{
    size_t n = strlen(name);
    bool fits = n > 0 && n <= MAX_NAME && name[0] != '.' && name[0] != '-' && !strchr(name, '/');
    for (size_t i = 0; i < n && fits; i++)
        fits = (unsigned char)name[i] >= ' ' && name[i] != 0x7f;
    return fits ? 0
                : err_set(ERR_USAGE,
                          "experiment: 'name' is '%.100s', want 1 to %d bytes without '/', none of them a control "
                          "character, the first no '.' or '-'",
                          name, MAX_NAME);
}

/* Plans without it are those of float32. */
static int resolve_kv(json_t *what, const char *name)
{
    const char *names[KERNEL_KV_TYPES];
    for (int i = 0; i < KERNEL_KV_TYPES; i++) {
        names[i] = kernel_kv_name((enum kernel_kv)i);
        if (name && strcmp(name, names[i]) == 0) {
            if (i != KERNEL_KV_F32 || json_object_get(what, "device")) /* a device has another default */
                json_object_set_new(what, "kv", json_string(name));
            return 0;
        }
    }
    return name ? err_unknown(ERR_USAGE, "type of keys and values", name, names, KERNEL_KV_TYPES) : 0;
}

static int resolve_what(const json_t *declared, const struct lua_transforms *transforms, json_t *what,
                        const struct plan_options *o)
{
    json_object_set(what, "name", json_object_get(declared, "name"));
    json_object_set_new(what, "format", json_integer(PLAN_FORMAT));
    json_object_set_new(what, "mode", json_string(o->mode ? o->mode : device_is_cpu(o->device) ? "f32" : "native"));
    json_object_set_new(what, "kernels", json_string(o->kernels ? o->kernels : ""));
    if (!device_is_cpu(o->device)) {
        TRY(device_check(o->device));
        json_object_set_new(what, "device", json_string(o->device));
        json_object_set_new(what, "deterministic", json_boolean(o->deterministic));
    }
    TRY(resolve_kv(what, o->kv));
    if (check_name(field(declared, "name")) < 0 || resolve_limits(declared, what) < 0 ||
        resolve_trace(declared, what, o->trace) < 0)
        return err_add(ERR_USAGE, "%s", field(declared, "at"));
    if (plan_select_resolve(declared, what) < 0)
        return err_add(ERR_USAGE, "%s", field(declared, "at"));
    TRY(plan_tasks_names(declared, what));
    TRY(resolve_lms(declared, transforms, what));
    if (plan_select_needs(what) < 0 || plan_items_resolve(declared, o, what) < 0 || plan_rules_check(what) < 0)
        return plan_nodes_place(declared);
    return 0;
}

/* Those that the script declares beside the experiment; none: NULL. */
static int open_transforms(const json_t *declared, const struct text *source, const struct plan_options *o,
                           struct lua_transforms **out)
{
    const char *at = field(declared, "at"), *colon = at ? strrchr(at, ':') : NULL;
    struct text path = { 0 };
    if (!source || !json_is_true(json_object_get(declared, "transforms")))
        return 0;
    text_addn(&path, at ? at : "", colon ? (size_t)(colon - at) : 0);
    *out = lua_transforms_open(text_s(&path), source, o->sets, o->n_sets);
    text_free(&path);
    return *out ? 0 : err_code();
}

/* The reward that is a function of the script. */
static int resolve_reward(const json_t *declared, const struct text *source, const struct plan_options *o, json_t *what)
{
    json_t *reward = json_object_get(what, "reward");
    const char *at = field(declared, "at"), *colon = at ? strrchr(at, ':') : NULL;
    struct text path = { 0 };
    if (!json_is_object(reward))
        return 0;
    if (!source)
        return err_set(ERR_USAGE, "a reward that is a function wants its script");
    text_addn(&path, at ? at : "", colon ? (size_t)(colon - at) : 0);
    struct lua_reward *r = lua_reward_open(&(struct script_text){ text_s(&path), source, o->sets, o->n_sets });
    if (r)
        json_object_set_new(reward, "code", json_string(lua_reward_hash(r)));
    lua_reward_close(r);
    text_free(&path);
    return r ? 0 : err_code();
}

/* The plan of what is resolved and whose lms are alive. */
static struct plan *load(json_t *what, const json_t *declared, const struct text *source, const struct plan_options *o)
{
    char hash[65];
    doc_hash(what, hash);
    json_t *from = resolve_from(declared, source, o);
    return plan_load(json_pack("{s:O, s:o, s:s}", "what", what, "from", from, "hash", hash), "the plan");
}

static int check_prompts(const struct plan *p, struct lms *lms, const json_t *declared)
{
    return plan_prompts_check(p, lms) < 0 ? err_add(ERR_USAGE, "%s", field(declared, "at")) : 0;
}

static struct plan *with_lms(json_t *what, const json_t *declared, const struct lua_transforms *transforms,
                             const struct text *source, const struct plan_options *o)
{
    struct threads *threads = threads_alloc(1);
    struct lms *lms = lms_alloc(what, threads);
    lms_set_transforms(lms, transforms);
    int rc = try_lms(what, lms);
    rc = rc < 0 ? rc : resolve_reward(declared, source, o, what);
    struct plan *p = rc < 0 ? NULL : load(what, declared, source, o);
    if (p && o->prompts && check_prompts(p, lms, declared) < 0) {
        plan_free(p);
        p = NULL;
    }
    lms_close(lms);
    threads_free(threads);
    return p;
}

struct plan *plan_resolve(json_t *declared, const struct text *source, const struct plan_options *o)
{
    static const struct plan_options none;
    o = o ? o : &none;
    json_t *what = json_object();
    struct lua_transforms *transforms = NULL;
    int rc = open_transforms(declared, source, o, &transforms);
    rc = rc < 0 ? rc : resolve_what(declared, transforms, what, o);
    struct plan *p = rc < 0 ? NULL : with_lms(what, declared, transforms, source, o);
    lua_transforms_close(transforms);
    json_decref(what);
    return p;
}

json_t *plan_declared(const char *script, struct text *source, const struct plan_options *o)
{
    static const struct plan_options none;
    o = o ? o : &none;
    if (script_source(script, source) < 0 || script_sets_check(script, source, o->sets, o->n_sets) < 0)
        return NULL;
    json_t *declared = script_run(script, source, o->sets, o->n_sets);
    if (!declared || check_name(field(declared, "name")) == 0) /* a path is made of it before it is resolved */
        return declared;
    err_add(ERR_USAGE, "%s", field(declared, "at"));
    json_decref(declared);
    return NULL;
}

struct plan *plan_prepare(const char *script, const struct plan_options *o)
{
    struct text source = { 0 };
    struct plan *p = NULL;
    json_t *declared = plan_declared(script, &source, o);
    if (declared)
        p = plan_resolve(declared, &source, o);
    json_decref(declared);
    text_free(&source);
    return p;
}
