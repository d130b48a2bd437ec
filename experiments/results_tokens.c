/* The traces of a results file, read a window of records at a time. */
#include "base/err.h"
#include "base/mem.h"
#include "experiments/results_inside.h"
#include <math.h>
#include <stdlib.h>

#define WINDOW ((uint64_t)1 << 18) /* symbols; about 56 bytes each, and 12 a voice */

static const struct {
    const char *path;
    bool whole;  /* numbers; else float */
    bool voices; /* one a symbol and voice */
    bool late;   /* older files lack it */
} columns[RESULTS_TOKENS] = {
    [TOKEN_ID] = { .path = "/tokens/ids", .whole = true },
    [TOKEN_KEPT] = { .path = "/tokens/kept", .whole = true },
    [TOKEN_LOGP] = { .path = "/tokens/logp" },
    [TOKEN_LOGP_FINAL] = { .path = "/tokens/logp_final" },
    [TOKEN_ENTROPY] = { .path = "/tokens/entropy" },
    [TOKEN_ENTROPY_FINAL] = { .path = "/tokens/entropy_final" },
    [TOKEN_MASS] = { .path = "/tokens/mass" },
    [TOKEN_DATA_ENTROPY] = { .path = "/tokens/data_entropy", .late = true },
    [TOKEN_DISAGREEMENT] = { .path = "/tokens/disagreement" },
    [TOKEN_EPKL] = { .path = "/tokens/epkl", .late = true },
    [TOKEN_RMI] = { .path = "/tokens/rmi", .late = true },
    [TOKEN_AGREEMENT] = { .path = "/tokens/agreement", .late = true },
    [TOKEN_VOICE_LOGP] = { .path = "/tokens/voice_logp", .voices = true },
    [TOKEN_VOICE_SHARE] = { .path = "/tokens/voice_share", .voices = true },
    [TOKEN_VOICE_WEIGHT] = { .path = "/tokens/voice_weight", .voices = true, .late = true },
};

void results_free_tokens(struct results *r)
{
    for (size_t i = 0; i < RESULTS_TOKENS; i++) {
        free(r->tokens[i]);
        r->tokens[i] = NULL;
    }
}

/* Each column must be as long as the offsets say. */
int results_check_tokens(const struct results *r)
{
    for (size_t i = 0; i < RESULTS_TOKENS; i++) {
        uint64_t n, want = columns[i].voices ? r->voice_offsets[r->n_records] : r->token_offsets[r->n_records];
        if (columns[i].late && !h5_has(r->file, columns[i].path))
            continue;
        TRY(h5_get_size(r->file, columns[i].path, &n));
        if (n != want)
            return err_set(ERR_DAMAGED, "the results file: '%s' does not fit the other arrays", columns[i].path);
    }
    return 0;
}

/* The records that are read together with record i: all, where they have at most WINDOW symbols, else as many as fit from
 * i on. */
static void choose_window(struct results *r, size_t i)
{
    bool all = r->token_offsets[r->n_records] <= WINDOW;
    size_t from = all ? 0 : i, to = all ? r->n_records : i + 1;
    while (to < r->n_records && r->token_offsets[to + 1] - r->token_offsets[from] <= WINDOW)
        to++;
    r->window_from = from;
    r->window_to = to;
}

static int load_column(struct results *r, size_t column)
{
    const uint64_t *offsets = columns[column].voices ? r->voice_offsets : r->token_offsets;
    uint64_t first = offsets[r->window_from], n = offsets[r->window_to] - first;
    hid_t type = columns[column].whole ? H5T_NATIVE_UINT32 : H5T_NATIVE_FLOAT;
    float *x = r->tokens[column] = mem_alloc((size_t)n, 4);
    if (!columns[column].late || h5_has(r->file, columns[column].path))
        return h5_get_part(r->file, columns[column].path, type, first, n, x);
    for (size_t i = 0; i < n; i++)
        x[i] = NAN;
    return 0;
}

static int load_window(struct results *r, size_t i)
{
    int rc = 0;
    results_free_tokens(r);
    choose_window(r, i);
    if (r->watch)
        r->watch->begins(r->watch->ctx);
    for (size_t k = 0; k < RESULTS_TOKENS && rc == 0; k++)
        rc = load_column(r, k);
    if (r->watch)
        r->watch->ends(r->watch->ctx);
    if (rc < 0)
        r->window_from = r->window_to = 0;
    return rc < 0 ? ERR_DAMAGED : 0;
}

int results_tokens(struct results *r, const struct results_record *record, struct results_tokens *out)
{
    size_t i = (size_t)(record - r->records);
    const float *f[RESULTS_TOKENS];
    if (i < r->window_from || i >= r->window_to)
        TRY(load_window(r, i));
    size_t at = (size_t)(r->token_offsets[i] - r->token_offsets[r->window_from]);
    size_t voice = (size_t)(r->voice_offsets[i] - r->voice_offsets[r->window_from]);
    for (size_t k = 0; k < RESULTS_TOKENS; k++)
        f[k] = columns[k].whole ? NULL : (const float *)r->tokens[k] + (columns[k].voices ? voice : at);
    *out = (struct results_tokens){ .n = (size_t)(r->token_offsets[i + 1] - r->token_offsets[i]),
                                    .n_voices = r->record_voices[i],
                                    .id = (const uint32_t *)r->tokens[TOKEN_ID] + at,
                                    .kept = (const uint32_t *)r->tokens[TOKEN_KEPT] + at,
                                    .logp = f[TOKEN_LOGP],
                                    .logp_final = f[TOKEN_LOGP_FINAL],
                                    .entropy = f[TOKEN_ENTROPY],
                                    .entropy_final = f[TOKEN_ENTROPY_FINAL],
                                    .mass = f[TOKEN_MASS],
                                    .data_entropy = f[TOKEN_DATA_ENTROPY],
                                    .disagreement = f[TOKEN_DISAGREEMENT],
                                    .epkl = f[TOKEN_EPKL],
                                    .rmi = f[TOKEN_RMI],
                                    .agreement = f[TOKEN_AGREEMENT],
                                    .voice_logp = f[TOKEN_VOICE_LOGP],
                                    .voice_share = f[TOKEN_VOICE_SHARE],
                                    .voice_weight = f[TOKEN_VOICE_WEIGHT] };
    return 0;
}
