/* plan: what memory and time checkpoints need here, from their headers or their config.json alone. */
#include "base/err.h"
#include "base/mem.h"
#include "cli/bandwidth.h"
#include "cli/clean.h"
#include "cli/console.h"
#include "cli/plan_card.h"
#include "cli/verbs.h"
#include "model/kernel.h"
#include "model/shape.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_MAX ((size_t)1 << 20) /* bytes of a config.json */
#define POSITIONS  1024              /* where --context and the checkpoint say nothing */
#define CHUNK      256               /* positions computed at a time; fewer where they take more than */
#define CHUNK_MOST (512e6)           /* bytes */

struct request {
    int64_t context, slots; /* context 0: the checkpoint's, at most POSITIONS */
    bool has_type, quiet;
    enum dtype type;
    enum kernel_kv kv;
    size_t n_threads; /* that read memory to measure */
    double bandwidth; /* bytes per second; 0: measured */
};

/* What one checkpoint needs; bytes. */
struct need {
    const char *name;
    struct shape shape;
    enum dtype type;
    uint64_t context;
    double weights, kv_position, kv, activations, total;
    double step; /* read for a step of all slots */
};

static double bytes_each(enum dtype t)
{
    return (double)dtype_block_bytes(t) / (double)dtype_block(t);
}

static int read_config(const char *path, struct shape *s)
{
    json_t *o = doc_read_file(path, CONFIG_MAX);
    int rc = o ? shape_read(o, path, s) : err_code();
    json_decref(o);
    return rc;
}

static int read_folder(const char *name, struct shape *s)
{
    struct text path = { 0 };
    text_addf(&path, "%s/config.json", name);
    int rc = read_config(text_s(&path), s);
    text_free(&path);
    return rc;
}

/* The headers of the weights where they are here and computed, else config.json; weights that are here and cannot be read are
 * a remark. */
static int read_shape(const struct request *r, const char *name, struct need *n)
{
    struct stat st;
    bool folder = stat(name, &st) == 0 && S_ISDIR(st.st_mode);
    if (!folder && text_ends_in(name, ".json"))
        return read_config(name, &n->shape);
    struct checkpoint *c = checkpoint_open_weights(name);
    if (c) {
        shape_of(c, &n->shape);
        n->weights = (double)checkpoint_bytes(c);
        checkpoint_close(c);
        return 0;
    }
    if (!folder)
        return err_code();
    struct text why = { 0 };
    text_add(&why, err_text());
    bool absent = err_code() == ERR_IO;
    int rc = read_folder(name, &n->shape);
    if (rc == 0 && !absent)
        console_say(r->quiet, "planned by config.json alone: %s", text_s(&why));
    text_free(&why);
    return rc;
}

/* The part of the experts that no slot of a step meets, if they are chosen evenly. */
static double idle_part(const struct shape *s, double slots)
{
    return s->n_experts > 0 ? pow(1 - (double)s->n_chosen / (double)s->n_experts, slots - 1) : 0;
}

/* Bytes of one number of keys and values; a head of a position has a scale besides in q8. */
static double kv_each(enum kernel_kv type, const struct shape *s)
{
    double head = (double)(s->head_dim > 0 ? s->head_dim : 1);
    return (double)kernel_kv_bytes(type, (size_t)head) / (KERNEL_PAGE * head);
}

static int work_out(const struct request *r, struct need *n)
{
    const struct shape *s = &n->shape;
    TRY(read_shape(r, n->name, n));
    n->type = r->has_type ? r->type : s->type;
    if (n->weights == 0 || r->has_type)
        n->weights = (double)s->parameters * bytes_each(n->type);
    uint64_t most = s->max_positions > 0 && s->max_positions < POSITIONS ? s->max_positions : POSITIONS;
    n->context = r->context > 0 ? (uint64_t)r->context : most;
    n->kv_position = (double)shape_kv_values(s) * kv_each(r->kv, s);
    n->kv = n->kv_position * (double)n->context * (double)r->slots;
    double each = (double)shape_activations(s), chunk = fmax(1, fmin(CHUNK, floor(CHUNK_MOST / each)));
    n->activations = each * chunk + (double)s->n_vocab * sizeof(float) * (double)r->slots;
    n->total = n->weights + n->kv + n->activations;
    double idle = (double)s->embedding + (double)s->idle * idle_part(s, (double)r->slots);
    n->step = n->weights * (1 - idle / (double)s->parameters) + n->kv;
    return 0;
}

static void print_size(double bytes)
{
    if (bytes >= 1e9)
        printf("%.1f GB", bytes / 1e9);
    else
        printf("%.1f MB", bytes / 1e6);
}

