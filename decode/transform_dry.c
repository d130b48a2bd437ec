/* dry(multiplier, base, allowed, last_n, breakers): penalises a symbol that would prolong a repetition.
 *
 * With L the length of the longest tail of what was said that also stands before an earlier place where v was said,
 *     score(v) - multiplier * base^(L - allowed)     for L >= allowed
 * among the last_n last symbols of prompt and text (at most ROW_WORK_TAIL of them).  No repetition is seen through a
 * breaker: L is at most what was said after the last one.  A symbol that is or holds a breaker is never penalised.  The
 * exponent stops where base^e would leave float's range (llama.cpp's clamp).
 *
 * A breaker of ids is a sequence of symbols; of text, it is where its last byte stands in what was said, so that a text
 * spelled with several symbols breaks as well.  Without the parameter they are '\n', ':', '"' and '*', as in llama.cpp;
 * [] is none.  Linear in last_n (Z-function), besides the breakers' text.
 * Other systems: text-generation-webui caps a match at 50 symbols; ExLlama multiplies by the number of occurrences;
 * Aphrodite counts L with the new symbol. */
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/row_math.h"
#include "decode/ending.h"
#include "decode/scratch.h"
#include "decode/transforms.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOG_FLT_MAX 88.7228391
#define MOST        1e30 /* of a penalty: no score becomes -inf */

struct breakers {
    struct phrases phrases;
    bool last[256]; /* bytes that a breaker of text ends with */
};

static int dry_prepare(struct transform *t, const struct space *space)
{
    static const char *const usual[] = { "\n", ":", "\"", "*" };
    struct spec_value list = t->value[4];
    if (!list.list)
        list = (struct spec_value){ .list = usual, .n_list = sizeof usual / sizeof *usual };
    if (!t->extra)
        t->extra = mem_alloc(1, sizeof(struct breakers));
    struct breakers *b = t->extra;
    phrases_fini(&b->phrases);
    *b = (struct breakers){ 0 };
    TRY(phrases_read(&b->phrases, &list));
    for (size_t i = 0; i < b->phrases.n; i++)
        if (b->phrases.item[i].text)
            b->last[(uint8_t)b->phrases.item[i].text[b->phrases.item[i].n_text - 1]] = true;
    return space ? phrases_check(&b->phrases, space) : 0;
}

static void dry_release(struct transform *t)
{
    struct breakers *b = t->extra;
    phrases_fini(&b->phrases);
    free(b);
}

/* Whether a breaker of text may end in symbol v: most symbols hold none of their last bytes. */
static bool may_end_text(const struct breakers *b, const struct space *space, sym_t v)
{
    size_t len = 0;
    const uint8_t *bytes = space && v < space->n ? space_text(space, v, &len) : NULL;
    for (size_t i = 0; i < len; i++)
        if (b->last[bytes[i]])
            return true;
    return false;
}

/* Whether the breaker of ids p stands whole where its first symbol is `back` places from the end. */
static bool stands(const struct phrase *p, const struct transform_at *at, size_t back)
{
    size_t said = transform_said(at);
    if (p->text || p->n_ids > back + 1)
        return false;
    for (size_t k = 0; k < p->n_ids; k++)
        if (transform_symbol(at, said - 1 - back + k) != p->ids[k])
            return false;
    return true;
}

/* Symbols said behind the breaker of ids that begins last (the longest of several that begin there), at most limit. */
static size_t since_ids(const struct phrases *p, const struct transform_at *at, size_t n, size_t limit)
{
    size_t reach = 1;
    for (size_t i = 0; i < p->n; i++)
        reach = p->item[i].n_ids > reach ? p->item[i].n_ids : reach;
    for (size_t back = 0; back < n && back + 1 < limit + reach; back++) {
        size_t longest = 0;
        for (size_t i = 0; i < p->n; i++)
            if (p->item[i].n_ids > longest && stands(&p->item[i], at, back))
                longest = p->item[i].n_ids;
        if (longest > 0)
            return back + 1 - longest < limit ? back + 1 - longest : limit;
    }
    return limit;
}

/* Whether some breaker of text is complete with the symbol `back` places from the end. */
static bool breaks_text(const struct breakers *b, const struct transform_at *at, size_t back)
{
    size_t said = transform_said(at) - 1 - back;
    sym_t v = transform_symbol(at, said);
    if (!may_end_text(b, at->space, v))
        return false;
    struct transform_at before = *at;
    before.n_prompt = said < at->n_prompt ? said : at->n_prompt;
    before.n_made = said - before.n_prompt;
    for (size_t i = 0; i < b->phrases.n; i++)
        if (b->phrases.item[i].text && ending_completes(&b->phrases.item[i], &before, v))
            return true;
    return false;
}

