#include "cli/plan_card.h"
#include "base/err.h"
#include "cli/clean.h"
#include "model/device_open.h"
#include "model/device_plan.h"
#include <stdio.h>

#define COPY ((uint64_t)1 << 30) /* bytes whose copy tells a card's bandwidth */

static int ask(const char *name, struct plan_card *c)
{
    struct device *d = device_open(name, DEVICE_FAST);
    struct device_error e = { 0 };
    if (!d)
        return err_code();
    uint64_t bytes = d->info.free / 4 < COPY ? d->info.free / 4 : COPY;
    int rc = d->api->bandwidth(d->context, bytes, &c->bandwidth, &e);
    if (rc != DEVICE_OK)
        rc = device_fail(d, rc, &e);
    c->memory = (double)d->info.free;
    snprintf(c->name, sizeof c->name, "%s, %s", d->name, d->info.name);
    device_close(d);
    return rc;
}

int plan_card_open(const struct args *a, struct plan_card *c)
{
    double memory = 0, bus = 50, bandwidth = 0;
    const char *name = options_text(a, "device");
    *c = (struct plan_card){ .name = "a card" };
    TRY(options_real(a, "memory", 1e-3, 1e6, &memory));
    TRY(options_real(a, "bus", 1e-3, 1e6, &bus));
    TRY(options_real(a, "bandwidth", 1e-3, 1e6, &bandwidth));
    if (device_is_cpu(name) && memory == 0)
        return 0;
    if (!device_is_cpu(name))
        TRY(ask(name, c));
    else if (bandwidth == 0)
        return err_set(ERR_USAGE, "--memory plans for a card that may not be here: give its --bandwidth too");
    c->memory = memory > 0 ? memory * 1e9 : c->memory;
    c->bandwidth = bandwidth > 0 ? bandwidth * 1e9 : c->bandwidth;
    c->bus = bus * 1e9;
    return 1;
}

/* Many slots of long contexts are more bytes than an integer holds; what is far too much stays that. */
static uint64_t at_most(double bytes)
{
    return bytes < 0x1p63 ? (uint64_t)bytes : UINT64_MAX;
}

/* Two layers at least are on their way or in use. */
static int share_out(const struct plan_card_need *n, double *room, struct device_plan *p)
{
    struct device_need need = { .weights = at_most(n->weights), .activations = at_most(n->activations) };
    need.least = at_most(n->top + 2 * n->layer);
    need.least = need.least < need.weights ? need.least : need.weights;
    struct device_ask ask = { .name = n->name, .free = at_most(*room), .kv = at_most(n->kv), .page = 1 };
    TRY(device_plan_make(&ask, &need, p));
    double swapped = p->weight_most > 0 ? n->weights - ((double)p->weights - 2 * n->layer) : 0;
    p->swapped = (uint64_t)(swapped < n->weights - n->top ? swapped : n->weights - n->top);
    *room -= (double)p->weights + (double)p->activations + (double)p->kv;
    return 0;
}

static void print_line(const struct plan_card *c, const struct plan_card_need *n, const struct device_plan *p)
{
    double whole = n->step / c->bandwidth, over = (double)p->swapped / c->bus, step = over > whole ? over : whole;
    clean_print(n->name);
    printf("\n  on the card     %.1f GB of weights, %.1f GB of keys and values, %.2f GB of activations",
           1e-9 * (double)p->weights, 1e-9 * (double)p->kv, 1e-9 * (double)p->activations);
    if (p->swapped > 0)
        printf("\n  swapped         %.1f GB of weights come over in each step: %.3g ms a step instead of %.3g, %.1f "
               "times as long",
               1e-9 * (double)p->swapped, 1e3 * step, 1e3 * whole, step / whole);
    printf("\n");
}

static void print_json(const struct plan_card *c, const struct plan_card_need *n, const struct device_plan *p)
{
    double whole = n->step / c->bandwidth, over = (double)p->swapped / c->bus, step = over > whole ? over : whole;
    printf("{\"card\":\"%s\",\"weight_bytes\":%llu,\"swapped_bytes\":%llu,\"kv_bytes\":%llu,\"step_s\":%.6g,\"loss\":%."
           "4g}\n",
           c->name, (unsigned long long)p->weights, (unsigned long long)p->swapped, (unsigned long long)p->kv, step,
           step / whole);
}

int plan_card_print(const struct args *a, const struct plan_card *c, const struct plan_card_need n[], size_t count)
{
    double room = c->memory;
    if (!a->json)
        printf("%s: %.1f GB, read at %.0f GB/s, reached at %.0f GB/s\n", c->name, 1e-9 * c->memory, 1e-9 * c->bandwidth,
               1e-9 * c->bus);
    for (size_t i = 0; i < count; i++) {
        struct device_plan p;
        TRY(share_out(&n[i], &room, &p));
        (a->json ? print_json : print_line)(c, &n[i], &p);
    }
    return 0;
}
