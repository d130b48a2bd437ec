/* llama.cpp beside `chorale bench --rounds N --peer PROGRAM`: PROGRAM FILE.gguf THREADS WHAT prints seconds per step.
 *
 *     cc -O2 -I$LLAMA/include tests/peers/llama.c -o peer -L$LLAMA/lib -lllama -lggml -lggml-base -Wl,-rpath,$LLAMA/lib
 *
 * WHAT: "single", steps of one sequence after 64 symbols; "prefill", 512 symbols at once; "slots", steps of 32 sequences.
 * PROGRAM FILE.gguf THREADS sweep PROMPTS, beside `bench --sweep`: 12 temperatures x 8 draws of 64 symbols after each line of
 * PROMPTS (symbols), in independent batches of 32 sequences with its own sampler; prints seconds.
 * Not a part of the program: it is built by hand, where llama.cpp is. */
#include <llama.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PROMPT = 64, STEPS = 24, STEPS_LEAST = 4, PREFILL = 512, SLOTS = 32 };
enum { ARMS = 12, DRAWS = 8, PROMPTS = 32, LENGTH = 64, PROMPT_MOST = 16 }; /* as cli/bench_sweep.c */

struct prompt {
    llama_token symbol[PROMPT_MOST];
    int n;
};

static void quiet(enum ggml_log_level level, const char *text, void *user)
{
    (void)user;
    if (level >= GGML_LOG_LEVEL_ERROR)
        fputs(text, stderr);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* n symbols from position `at` on for each of the sequences; scores of the last.  Seconds; < 0: failed. */
static double decode(struct llama_context *c, struct llama_batch *b, int at, int n, int sequences)
{
    b->n_tokens = 0;
    for (int s = 0; s < sequences; s++)
        for (int i = 0; i < n; i++) {
            int k = b->n_tokens++;
            b->token[k] = 300 + (s * 7919 + (at + i) * 104729) % 30000;
            b->pos[k] = at + i;
            b->n_seq_id[k] = 1;
            b->seq_id[k][0] = s;
            b->logits[k] = i == n - 1;
        }
    double from = seconds();
    if (llama_decode(c, *b) != 0)
        return -1;
    llama_synchronize(c);
    volatile float used = llama_get_logits_ith(c, b->n_tokens - 1)[0];
    (void)used;
    return seconds() - from;
}

static double measure(struct llama_context *c, struct llama_batch *b, const char *what)
{
    if (strcmp(what, "prefill") == 0) {
        decode(c, b, 0, 16, 1); /* weights come into memory */
        llama_memory_clear(llama_get_memory(c), true);
        return decode(c, b, 0, PREFILL, 1);
    }
    int n = strcmp(what, "slots") == 0 ? SLOTS : 1;
    double best = 1e30, sum = 0;
    for (int s = 0; s < PROMPT; s += 16)
        if (decode(c, b, s, 16, n) < 0)
            return -1;
    for (int i = 0; i < STEPS && (i < STEPS_LEAST || sum < 1); i++) { /* as cli/bench_decode.c */
        double one = decode(c, b, PROMPT + i, 1, n);
        best = one < best ? one : best;
        sum += one;
    }
    return best;
}

static struct llama_sampler *sampler_of(int arm, uint32_t seed)
{
    struct llama_sampler *s = llama_sampler_chain_init(llama_sampler_chain_default_params());
    llama_sampler_chain_add(s, llama_sampler_init_temp(0.1f + 0.1f * (float)arm));
    llama_sampler_chain_add(s, llama_sampler_init_dist(seed));
    return s;
}

static void add(struct llama_batch *b, llama_token token, int pos, int sequence, bool wanted)
{
    int k = b->n_tokens++;
    b->token[k] = token;
    b->pos[k] = pos;
    b->n_seq_id[k] = 1;
    b->seq_id[k][0] = sequence;
    b->logits[k] = wanted;
}

/* The texts from..from + n - 1, each in a sequence of its own. */
static bool sweep_batch(struct llama_context *c, struct llama_batch *b, struct prompt prompts[], int from, int n)
{
    struct llama_sampler *sampler[SLOTS];
    int at[SLOTS];
    bool fine = true;
    llama_memory_clear(llama_get_memory(c), true);
    b->n_tokens = 0;
    for (int i = 0; i < n; i++) {
        const struct prompt *p = &prompts[(from + i) / (ARMS * DRAWS)];
        sampler[i] = sampler_of((from + i) % ARMS, (uint32_t)(from + i));
        for (int k = 0; k < p->n; k++)
            add(b, p->symbol[k], k, i, k == p->n - 1);
        at[i] = b->n_tokens - 1;
    }
    fine = llama_decode(c, *b) == 0;
    for (int step = 0; step < LENGTH && fine; step++) {
        llama_token next[SLOTS];
        for (int i = 0; i < n; i++)
            next[i] = llama_sampler_sample(sampler[i], c, at[i]);
        b->n_tokens = 0;
        for (int i = 0; i < n; i++) {
            add(b, next[i], prompts[(from + i) / (ARMS * DRAWS)].n + step, i, true);
            at[i] = i;
        }
        fine = step + 1 == LENGTH || llama_decode(c, *b) == 0;
    }
    for (int i = 0; i < n; i++)
        llama_sampler_free(sampler[i]);
    return fine;
}

static double sweep(struct llama_context *c, struct llama_batch *b, const char *path)
{
    static struct prompt prompts[PROMPTS];
    char line[4096];
    int n = 0, used, at;
    FILE *f = fopen(path, "r");
    while (f && n < PROMPTS && fgets(line, sizeof line, f)) {
        for (at = 0; prompts[n].n < PROMPT_MOST; at += used)
            if (sscanf(line + at, "%d%n", &prompts[n].symbol[prompts[n].n], &used) == 1)
                prompts[n].n++;
            else
                break;
        n++;
    }
    double from = seconds();
    for (int i = 0; i < n * ARMS * DRAWS; i += SLOTS)
        if (!sweep_batch(c, b, prompts, i, SLOTS))
            return -1;
    return n > 0 ? seconds() - from : -1;
}

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 5)
        return 2;
    llama_log_set(quiet, NULL);
    llama_backend_init();
    struct llama_model *m = llama_model_load_from_file(argv[1], llama_model_default_params());
    if (!m)
        return 3;
    struct llama_context_params p = llama_context_default_params();
    p.n_ctx = SLOTS * 128;
    p.n_batch = p.n_ubatch = 512;
    p.n_seq_max = SLOTS;
    p.kv_unified = true;
    p.n_threads = p.n_threads_batch = atoi(argv[2]);
    struct llama_context *c = llama_init_from_model(m, p);
    if (!c)
        return 4;
    struct llama_batch b = llama_batch_init(512, 0, 1);
    printf("%.9f\n", argc == 5 ? sweep(c, &b, argv[4]) : measure(c, &b, argv[3]));
    return 0;
}
