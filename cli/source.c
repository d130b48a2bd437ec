#include "cli/source.h"
#include "base/err.h"
#include "base/mem.h"
#include "experiments/checkpoint_preset.h"
#include "experiments/plan_preset.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_NAMES = 256 };

/* The id asked for, or that of the last arm's lm; NULL + ERR_USAGE that lists the ids. */
static const char *choose(const struct plan *p, const char *wanted)
{
    const char *names[MAX_NAMES];
    size_t n = 0, i;
    json_t *node;
    json_array_foreach(json_object_get(p->what, "lms"), i, node)
    {
        const char *id = json_string_value(json_object_get(node, "id"));
        if (id && n < MAX_NAMES)
            names[n++] = id;
        if (id && wanted && strcmp(id, wanted) == 0)
            return id;
    }
    if (!wanted)
        return p->arms[p->n_arms - 1].lm;
    err_unknown(ERR_USAGE, "lm of the script", wanted, names, n);
    return NULL;
}

static int open_script(struct source *s, const struct args *a)
{
    int64_t n_threads = (int64_t)threads_cores();
    TRY(options_int(a, "threads", 1, 1024, &n_threads));
    struct plan_options options = { 0 };
    opened_plan(a, &options);
    const char **sets = mem_alloc(a->n_repeated / 2, sizeof *sets);
    options.n_sets = options_all(a, "set", sets);
    options.sets = sets;
    s->plan = plan_prepare(options_text(a, "script"), &options);
    free(sets);
    if (!s->plan)
        return err_code();
    const char *id = choose(s->plan, options_text(a, "lm"));
    if (!id)
        return ERR_USAGE;
    s->threads = threads_alloc((size_t)n_threads);
    s->core = core_alloc();
    s->lms = lms_alloc(s->plan->what, s->threads);
    TRY(lua_transforms_load(s->plan->doc, "the plan", &s->transforms));
    lms_set_transforms(s->lms, s->transforms);
    if (!lms_ready(s->lms, id))
        return err_set(ERR_USAGE,
                       "lm '%s' waits for a fit: want numbers in the place of fit { ... }; chorale fit %s tells them",
                       id, options_text(a, "script"));
    s->id = id;
    s->lm = lms_find(s->lms, id);
    s->template_name = lms_template(s->lms, id);
    return s->lm ? 0 : err_code();
}

int source_open(struct source *s, const struct args *a, const char *name)
{
    *s = (struct source){ 0 };
    if (name)
        TRY(options_no_set(a));
    if (name && options_text(a, "lm"))
        return err_set(ERR_USAGE, "--lm '%s' names an lm of a script: give --script FILE too", options_text(a, "lm"));
    if (name) {
        TRY(opened_open(&s->opened, name, a, NULL));
        s->lm = s->opened.lm;
        s->core = s->opened.core;
        s->threads = s->opened.threads;
        s->checkpoint = s->opened.checkpoint;
        return 0;
    }
    int rc = open_script(s, a);
    if (rc < 0)
        source_close(s);
    return rc;
}

struct device *source_device(const struct source *s)
{
    return s->lms ? lms_device(s->lms) : s->opened.device;
}

int source_prompt(const char *operand, struct text *read, const char **prompt)
{
    *prompt = operand;
    if (strcmp(operand, "-") != 0)
        return 0;
    TRY(text_read_file(read, operand, SOURCE_INPUT_MAX));
    *prompt = text_s(read);
    return strlen(*prompt) == read->len ? 0
                                        : err_set(ERR_DATA, "stdin: a NUL at byte %zu of the prompt", strlen(*prompt));
}

static int expand_of_plan(const struct source *s, const char *chain, struct text *out)
{
    struct plan_list lms = plan_list_of(json_object_get(s->plan->what, "lms"));
    int rc = plan_preset_expand(&lms, s->id, chain, out);
    plan_list_fini(&lms);
    return rc;
}

int source_chain(const struct source *s, const char *chain, struct text *out)
{
    struct text preset = { 0 };
    if (s->plan)
        return expand_of_plan(s, chain, out);
    int rc = checkpoint_preset_used(chain) ? checkpoint_preset(s->checkpoint, &preset, NULL) : 0;
    if (rc == 0)
        rc = checkpoint_preset_expand(chain, text_s(&preset), out);
    text_free(&preset);
    return rc;
}

void source_close(struct source *s)
{
    if (s->checkpoint) {
        opened_close(&s->opened);
    } else {
        lms_close(s->lms);
        lua_transforms_close(s->transforms);
        core_free(s->core);
        threads_free(s->threads);
        plan_free(s->plan);
    }
    *s = (struct source){ 0 };
}