static size_t since_text(const struct breakers *b, const struct transform_at *at, size_t limit)
{
    size_t back = 0;
    while (back < limit && !breaks_text(b, at, back))
        back++;
    return back;
}

static bool is_breaker(const struct breakers *b, const struct space *space, sym_t v)
{
    size_t len = 0;
    bool may = may_end_text(b, space, v);
    const uint8_t *bytes = may ? space_text(space, v, &len) : NULL;
    for (size_t i = 0; i < b->phrases.n; i++) {
        const struct phrase *p = &b->phrases.item[i];
        if (p->text ? may && memmem(bytes, len, p->text, p->n_text) != NULL : p->n_ids == 1 && p->ids[0] == v)
            return true;
    }
    return false;
}

/* The longest repetition that each symbol would prolong, in longest[], where it is at least `allowed`.  What a symbol
 * has from an earlier step is cleared first. */
static int prolonged(const struct transform_at *at, const struct row *r, size_t n, size_t limit, size_t allowed)
{
    float *longest = at->work->spare[SCRATCH_STEP];
    size_t said = transform_said(at);
    for (size_t k = 0; k < n; k++) {
        sym_t v = transform_symbol(at, said - 1 - k);
        TRY(transform_inside(v, r->n));
        longest[v] = -1;
    }
    for (size_t k = 1; k < n; k++) {
        size_t len = at->work->tail[k] < limit ? at->work->tail[k] : limit;
        sym_t v = transform_symbol(at, said - k);
        if (len >= allowed && (float)len > longest[v])
            longest[v] = (float)len;
    }
    return 0;
}

static double penalty_of(const struct transform *t, double excess)
{
    double base = num_log(t->value[1].number);
    if (base > 1e-6)
        excess = fmin(excess, floor(LOG_FLT_MAX / base));
    return fmin(t->value[0].number * math_exp64(excess * base), MOST);
}

static int dry_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    const struct breakers *breakers = t->extra;
    float *longest = at->work->spare[SCRATCH_STEP];
    size_t said = transform_said(at), allowed = transform_count(t, 2), limit = 0;
    (void)state;
    if (t->value[0].number == 0)
        return 0;
    size_t n = transform_tail(at, t->value[3].number);
    if (n <= allowed)
        return 0;
    for (size_t k = 1; k < n; k++)
        limit = at->work->tail[k] > limit ? at->work->tail[k] : limit;
    if (limit < allowed)
        return 0;
    limit =
        since_ids(&breakers->phrases, at, n, limit); /* what is further back than the longest repetition ends none */
    limit = since_text(breakers, at, limit);
    if (limit < allowed)
        return 0;
    TRY(prolonged(at, r, n, limit, allowed));
    for (size_t k = 1; k < n; k++) {
        sym_t v = transform_symbol(at, said - k);
        float len = longest[v];
        longest[v] = -1;
        if (len >= 0 && r->score[v] > -INFINITY && !is_breaker(breakers, at->space, v))
            r->score[v] = (float)((double)r->score[v] - penalty_of(t, (double)len - (double)allowed));
    }
    return row_measure(r);
}

static const struct param dry_params[] = {
    { .name = "multiplier",
      .kind = PARAM_REAL,
      .max = 1e6,
      .required = true,
      .meaning = "penalty of a repetition of just `allowed` symbols; 0 is off; 0.8 is common" },
    { .name = "base",
      .kind = PARAM_REAL,
      .min = 1,
      .max = 1e6,
      .value = 1.75,
      .meaning = "what each further symbol of the repetition multiplies the penalty by" },
    { .name = "allowed",
      .kind = PARAM_INT,
      .max = UINT32_MAX,
      .value = 2,
      .meaning = "repeated symbols from which the next is penalised" },
    { .name = "last_n",
      .kind = PARAM_INT,
      .min = -1,
      .max = UINT32_MAX,
      .value = -1,
      .meaning = "last symbols of prompt and text that count; -1 all" },
    { .name = "breakers",
      .kind = PARAM_LIST,
      .meaning = "texts or ids that no repetition is seen through; default newline : \" *" },
};

const struct transform_type transform_dry = {
    .name = "dry",
    .params = dry_params,
    .n_params = 5,
    .meaning = "makes what would prolong a repetition less likely, exponentially in its length",
    .domain = "logits",
    .source = "p-e-w 2024 (text-generation-webui #5677), llama.cpp",
    .shown = { "dry(0.8, allowed=1)" },
    .start = transform_start_none,
    .apply = dry_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .prepare = dry_prepare,
    .release = dry_release,
};
