#include "cli/opened.h"
#include "base/err.h"
#include "cli/console.h"
#include "experiments/plan.h"
#include "model/random_weights.h"
#include "model/transformer.h"
#include <string.h>

void opened_plan(const struct args *a, struct plan_options *o)
{
    o->mode = options_text(a, "mode");
    o->kernels = options_text(a, "kernels");
    o->device = options_text(a, "device");
    o->deterministic = options_flag(a, "deterministic");
    o->kv = options_text(a, "kv");
}

int opened_device(const struct args *a, struct device **d)
{
    const char *name = options_text(a, "device");
    bool fixed = options_flag(a, "deterministic");
    *d = NULL;
    if (device_is_cpu(name))
        return 0;
    *d = device_open(name, fixed ? DEVICE_DETERMINISTIC : DEVICE_FAST);
    return *d ? 0 : err_code();
}

/* The checkpoint is there. */
static int open_lm(struct opened *o, const char *alias, const struct args *a)
{
    int64_t n_threads = (int64_t)threads_cores();
    TRY(options_int(a, "threads", 1, 1024, &n_threads));
    if (!o->device)
        TRY(opened_device(a, &o->device));
    o->threads = threads_alloc((size_t)n_threads);
    o->core = core_alloc();
    struct transformer_options options = { .alias = alias,
                                           .mode = options_text(a, "mode"),
                                           .kernels = options_text(a, "kernels"),
                                           .kv = options_text(a, "kv"),
                                           .device = o->device,
                                           .threads = o->threads };
    o->lm = transformer_open(o->checkpoint, &options);
    if (o->lm && *transformer_refused(o->lm))
        console_say(a->quiet, "a faster kernel path was not taken: %s", transformer_refused(o->lm));
    return o->lm ? 0 : err_code();
}

static int finish(struct opened *o, const char *alias, const struct args *a)
{
    int rc = o->checkpoint ? open_lm(o, alias, a) : err_code();
    if (rc < 0)
        opened_close(o);
    return rc;
}

int opened_open(struct opened *o, const char *name, const struct args *a)
{
    *o = (struct opened){ 0 };
    TRY(device_check(options_text(a, "device")));
    o->checkpoint = checkpoint_open(name);
    return finish(o, name, a);
}

int opened_random(struct opened *o, const char *shape, const struct args *a)
{
    const char *type = options_text(a, "type"), *names[DTYPE_COUNT];
    int found = -1;
    *o = (struct opened){ 0 };
    for (int i = 0; i < DTYPE_COUNT; i++) {
        names[i] = dtype_name((enum dtype)i);
        found = strcmp(names[i], type) == 0 ? i : found;
    }
    if (found < 0)
        return err_unknown(ERR_USAGE, "weight type", type, names, DTYPE_COUNT);
    TRY(opened_device(a, &o->device)); /* a card that is not there is told before weights are drawn */
    o->random = random_weights_open(shape, (enum dtype)found);
    if (o->random)
        o->checkpoint = random_weights_checkpoint(o->random);
    return finish(o, NULL, a);
}

void opened_close(struct opened *o)
{
    lm_free(o->lm);
    core_free(o->core);
    threads_free(o->threads);
    if (!o->random)
        checkpoint_close(o->checkpoint);
    random_weights_close(o->random);
    device_close(o->device);
    *o = (struct opened){ 0 };
}

int opened_slot(struct opened *o, const sym_t s[], size_t n)
{
    int slot = lm_fork(o->lm, LM_EMPTY, 0);
    if (slot < 0)
        return slot;
    int rc = lm_push(o->lm, slot, s, n, NULL);
    if (rc < 0) {
        lm_drop(o->lm, slot);
        return rc;
    }
    return slot;
}
