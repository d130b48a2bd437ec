/* inspect: what a checkpoint is. */
#include "base/doc.h"
#include "base/err.h"
#include "cli/clean.h"
#include "cli/verbs.h"
#include "experiments/checkpoint_preset.h"
#include "model/architecture.h"
#include "model/rope.h"
#include "model/shape.h"
#include "model/template.h"
#include "model/weights.h"
#include <stdio.h>
#include <string.h>

#define SPECIALS 8 /* that are listed without --verbose */

static void print_tensors(const struct checkpoint *c)
{
    for (size_t i = 0; i < c->n_tensors; i++) {
        const struct tensor *t = &c->tensors[i];
        printf("  ");
        clean_print(t->name);
        printf("%*s %-5s ", strlen(t->name) < 52 ? (int)(52 - strlen(t->name)) : 0, "", dtype_name(t->type));
        for (uint32_t d = 0; d < t->n_dims; d++)
            printf("%s%llu", d == 0 ? "" : " x ", (unsigned long long)t->dims[d]);
        printf("\n");
    }
}

/* "18 bf16, 2 f32" */
static void add_types(struct text *t, const struct checkpoint *c)
{
    for (int type = 0; type < DTYPE_COUNT; type++) {
        size_t n = 0;
        for (size_t i = 0; i < c->n_tensors; i++)
            n += c->tensors[i].type == (enum dtype)type;
        if (n > 0)
            text_addf(t, "%s%zu %s", t->len > 0 ? ", " : "", n, dtype_name((enum dtype)type));
    }
}

static void print_piece(const struct vocab *v, sym_t id)
{
    struct text t = { 0 };
    const char *piece = vocab_piece(v, id);
    text_add_json(&t, piece, strlen(piece));
    printf("%u ", id);
    clean_print(text_s(&t));
    text_free(&t);
}

static void print_token(const char *what, const struct vocab *v, int64_t id)
{
    printf("  %-16s", what);
    if (id >= 0)
        print_piece(v, (sym_t)id);
    printf(id >= 0 ? "\n" : "none\n");
}

static void print_ends(const struct checkpoint *c, const struct space *space)
{
    printf("  ends            ");
    for (size_t i = 0; i < space->n_ends; i++) {
        printf("%s", i == 0 ? "" : ", ");
        print_piece(c->vocab, space->ends[i]);
    }
    printf("\n");
}

/* Tokens that text cannot become unless it is asked for. */
static void print_specials(const struct args *a, const struct checkpoint *c, const struct space *space)
{
    size_t n = 0, most = a->verbose ? space->n : SPECIALS;
    printf("  special         ");
    for (sym_t s = 0; s < space->n; s++) {
        if (!space->special[s] || !*vocab_piece(c->vocab, s) || n++ >= most)
            continue;
        printf("%s", n == 1 ? "" : ", ");
        print_piece(c->vocab, s);
    }
    printf(n == 0 ? "none\n" : n > most ? ", and %zu more (--verbose)\n" : "\n", n - most);
}

static void print_vocab(const struct args *a, const struct checkpoint *c)
{
    const struct space *space = vocab_space(c->vocab);
    printf("  tokenizer       %s, %u entries of %u rows\n", vocab_kind(c->vocab), space->n, c->config.n_vocab);
    print_token(vocab_adds_bos(c->vocab) ? "bos, in front" : "bos", c->vocab, vocab_bos(c->vocab));
    print_token("eos", c->vocab, vocab_eos(c->vocab));
    print_ends(c, space);
    print_specials(a, c, space);
    printf("  symbol space    %016llx\n", (unsigned long long)space->hash);
}

/* How a position enters: "rope theta 10000, dynamic factor 8 of 2048 positions, for 16384". */
static void add_positions(struct text *t, const struct config *k)
{
    switch (architecture_of(k)->positions) {
    case POSITIONS_ROPE: rope_describe(k, k->max_positions, t); break;
    case POSITIONS_ALIBI: text_add(t, "ALiBi, by the distance alone"); break;
    case POSITIONS_LEARNED: text_addf(t, "learned, a row for each of %u", k->max_positions); break;
    }
}

static uint32_t windowed(const struct config *k)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < k->n_layers; i++)
        n += config_window(k, i) > 0;
    return n;
}

