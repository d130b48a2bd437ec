/* inspect: what a checkpoint is. */
#include "base/doc.h"
#include "base/err.h"
#include "cli/clean.h"
#include "cli/verbs.h"
#include "model/checkpoint.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SPECIALS 8 /* that are listed without --verbose */

static uint64_t count_parameters(const struct checkpoint *c, uint64_t *bytes)
{
    uint64_t n = 0;
    *bytes = 0;
    for (size_t i = 0; i < c->n_tensors; i++) {
        uint64_t elements = 1;
        for (uint32_t d = 0; d < c->tensors[i].n_dims; d++)
            elements *= c->tensors[i].dims[d];
        n += elements;
        *bytes += c->tensors[i].bytes;
    }
    return n;
}

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
    printf("  tokenizer       %s, %u entries of %u rows, bos %lld%s\n", vocab_kind(c->vocab), space->n,
           c->config.n_vocab, (long long)vocab_bos(c->vocab), vocab_adds_bos(c->vocab) ? " (put in front)" : "");
    print_ends(c, space);
    print_specials(a, c, space);
    printf("  symbol space    %016llx\n", (unsigned long long)space->hash);
}

static void print_shape(const struct checkpoint *c)
{
    const struct config *k = &c->config;
    printf("  layers          %u of width %u, feed-forward %u\n", k->n_layers, k->dim, k->ffn);
    printf("  attention       %u heads of %u, %u for keys and values; rope theta %g%s\n", k->n_heads, k->head_dim,
           k->n_kv_heads, (double)k->rope_theta, k->rope_interleaved ? ", interleaved" : "");
    printf("  head            %s\n  context         %u positions\n", k->tied_head ? "tied to the embedding" : "its own",
           k->max_positions);
    printf("  KV cache        %llu bytes a position (float32)\n",
           (unsigned long long)k->n_layers * 2 * k->n_kv_heads * k->head_dim * 4);
}

static void print_text(const struct args *a, const struct checkpoint *c)
{
    uint64_t bytes, n = count_parameters(c, &bytes);
    struct text types = { 0 };
    add_types(&types, c);
    clean_print(c->name);
    printf("\n  path            ");
    clean_print(c->path);
    printf("\n  format          %s\n  architecture    ", c->format);
    clean_print(c->config.architecture);
    printf("\n  parameters      %llu (%.1f MB of weights, %zu tensors)\n  types           %s\n", (unsigned long long)n,
           (double)bytes / 1e6, c->n_tensors, text_s(&types));
    text_free(&types);
    print_shape(c);
    if (c->vocab)
        print_vocab(a, c);
    if (c->chat_template)
        printf("  chat template   %zu bytes of Jinja (in --json)\n", strlen(c->chat_template));
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

static void print_json(const struct checkpoint *c)
{
    uint64_t bytes, n = count_parameters(c, &bytes);
    const struct config *k = &c->config;
    json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:b,s:I,s:s}", "name", c->name,
                          "path", c->path, "format", c->format, "architecture", k->architecture, "parameters",
                          (json_int_t)n, "bytes", (json_int_t)bytes, "vocab_rows", (int)k->n_vocab, "layers",
                          (int)k->n_layers, "width", (int)k->dim, "ffn", (int)k->ffn, "heads", (int)k->n_heads,
                          "kv_heads", (int)k->n_kv_heads, "head_dim", (int)k->head_dim, "context",
                          (int)k->max_positions, "tied_head", (int)k->tied_head, "kv_bytes_per_position",
                          (json_int_t)k->n_layers * 2 * k->n_kv_heads * k->head_dim * 4, "sha256", c->hash);
    if (o)
        json_object_set_new(o, "type_bytes", types_json(c));
    if (o && c->vocab) {
        json_object_set_new(o, "ends", ends_json(vocab_space(c->vocab)));
        json_object_set_new(o, "special", specials_json(vocab_space(c->vocab)));
        json_object_set_new(o, "tokenizer", json_string(vocab_kind(c->vocab)));
        json_object_set_new(o, "entries", json_integer(vocab_space(c->vocab)->n));
        json_object_set_new(o, "bos", json_integer(vocab_bos(c->vocab)));
        char space[17];
        snprintf(space, sizeof space, "%016llx", (unsigned long long)vocab_space(c->vocab)->hash);
        json_object_set_new(o, "space", json_string(space));
    }
    if (o && c->chat_template)
        json_object_set_new(o, "chat_template", json_string(c->chat_template));
    struct text t = { 0 };
    if (o)
        doc_canonical(&t, o);
    puts(text_s(&t));
    text_free(&t);
    json_decref(o);
}

static int run_inspect(const struct args *a)
{
    struct checkpoint *c = checkpoint_open(a->operand[0]);
    if (!c)
        return err_code();
    int rc = checkpoint_hash(c);
    if (rc == 0 && a->json)
        print_json(c);
    else if (rc == 0)
        print_text(a, c);
    checkpoint_close(c);
    return rc;
}

const struct verb verb_inspect = {
    .name = "inspect",
    .operands = "CHECKPOINT",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "what a checkpoint is: shape, types, tokenizer, special ids, parameters, bytes, KV bytes",
    .details = "--verbose lists the tensors and all special tokens.",
    .run = run_inspect,
};
