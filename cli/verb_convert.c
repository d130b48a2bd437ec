/* convert: checkpoints between formats and types. */
#include "base/err.h"
#include "cli/caught.h"
#include "cli/clean.h"
#include "cli/console.h"
#include "cli/verbs.h"
#include "model/checkpoint.h"
#include "model/convert.h"
#include <stdio.h>

static int tell(const struct args *a, const char *to)
{
    struct checkpoint *c = checkpoint_open_weights(to); /* what is there now is what the sizes are of */
    if (!c)
        return err_code();
    if (a->json) {
        printf("{\"format\":\"%s\",\"tensors\":%zu,\"parameters\":%llu,\"bytes\":%llu}\n", c->format, c->n_tensors,
               (unsigned long long)checkpoint_parameters(c), (unsigned long long)checkpoint_bytes(c));
    } else if (!a->quiet) {
        clean_print(to);
        printf(": %s, %zu tensors, %llu parameters, %.1f MB\n", c->format, c->n_tensors,
               (unsigned long long)checkpoint_parameters(c), (double)checkpoint_bytes(c) / 1e6);
    }
    checkpoint_close(c);
    return 0;
}

static int run_convert(const struct args *a)
{
    struct convert_options o = { .type = options_text(a, "type") };
    struct text remarks = { 0 };
    int64_t seed = 1;
    TRY(options_int(a, "seed", 0, INT64_MAX, &seed));
    o.seed = (uint64_t)seed;
    o.signal = caught_install();
    int rc = convert_checkpoint(a->operand[0], a->operand[1], &o, &remarks);
    if (rc == 0 && remarks.len > 0)
        console_say(a->quiet, "%s", text_s(&remarks));
    text_free(&remarks);
    return rc == 0 ? tell(a, a->operand[1]) : rc;
}

static const struct option_row options[] = {
    { "type", "TYPE", NULL, "of matrices: f32, f16, bf16; in GGUF also q8_0, q4_k; default: as they are" },
    { "seed", "N", "1", "of random weights" },
};

const struct verb verb_convert = {
    .name = "convert",
    .operands = "FROM TO",
    .min_operands = 2,
    .max_operands = 2,
    .summary = "between checkpoint formats, quantising; random:SHAPE makes random weights",
    .details = "TO is a GGUF file where its name ends in .gguf, else a folder; it must not be there yet.\n"
               "FROM may be random:llama(dim=256, layers=2, heads=4, kv_heads=2, ffn=512, vocab=512, context=2048)\n"
               "or random:FILE.json, a config.json of any architecture.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run_convert,
};
