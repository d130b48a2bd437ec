#include "decode/audit.h"
#include "base/err.h"
#include "base/mem.h"
#include "decode/audit_noise.h"
#include "decode/search.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WANTS = 4096 };

/* What the searches of the table claim; a search that is not here claims no distribution over strings. */
static const struct {
    const char *search;
    enum audit_claim claim;
} claims[] = {
    { "sample", AUDIT_CHAIN },  { "speculative", AUDIT_CHAIN }, { "stochastic_beam", AUDIT_CHAIN },
    { "greedy", AUDIT_GREEDY }, { "beam", AUDIT_BEST },         { "best_first", AUDIT_BEST },
};
enum { N_CLAIMS = sizeof claims / sizeof *claims };

const char *audit_claim_name(enum audit_claim c)
{
    static const char *const names[] = { "none", "chain", "greedy", "best" };
    return names[c];
}

static int claim_of(const char *search, enum audit_claim *claim)
{
    const char *names[N_CLAIMS];
    size_t length = strcspn(search, " (=|");
    struct text name = { 0 }, canonical = { 0 };
    int rc = search_canonical(search, &canonical); /* an unknown search is told of first */
    text_addn(&name, search, length);
    *claim = AUDIT_NONE;
    for (size_t i = 0; i < N_CLAIMS; i++) {
        names[i] = claims[i].search;
        if (strcmp(text_s(&name), names[i]) == 0)
            *claim = claims[i].claim;
    }
    if (rc == 0 && *claim == AUDIT_NONE)
        rc = err_unknown(ERR_USAGE, "search that claims a distribution over strings", text_s(&name), names, N_CLAIMS);
    text_free(&name);
    text_free(&canonical);
    return rc;
}

/* Of a single string there is none where the chain's own draws decide which one it is. */
static int refuse_random(const struct chain *c, enum audit_claim claim)
{
    return claim != AUDIT_CHAIN && chain_random(c)
               ? err_set(ERR_USAGE,
                         "chain '%s': a step draws by itself, so that no single string is the %s one; want a search "
                         "that samples",
                         chain_text(c), claim == AUDIT_GREEDY ? "greedy" : "best")
               : 0;
}

/* The measured weight of each string, draw by draw. */
struct measured {
    const struct audit_args *args;
    const struct strings *strings;
    enum audit_claim claim;
    struct audit_sample sample;
    double outside, gap;
    size_t claimed; /* greedy, best: the string */
};

static double rating(const struct search *s, const struct string *x)
{
    return s->type->rate ? s->type->rate(s->value, x->logp, x->n) : x->logp;
}

static bool better(const struct search *s, const struct string *x, const struct string *than)
{
    return x->dead != than->dead ? than->dead : rating(s, x) > rating(s, than);
}

/* Where one string is claimed: which, and how much better it is than the one found. */
static void find_claimed(struct measured *m, const struct search *s, const struct string *found)
{
    const struct strings *all = m->strings;
    m->claimed = 0;
    for (size_t i = 1; i < all->n; i++)
        if (m->claim == AUDIT_GREEDY ? all->all[i].most_probable : better(s, &all->all[i], &all->all[m->claimed]))
            m->claimed = i;
    m->gap = found ? rating(s, &all->all[m->claimed]) - rating(s, found) : INFINITY;
}

static void count_hyps(struct measured *m, uint32_t draw, const struct search *s)
{
    size_t n;
    const struct hyp *h = search_hyps(s, &n);
    struct symbols made = { 0 };
    bool one = m->claim != AUDIT_CHAIN; /* a single string is claimed: the best found stands for the search */
    for (size_t i = 0; i < (one ? 1 : n); i++) {
        made.n = 0;
        for (size_t k = 0; k < h[i].n_steps; k++)
            symbols_add(&made, &h[i].steps[k].symbol, 1);
        const struct string *found = strings_find(m->strings, made.s, made.n);
        double weight = one ? 1 : exp(h[i].log_weight);
        if (found && found->dead != (h[i].end == HYP_DEAD))
            found = NULL;
        if (one)
            find_claimed(m, s, found);
        if (!found) {
            m->outside += weight;
            continue;
        }
        audit_sample_add(&m->sample, draw, (size_t)(found - m->strings->all), weight);
    }
    if (!one && (n != 1 || h[0].log_weight != 0))
        m->sample.weighted = true;
    free(made.s);
}

