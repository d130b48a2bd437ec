/* decode/packed: a chain that works on few blocks gives what its steps give one by one on the whole row, bit for bit, and
 * so does the draw. */
#include "base/err.h"
#include "base/mem.h"
#include "decode/chain.h"
#include "decode/draw.h"
#include "decode/hyp.h"
#include "decode/packed.h"
#include "tests/lib/check.h"
#include "tests/lib/rows.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 256000 };

static const char *const first[] = { "top_k=40",     "top_p=0.3",       "min_p=0.5", "top_k(9, ties=all)",
                                     "typical=0.01", "top_n_sigma=0.5", "eta=0.01" };

/* Every blind step, and between them what needs the whole row. */
static const char *const then[] = {
    "temperature=0.8 | top_p=0.95",
    "top_p=0.95 | min_p=0.05 | temperature=0.8",
    "dynatemp=0.5 | edt=0.4 | quadratic(0.3, curve=2)",
    "skew=0.3 | skew(-0.2, order=id) | tfs=0.95",
    "normalise | top_a=0.2 | epsilon=0.001 | eta=0.002",
    "typical=0.9 | typical(0.8, bound=below, ties=all) | top_p(0.9, bound=over, ties=all)",
    "top_n_sigma=2 | top_h=0.9 | top_h(0.9, entropy=partial, among=100)",
    "p_less=1.5 | min_k=1 | temperature=3",
    "ees | diff(mass=0.9) | p_less_norm",
    "xtc(1, threshold=0.01) | xtc(0.5, threshold=0.01, form=expected)",
    "conformal(0.1, entropy=[2], mass=[0.8, 0.95]) | mirostat2=5",
    "repetition_penalty=1.3 | top_p=0.9 | bias([3:2.5]) | min_p=0.01 | mirostat1=3",
    "presence_penalty=0.4 | temperature=2 | top_k=7 | adaptive_p=0.4 | top_p=0.9",
    "temperature=0",
    "suppress([0, 1, 2, 3, 4, 5, 6, 7]) | top_k=5",
    /* more than are left, in a packed row or in the whole */
    "normalise | top_k=5000",
    "normalise | epsilon(0.9, min_keep=4000) | top_p(0.001, min_keep=4000) | min_p(0.999, min_keep=4000)",
    "normalise | top_k=64 | normalise | top_k=100",
};

struct scene {
    struct chain *chain;
    struct row row; /* as given */
    struct row_work *work;
    float *score;
    struct rng_address address;
    size_t n_packed, n_few; /* cases whose steps worked on few blocks; that were drawn from so */
};

static const sym_t said[] = { 3, 1, 4, 1, 5 };

static struct transform_at place(const struct scene *s)
{
    return (struct transform_at){ .made = said, .n_made = 5, .address = &s->address, .work = s->work };
}

static void *state_of(const struct chain *c)
{
    void *state = mem_aligned(chain_state_size(c) + 1, 1);
    chain_start(c, state);
    return state;
}

/* Whether chain_apply() packs: some step but the first is blind, and finds few blocks. */
static bool packs(struct scene *s, struct row *r)
{
    struct transform_at at = place(s);
    void *state = state_of(s->chain);
    bool few = false;
    for (size_t i = 0; i < chain_length(s->chain) && !few; i++) {
        check(chain_apply_step(s->chain, i, state, r, &at) == 0, "%s", err_text());
        if (row_dead(r))
            break;
        row_list(r, s->work);
        few = i + 1 < chain_length(s->chain) && chain_step(s->chain, i)->type->truncates &&
              chain_step(s->chain, i + 1)->type->blind && packed_short(r, s->work, PACKED_WORTH);
    }
    free(state);
    return few;
}

static void by_steps(struct scene *s, struct row *r)
{
    struct transform_at at = place(s);
    void *state = state_of(s->chain);
    for (size_t i = 0; i < chain_length(s->chain); i++)
        check(chain_apply_step(s->chain, i, state, r, &at) == 0, "%s", err_text());
    free(state);
}