static void print_need(const struct request *r, const struct need *n)
{
    const struct shape *s = &n->shape;
    clean_print(n->name);
    printf("\n  parameters      ");
    if (s->parameters >= 10000000)
        printf("%.2f B", (double)s->parameters / 1e9);
    else
        printf("%llu", (unsigned long long)s->parameters);
    printf(" (%s: %llu layers of width %llu, %llu heads of %llu, %llu for keys and values)\n", s->architecture,
           (unsigned long long)s->n_layers, (unsigned long long)s->dim, (unsigned long long)s->n_heads,
           (unsigned long long)s->head_dim, (unsigned long long)s->n_kv_heads);
    printf("  weights         ");
    print_size(n->weights);
    double values = (double)shape_kv_values(s) / 1024;
    printf(
        " in %s\n  KV cache        %.6g KiB a position in float32 (%.6g in bf16); %llu positions, %lld slot%s in %s: ",
        dtype_name(n->type), values * kv_each(KERNEL_KV_F32, s), values * kv_each(KERNEL_KV_BF16, s),
        (unsigned long long)n->context, (long long)r->slots, r->slots == 1 ? "" : "s", kernel_kv_name(r->kv));
    print_size(n->kv);
    if (s->max_positions > 0 && n->context > s->max_positions)
        printf("; its own limit is %llu positions", (unsigned long long)s->max_positions);
    printf("\n  activations     ");
    print_size(n->activations);
    printf("\n  memory          ");
    print_size(n->total);
    printf("\n  speed           %.3g tokens/s at most: a step reads ", (double)r->slots * r->bandwidth / n->step);
    print_size(n->step);
    printf("\n");
}

/* Bytes as a number of JSON; many slots of long contexts are more than an integer holds. */
static json_t *json_bytes(double bytes)
{
    return bytes < 0x1p53 ? json_integer((json_int_t)bytes) : json_real(floor(bytes));
}

static void print_json(const struct request *r, const struct need *n)
{
    const struct shape *s = &n->shape;
    double bf16 = (double)shape_kv_values(s) * kv_each(KERNEL_KV_BF16, s);
    json_t *o = json_pack("{s:o,s:s,s:I,s:s,s:o,s:s,s:o,s:o,s:I,s:I,s:o,s:o,s:o,s:f}", "name", doc_text(n->name),
                          "architecture", s->architecture, "parameters", (json_int_t)s->parameters, "type",
                          dtype_name(n->type), "weight_bytes", json_bytes(n->weights), "kv", kernel_kv_name(r->kv),
                          "kv_bytes_per_position", json_bytes(n->kv_position), "kv_bytes_per_position_bf16",
                          json_bytes(bf16), "context", (json_int_t)n->context, "slots", (json_int_t)r->slots,
                          "kv_bytes", json_bytes(n->kv), "activation_bytes", json_bytes(n->activations), "bytes",
                          json_bytes(n->total), "tokens_per_s", (double)r->slots * r->bandwidth / n->step);
    struct text t = { 0 };
    assert(o);
    doc_canonical(&t, o);
    puts(text_s(&t));
    text_free(&t);
    json_decref(o);
}

