/* inspect: what a checkpoint is. */
#include "base/doc.h"
#include "base/err.h"
#include "cli/verbs.h"
#include "model/checkpoint.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

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
        printf("  %-52s %-5s ", t->name, dtype_name(t->type));
        for (uint32_t d = 0; d < t->n_dims; d++)
            printf("%s%llu", d == 0 ? "" : " x ", (unsigned long long)t->dims[d]);
        printf("\n");
    }
}

static void print_text(const struct args *a, const struct checkpoint *c)
{
    uint64_t bytes, n = count_parameters(c, &bytes);
    const struct config *k = &c->config;
    const struct space *space = c->vocab ? vocab_space(c->vocab) : NULL;
    printf("%s\n  path            %s\n  format          %s\n  architecture    %s\n", c->name, c->path, c->format,
           k->architecture);
    printf("  parameters      %llu (%.1f MB of weights, %zu tensors)\n", (unsigned long long)n, (double)bytes / 1e6,
           c->n_tensors);
    printf("  layers          %u of width %u, feed-forward %u\n", k->n_layers, k->dim, k->ffn);
    printf("  attention       %u heads of %u, %u for keys and values; rope theta %g%s\n", k->n_heads, k->head_dim,
           k->n_kv_heads, (double)k->rope_theta, k->rope_interleaved ? ", interleaved" : "");
    printf("  head            %s\n  context         %u positions\n", k->tied_head ? "tied to the embedding" : "its own",
           k->max_positions);
    printf("  KV cache        %llu bytes a position (float32)\n",
           (unsigned long long)k->n_layers * 2 * k->n_kv_heads * k->head_dim * 4);
    if (space) {
        printf("  tokenizer       %s, %u entries of %u rows, bos %lld%s\n", vocab_kind(c->vocab), space->n, k->n_vocab,
               (long long)vocab_bos(c->vocab), vocab_adds_bos(c->vocab) ? " (put in front)" : "");
        printf("  ends            ");
        for (size_t i = 0; i < space->n_ends; i++) {
            struct text t = { 0 };
            const char *piece = vocab_piece(c->vocab, space->ends[i]);
            text_add_json(&t, piece, strlen(piece));
            printf("%s%u %s", i == 0 ? "" : ", ", space->ends[i], text_s(&t));
            text_free(&t);
        }
        printf("\n  symbol space    %016llx\n", (unsigned long long)space->hash);
    }
    if (c->chat_template)
        printf("  chat template   %zu bytes of Jinja (in --json)\n", strlen(c->chat_template));
    if (c->hash[0])
        printf("  SHA-256         %s\n", c->hash);
    if (a->verbose)
        print_tensors(c);
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
    if (o && c->vocab) {
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
    .details = "--verbose lists the tensors.",
    .run = run_inspect,
};