/* What the hypothesis keeps of a decision: from the few blocks what the whole row says, and what chain_mass() does. */
static void decided(struct scene *s, const struct row *r, sym_t v)
{
    struct row whole = *r;
    struct hyp_step few = hyp_decide(&s->row, r, v, s->work), all;
    whole.few = 0;
    all = hyp_decide(&s->row, &whole, v, s->work);
    check(few.mass == all.mass && few.entropy_final == all.entropy_final && few.kept == all.kept,
          "row of %u: %s: mass %a, want %a", r->n, chain_text(s->chain), (double)few.mass, (double)all.mass);
    check(few.kept == row_count(r) && few.mass == (float)chain_mass(&s->row, r, s->work->spare[0]),
          "row of %u: %s: kept %u of mass %a", r->n, chain_text(s->chain), few.kept, (double)few.mass);
}

static void one(struct scene *s, const char *name)
{
    struct row whole = row_over(s->score, s->row.n), packed = row_over(s->score + MOST, s->row.n);
    struct transform_at at = place(s);
    struct draw draw = { .type = draw_find("gumbel") };
    row_copy(&whole, &s->row);
    row_copy(&packed, &s->row);
    s->n_packed += packs(s, &packed);
    row_copy(&packed, &s->row);
    by_steps(s, &whole);
    void *state = state_of(s->chain);
    check(chain_apply(s->chain, state, &packed, &at, NULL) == 0, "%s", err_text());
    free(state);
    check(memcmp(whole.score, packed.score, whole.n * sizeof(float)) == 0, "%s row of %u: %s", name, whole.n,
          chain_text(s->chain));
    check(whole.log_z == packed.log_z, "%s row of %u: %s: log Z", name, whole.n, chain_text(s->chain));
    if (row_dead(&whole))
        return;
    check(row_max(&whole) == row_max(&packed) && row_entropy(&whole) == row_entropy(&packed), "what is known of it");
    struct rng_key key = rng_key(&s->address);
    s->n_few += packed_short(&packed, s->work, PACKED_DRAW);
    sym_t v = draw_symbol(&draw, &packed, &s->address, s->work);
    check(v == row_draw(&whole, &key), "%s row of %u: %s: the draw", name, whole.n, chain_text(s->chain));
    decided(s, &packed, v);
}

int main(void)
{
    static const uint32_t sizes[] = { 1, 64, 700, 5000, 33333, MOST };
    struct scene s = { .work = row_work_alloc(MOST), .score = mem_alloc(2 * (size_t)MOST, sizeof(float)) };
    float *given = mem_alloc(MOST, sizeof *given);
    uint32_t n_sizes = getenv("CHORALE_LONG") ? 6 : 5, turn = 0;
    for (uint32_t f = 0; f < sizeof first / sizeof *first; f++)
        for (uint32_t t = 0; t < sizeof then / sizeof *then; t++) {
            char text[400];
            snprintf(text, sizeof text, "%s | %s", first[f], then[t]);
            s.chain = chain_parse(text);
            check(s.chain != NULL, "%s", err_text());
            for (uint32_t i = 0; i < n_sizes && s.chain; i++, turn++) {
                enum rows_kind kind = (enum rows_kind)(turn % ROWS_KINDS);
                if (sizes[i] == 1 && (strchr(then[t], '[') || strstr(then[t], "penalty")))
                    continue; /* a symbol that the row does not have */
                s.address = (struct rng_address){ .seed = turn, .step = 5, .purpose = RNG_DRAW };
                s.row = rows_make(kind, turn, given, sizes[i]);
                one(&s, rows_name(kind));
            }
            chain_free(s.chain);
        }
    for (uint32_t f = 0; f < sizeof first / sizeof *first; f++) { /* once at full size */
        s.chain = chain_parse(first[f]);
        s.row = rows_make(ROWS_PEAKED, f, given, MOST);
        one(&s, "peaked");
        chain_free(s.chain);
    }
    check(s.n_packed > 100 && s.n_few > 100, "%zu cases were packed, %zu drawn from few blocks", s.n_packed, s.n_few);
    free(given);
    free(s.score);
    row_work_free(s.work);
    return check_done("packed");
}