static void print_shape(const struct checkpoint *c)
{
    const struct config *k = &c->config;
    struct shape s;
    struct text positions = { 0 };
    shape_of(c, &s);
    add_positions(&positions, k);
    printf("  layers          %u of width %u, feed-forward %u\n", k->n_layers, k->dim, k->ffn);
    if (k->n_experts > 0)
        printf("  experts         %u of %u a token, each of width %u\n", k->n_chosen, k->n_experts, k->expert_ffn);
    printf("  attention       %u heads of %u, %u for keys and values\n", k->n_heads, k->head_dim, k->n_kv_heads);
    if (k->window > 0)
        printf("  window          %u positions in %u of the layers\n", k->window, windowed(k));
    printf("  positions       %s%s\n", text_s(&positions), k->rope_interleaved ? ", interleaved" : "");
    if (architecture_of(k)->positions != POSITIONS_ALIBI)
        printf("  context         %u positions\n", k->max_positions);
    printf("  head            %s\n", k->tied_head ? "tied to the embedding" : "its own");
    printf("  KV cache        %llu bytes a token in float32, %llu in bf16\n",
           (unsigned long long)shape_kv_values(&s) * 4, (unsigned long long)shape_kv_values(&s) * 2);
    text_free(&positions);
}

static void print_template(const struct checkpoint *c)
{
    const char *known = c->chat_template ? template_known(c->chat_template) : NULL;
    if (known)
        printf("  chat template   %s (%zu bytes of Jinja, in --json)\n", known, strlen(c->chat_template));
    else if (c->chat_template)
        printf("  chat template   own, unknown: give --template (%zu bytes of Jinja, in --json)\n",
               strlen(c->chat_template));
    else if (c->vocab && vocab_has_marks(c->vocab))
        printf("  chat template   none; tigerbot-web by its two marks\n");
    else
        printf("  chat template   none: give --template for turns and system texts\n");
}

/* The preset @checkpoint, and what of the checkpoint's words is not in it. */
static void print_defaults(const struct checkpoint *c)
{
    struct text chain = { 0 }, left = { 0 };
    printf("  defaults        ");
    if (c->generation.from == GENERATION_NONE)
        printf("none stated");
    else if (checkpoint_preset(c, &chain, &left) < 0)
        clean_print(err_text());
    else
        clean_print(chain.len > 0 ? chain.s : "the distribution as it is");
    printf(c->generation.from == GENERATION_NONE ? "\n" : " (@checkpoint)\n");
    if (left.len > 0) {
        printf("  left out        ");
        clean_print(left.s);
        printf("\n");
    }
    text_free(&chain);
    text_free(&left);
}

/* What keeps its weights from being computed, "" for nothing: a config.json that is not theirs.  Valid until the next error. */
static const char *misfit(const struct checkpoint *c)
{
    struct weights *w = weights_open(c);
    weights_close(w);
    return w ? "" : err_text();
}

static void print_misfit(const struct checkpoint *c)
{
    const char *why = misfit(c);
    if (!*why)
        return;
    printf("  cannot compute  ");
    clean_print(why);
    printf("\n");
}

/* why: what is wrong with the tokenizer of a checkpoint without one. */
static void print_text(const struct args *a, const struct checkpoint *c, const char *why)
{
    struct text types = { 0 };
    add_types(&types, c);
    clean_print(c->name);
    printf("\n  path            ");
    clean_print(c->path);
    printf("\n  format          %s\n  architecture    ", c->format);
    clean_print(c->config.architecture);
    printf("\n  parameters      %llu (%.1f MB of weights, %zu tensors)\n  types           %s\n",
           (unsigned long long)checkpoint_parameters(c), (double)checkpoint_bytes(c) / 1e6, c->n_tensors,
           text_s(&types));
    text_free(&types);
    print_shape(c);
    print_misfit(c);
    printf(c->vocab ? "" : "  tokenizer       none: ");
    if (c->vocab)
        print_vocab(a, c);
    else
        clean_print(why);
    printf(c->vocab ? "" : "\n");
    print_template(c);
    print_defaults(c);
    if (c->hash[0])
        printf("  SHA-256         %s\n", c->hash);
    if (a->verbose)
        print_tensors(c);
}

static json_t *types_json(const struct checkpoint *c)
{
    json_t *o = json_object();
    for (int type = 0; type < DTYPE_COUNT; type++) {
        uint64_t n = 0;
        for (size_t i = 0; i < c->n_tensors; i++)
            n += c->tensors[i].type == (enum dtype)type ? c->tensors[i].bytes : 0;
        if (n > 0)
            json_object_set_new(o, dtype_name((enum dtype)type), json_integer((json_int_t)n));
    }
    return o;
}

static json_t *ends_json(const struct space *s)
{
    json_t *o = json_array();
    for (size_t i = 0; i < s->n_ends; i++)
        json_array_append_new(o, json_integer(s->ends[i]));
    return o;
}

static json_t *specials_json(const struct space *s)
{
    json_t *o = json_array();
    for (sym_t i = 0; i < s->n; i++)
        if (s->special[i])
            json_array_append_new(o, json_integer(i));
    return o;
}