static double machine_memory(void)
{
    return (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
}

/* All of them side by side, a token of each in turn. */
static void print_all(const struct args *a, const struct request *r, const struct need n[], size_t count)
{
    double total = 0, step = 0, memory = machine_memory();
    for (size_t i = 0; i < count; i++) {
        total += n[i].total;
        step += n[i].step;
    }
    if (a->json) {
        printf("{\"all\":%zu,\"bytes\":%.0f,\"memory\":%.0f,\"fits\":%s,\"bandwidth\":%.4g,\"tokens_per_s\":%.6g}\n",
               count, total, memory, total <= memory ? "true" : "false", r->bandwidth,
               (double)r->slots * r->bandwidth / step);
        return;
    }
    printf("together          ");
    print_size(total);
    printf(" of the ");
    print_size(memory);
    printf(" here: %s; %.3g tokens/s of each at most, memory is read at %.1f GB/s\n",
           total <= memory ? "fits" : "does not fit", (double)r->slots * r->bandwidth / step, r->bandwidth / 1e9);
}

/* The same on a card: keys and values are bf16 there. */
static int print_card(const struct args *a, const struct plan_card *c, const struct need n[], size_t count)
{
    struct plan_card_need *on = mem_alloc(count, sizeof *on);
    for (size_t i = 0; i < count; i++) {
        const struct shape *s = &n[i].shape;
        double rows = (double)(s->n_vocab * s->dim) * (s->tied_head ? 1 : 2);
        double top = fmin(1, rows / (double)s->parameters) * n[i].weights;
        on[i] = (struct plan_card_need){ .name = n[i].name,
                                         .weights = n[i].weights,
                                         .top = top,
                                         .layer = (n[i].weights - top) / (double)s->n_layers,
                                         .kv = n[i].kv / 2,
                                         .activations = n[i].activations,
                                         .step = n[i].step - n[i].kv / 2 };
    }
    int rc = plan_card_print(a, c, on, count);
    free(on);
    return rc;
}

static int read_type(const struct args *a, struct request *r)
{
    const char *seen = options_text(a, "type"), *names[DTYPE_COUNT];
    for (int t = 0; t < DTYPE_COUNT; t++) {
        names[t] = dtype_name((enum dtype)t);
        if (seen && strcmp(seen, names[t]) == 0) {
            r->type = (enum dtype)t;
            r->has_type = true;
        }
    }
    return seen && !r->has_type ? err_unknown(ERR_USAGE, "type", seen, names, DTYPE_COUNT) : 0;
}

static int read_kv(const struct args *a, struct request *r)
{
    const char *seen = options_text(a, "kv"), *names[KERNEL_KV_TYPES];
    for (int t = 0; t < KERNEL_KV_TYPES; t++) {
        names[t] = kernel_kv_name((enum kernel_kv)t);
        r->kv = strcmp(seen, names[t]) == 0 ? (enum kernel_kv)t : r->kv;
    }
    if (strcmp(seen, names[r->kv]) == 0)
        return 0;
    return err_unknown(ERR_USAGE, "type of keys and values", seen, names, KERNEL_KV_TYPES);
}

static int read_request(const struct args *a, struct request *r)
{
    int64_t n_threads = (int64_t)threads_cores();
    double gb = 0;
    r->slots = 1;
    TRY(read_type(a, r));
    TRY(read_kv(a, r));
    TRY(options_int(a, "context", 1, 1 << 24, &r->context));
    TRY(options_int(a, "slots", 1, 1 << 20, &r->slots));
    TRY(options_int(a, "threads", 1, 1024, &n_threads));
    TRY(options_real(a, "bandwidth", 1e-3, 1e6, &gb));
    r->n_threads = (size_t)n_threads;
    r->bandwidth = gb * 1e9;
    return 0;
}

/* Last, since it takes a third of a second: what is wrong otherwise is said before. */
static int find_bandwidth(struct request *r, const struct plan_card *c)
{
    if (r->bandwidth > 0)
        return 0;
    if (c) {
        r->bandwidth = c->bandwidth;
        return 0;
    }
    struct threads *t = threads_alloc(r->n_threads);
    r->bandwidth = bandwidth_measure(t);
    threads_free(t);
    return r->bandwidth < 0 ? err_code() : 0;
}

static int run_plan(const struct args *a)
{
    struct request r = { .quiet = a->quiet };
    struct need *n = mem_alloc(a->n_operands, sizeof *n);
    struct plan_card c;
    int rc = read_request(a, &r), card = rc == 0 ? plan_card_open(a, &c) : 0;
    rc = card < 0 ? card : rc;
    for (size_t i = 0; i < a->n_operands; i++)
        n[i].name = a->operand[i];
    for (size_t i = 0; rc == 0 && i < a->n_operands; i++)
        rc = work_out(&r, &n[i]);
    rc = rc == 0 ? find_bandwidth(&r, card == 1 ? &c : NULL) : rc;
    for (size_t i = 0; rc == 0 && i < a->n_operands; i++)
        (a->json ? print_json : print_need)(&r, &n[i]);
    if (rc == 0 && card == 0)
        print_all(a, &r, n, a->n_operands);
    if (rc == 0 && card == 1)
        rc = print_card(a, &c, n, a->n_operands);
    free(n);
    return rc;
}

static const struct option_row options[] = {
    { "type", "TYPE", NULL, "weights as if they were of this type: bf16, q8_0, q4_k, ...; default: their own" },
    { "context", "N", NULL, "positions of a slot; default: 1024, or the checkpoint's limit where that is less" },
    { "kv", "TYPE", "f32", "type of keys and values: f32, bf16, q8" },
    { "slots", "N", "1", "sequences decoded side by side" },
    { "bandwidth", "GB/S", NULL, "at which memory is read; default: measured here" },
    { "threads", "N", NULL, "threads that read; default: physical cores" },
    PLAN_CARD_OPTIONS,
};

const struct verb verb_plan = {
    .name = "plan",
    .operands = "CHECKPOINT...",
    .min_operands = 1,
    .max_operands = 100,
    .summary = "memory and tokens/s of checkpoints here, from headers or config.json alone",
    .details =
        "CHECKPOINT may also be a config.json, or a folder that holds nothing else.  Speed is what reading memory\n"
        "allows: a step reads all weights once (the experts that are chosen) and the keys and values of its slots.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run_plan,
};