static int one_draw(struct measured *m, uint32_t draw, struct row_work *work, struct want wants[])
{
    const struct strings_args *on = &m->args->on;
    const struct stop stop = { .max_symbols = on->max_symbols };
    struct search_args args = { .lm = on->lm,
                                .chain = on->chain,
                                .stop = &stop,
                                .prompt = on->prompt,
                                .draft = m->args->draft,
                                .address = on->address };
    args.address.draw = draw;
    struct search *s = search_open(m->args->search, &args);
    if (!s)
        return err_code();
    int rc = 0, n = 0;
    while (rc == 0 && (n = search_want(s, wants, MAX_WANTS)) > 0) {
        rc = core_run(on->core, wants, (size_t)n);
        if (rc == 0)
            rc = search_feed(s, work);
        if (rc == 0)
            rc = search_move(s);
    }
    rc = rc < 0 ? rc : n;
    if (rc == 0)
        count_hyps(m, draw, s);
    search_close(s);
    return rc;
}

static int make_draws(struct measured *m, uint32_t draws)
{
    struct row_work *work = row_work_alloc(m->args->on.lm->space->n);
    struct want *wants = mem_alloc(MAX_WANTS, sizeof *wants);
    int rc = 0;
    m->sample.draws = draws;
    for (uint32_t d = 0; rc == 0 && d < draws; d++)
        rc = one_draw(m, d, work, wants);
    m->outside /= draws;
    free(wants);
    row_work_free(work);
    return rc;
}

/* p[n] of what is claimed. */
static void claimed(const struct measured *m, double p[])
{
    for (size_t i = 0; i < m->strings->n; i++)
        p[i] = m->claim == AUDIT_CHAIN ? exp(m->strings->all[i].logp) : i == m->claimed;
}

static void compare(const struct measured *m, double p[], struct audit *out)
{
    const struct strings *s = m->strings;
    struct audit_noise noise;
    claimed(m, p);
    for (size_t i = 0; i < s->n; i++)
        out->dead += s->all[i].dead ? p[i] : 0;
    out->tv = audit_distance(&m->sample, p) + m->outside / 2;
    audit_noise(&m->sample, p, &(struct audit_noise_args){ .tv = out->tv, .confidence = m->args->confidence }, &noise);
    out->noise = noise.mean;
    out->p = noise.p;
    out->tv_low = fmax(0, noise.low);
    /* the mean of tv is at least the true distance (Jensen), and one draw moves tv by 1/N at most (McDiarmid 1989) */
    double above = m->sample.weighted ? noise.radius : sqrt(-log(1 - m->args->confidence) / 2 / out->draws);
    out->tv_high = fmin(1, out->tv + fmin(noise.radius, above));
    out->outside = m->outside;
    out->gap = m->gap;
}

int audit_run(const struct audit_args *args, struct audit *out)
{
    struct strings strings = { 0 };
    *out = (struct audit){ .claim = AUDIT_NONE };
    TRY(claim_of(args->search, &out->claim));
    TRY(refuse_random(args->on.chain, out->claim));
    int rc = strings_enumerate(&args->on, &strings);
    if (rc == 0) {
        struct measured m = { .args = args, .strings = &strings, .claim = out->claim };
        double *p = mem_alloc(strings.n, sizeof *p);
        out->strings = strings.n;
        out->draws = search_random(args->search) ? args->draws : 1;
        audit_sample_init(&m.sample, strings.n);
        rc = make_draws(&m, out->draws);
        if (rc == 0)
            compare(&m, p, out);
        audit_sample_fini(&m.sample);
        free(p);
    }
    strings_fini(&strings);
    return rc;
}