static void add_text(json_t *o, const char *key, const struct text *t)
{
    json_t *s = json_stringn(text_s(t), t->len);
    json_object_set_new(o, key, s ? s : json_null()); /* null: no UTF-8 */
}

static void add_vocab(json_t *o, const struct vocab *v)
{
    char space[17];
    snprintf(space, sizeof space, "%016llx", (unsigned long long)vocab_space(v)->hash);
    json_object_set_new(o, "ends", ends_json(vocab_space(v)));
    json_object_set_new(o, "special", specials_json(vocab_space(v)));
    json_object_set_new(o, "tokenizer", json_string(vocab_kind(v)));
    json_object_set_new(o, "entries", json_integer(vocab_space(v)->n));
    json_object_set_new(o, "bos", json_integer(vocab_bos(v)));
    json_object_set_new(o, "eos", json_integer(vocab_eos(v)));
    json_object_set_new(o, "space", json_string(space));
}

/* null: the checkpoint has no chat template; none is known; it states no defaults, or none that are a chain. */
static void add_prompting(json_t *o, const struct checkpoint *c)
{
    struct text positions = { 0 }, chain = { 0 }, left = { 0 };
    const char *known = c->chat_template ? template_known(c->chat_template) : NULL;
    bool stated = c->generation.from != GENERATION_NONE && checkpoint_preset(c, &chain, &left) == 0;
    add_positions(&positions, &c->config);
    add_text(o, "positions", &positions);
    json_object_set_new(o, "template", known ? json_string(known) : json_null());
    json_object_set_new(o, "chat_template", c->chat_template ? doc_text(c->chat_template) : json_null());
    json_object_set_new(o, "defaults", json_null());
    if (stated)
        add_text(o, "defaults", &chain);
    add_text(o, "defaults_left_out", &left);
    text_free(&positions);
    text_free(&chain);
    text_free(&left);
}

static void print_json(const struct checkpoint *c)
{
    const struct config *k = &c->config;
    struct shape shape;
    struct text t = { 0 };
    shape_of(c, &shape);
    json_t *o = json_pack(
        "{s:o,s:o,s:s,s:s,s:I,s:I,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:b,s:I,s:s}", "name", doc_text(c->name), "path",
        doc_text(c->path), "format", c->format, "architecture", k->architecture, "parameters",
        (json_int_t)checkpoint_parameters(c), "bytes", (json_int_t)checkpoint_bytes(c), "vocab_rows", (int)k->n_vocab,
        "layers", (int)k->n_layers, "width", (int)k->dim, "ffn", (int)k->ffn, "heads", (int)k->n_heads, "kv_heads",
        (int)k->n_kv_heads, "head_dim", (int)k->head_dim, "context", (int)k->max_positions, "tied_head",
        (int)k->tied_head, "kv_bytes_per_position", (json_int_t)shape_kv_values(&shape) * 4, "sha256", c->hash);
    if (o) {
        const char *why = misfit(c);
        json_object_set_new(o, "type_bytes", types_json(c));
        json_object_set_new(o, "cannot_compute", *why ? doc_text(why) : json_null());
        add_prompting(o, c);
        if (c->vocab)
            add_vocab(o, c->vocab);
        doc_canonical(&t, o);
    }
    puts(text_s(&t));
    text_free(&t);
    json_decref(o);
}

/* Without its tokenizer where that is absent or of an unsupported kind; why: what is wrong with it. */
static struct checkpoint *open_any(const char *name, struct text *why)
{
    struct checkpoint *c = checkpoint_open(name);
    if (c)
        return c;
    int code = err_code();
    text_add(why, err_text());
    if (!(c = checkpoint_open_weights(name)))
        err_set((enum err)code, "%s", text_s(why));
    return c;
}

static int run_inspect(const struct args *a)
{
    struct text why = { 0 };
    struct checkpoint *c = open_any(a->operand[0], &why);
    int rc = c ? 0 : err_code();
    if (c && c->vocab)
        rc = checkpoint_hash(c);
    if (rc == 0 && a->json)
        print_json(c);
    else if (rc == 0)
        print_text(a, c, text_s(&why));
    checkpoint_close(c);
    text_free(&why);
    return rc;
}

const struct verb verb_inspect = {
    .name = "inspect",
    .operands = "CHECKPOINT",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "what a checkpoint is: shape, types, tokenizer, special ids, parameters, bytes, KV bytes",
    .details =
        "--verbose lists the tensors and all special tokens.  A tokenizer that cannot be read is said, and there is\n"
        "no hash then; so are weights that do not fit the shape.  The hash reads every byte of the checkpoint.",
    .run = run_inspect,
};
