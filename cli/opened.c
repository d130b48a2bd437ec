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

static int find_device(struct opened *o, const struct args *a, struct device *on)
{
    o->device = on;
    o->lent = on != NULL;
    return on ? 0 : opened_device(a, &o->device);
}

/* Checkpoint and device are there. */
static int open_lm(struct opened *o, const char *alias, const struct args *a)
{
    int64_t n_threads = (int64_t)threads_cores();
    TRY(options_int(a, "threads", 1, 1024, &n_threads));
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

/* rc: of what came before; on failure all is closed. */
static int finish(struct opened *o, int rc)
{
    if (rc < 0)
        opened_close(o);
    return rc;
}

static int open_named(struct opened *o, const char *name, const struct args *a, struct device *on)
{
    TRY(device_check(options_text(a, "device")));
    o->checkpoint = checkpoint_open(name);
    if (!o->checkpoint)
        return err_code();
    TRY(find_device(o, a, on));
    return open_lm(o, name, a);
}

int opened_open(struct opened *o, const char *name, const struct args *a, struct device *on)
{
    *o = (struct opened){ 0 };
    return finish(o, open_named(o, name, a, on));
}

static int open_random(struct opened *o, const char *shape, const struct args *a, struct device *on)
{
    const char *type = options_text(a, "type"), *names[DTYPE_COUNT];
    int found = -1;
    for (int i = 0; i < DTYPE_COUNT; i++) {
        names[i] = dtype_name((enum dtype)i);
        found = strcmp(names[i], type) == 0 ? i : found;
    }
    if (found < 0)
        return err_unknown(ERR_USAGE, "weight type", type, names, DTYPE_COUNT);
    TRY(find_device(o, a, on)); /* a card that is not there is told before weights are drawn */
    o->random = random_weights_open(shape, (enum dtype)found);
    if (!o->random)
        return err_code();
    o->checkpoint = random_weights_checkpoint(o->random);
    return open_lm(o, NULL, a);
}

int opened_random(struct opened *o, const char *shape, const struct args *a, struct device *on)
{
    *o = (struct opened){ 0 };
    return finish(o, open_random(o, shape, a, on));
}

void opened_close(struct opened *o)
{
    lm_free(o->lm);
    core_free(o->core);
    threads_free(o->threads);
    if (!o->random)
        checkpoint_close(o->checkpoint);
    random_weights_close(o->random);
    if (!o->lent)
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
