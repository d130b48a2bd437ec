#include "experiments/choices.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/row_math.h"
#include "experiments/score.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The rules. */

static size_t no_blank(const struct choices_rule *r)
{
    (void)r;
    return 0;
}

static const char *never(const struct choices_rule *r, size_t i, bool *replace)
{
    (void)r;
    (void)i;
    *replace = false;
    return "";
}

static size_t one_blank(const struct choices_rule *r)
{
    (void)r;
    return 1;
}

static const char *domain(const struct choices_rule *r, size_t i, bool *replace)
{
    (void)i;
    *replace = true;
    return r->value[0].text ? r->value[0].text : "";
}

static const char *const usual[] = { "N/A", "", "[MASK]" };

static size_t inputs(const struct choices_rule *r)
{
    return r->value[0].n_list > 0 ? r->value[0].n_list : sizeof usual / sizeof *usual;
}

static const char *input(const struct choices_rule *r, size_t i, bool *replace)
{
    *replace = false;
    return r->value[0].n_list > 0 ? r->value[0].list[i] : usual[i];
}

static const struct param pmi_params[] = {
    { .name = "domain", .kind = PARAM_TEXT, .meaning = "the prompt that says no more than what sort of thing follows" },
};

static const struct param contextual_params[] = {
    { .name = "inputs",
      .kind = PARAM_LIST,
      .meaning = "texts without content in the question's place: ['N/A', '', '[MASK]'] where none are given" },
};

static const struct choices_type likelihood = { .name = "likelihood",
                                                .meaning = "the log-likelihood of each choice after the question",
                                                .source = "lm-evaluation-harness",
                                                .n_blank = no_blank,
                                                .blank = never };
static const struct choices_type pmi = { .name = "pmi",
                                         .params = pmi_params,
                                         .n_params = 1,
                                         .meaning = "less the choice's log-likelihood after the domain alone",
                                         .source = "Holtzman et al. 2021, arXiv 2104.08315",
                                         .n_blank = one_blank,
                                         .blank = domain };
static const struct choices_type contextual = { .name = "contextual",
                                                .params = contextual_params,
                                                .n_params = 1,
                                                .meaning = "over the mean probability after questions without content",
                                                .source = "Zhao et al. 2021, arXiv 2102.09690",
                                                .n_blank = inputs,
                                                .blank = input };

static const struct choices_type *const types[] = { &likelihood, &pmi, &contextual };
enum { N_TYPES = sizeof types / sizeof *types };

const struct choices_type *const *choices_types(size_t *n)
{
    *n = N_TYPES;
    return types;
}

static int bind(struct choices_rule *r, const char *text)
{
    const char *names[N_TYPES];
    if (r->spec->n_steps != 1)
        return err_set(ERR_USAGE, "choices '%s' has %zu steps, want one", text, r->spec->n_steps);
    for (size_t i = 0; i < N_TYPES; i++) {
        names[i] = types[i]->name;
        if (strcmp(r->spec->steps[0].name, names[i]) == 0)
            r->type = types[i];
    }
    if (!r->type)
        return err_unknown(ERR_USAGE, "rule of choices", r->spec->steps[0].name, names, N_TYPES);
    TRY(spec_bind(&r->spec->steps[0], r->type->params, r->type->n_params, r->value));
    return r->type->n_blank(r) <= CHOICES_INPUTS ? 0
                                                 : err_set(ERR_USAGE, "choices '%s': %zu inputs, want at most %d", text,
                                                           r->type->n_blank(r), CHOICES_INPUTS);
}

int choices_parse(const char *text, struct choices_rule *out)
{
    *out = (struct choices_rule){ .spec = spec_parse("choices", text) };
    int rc = out->spec ? bind(out, text) : ERR_USAGE;
    if (rc < 0)
        choices_fini(out);
    return rc;
}

void choices_fini(struct choices_rule *r)
{
    spec_free(r->spec);
    *r = (struct choices_rule){ 0 };
}

void choices_text(const struct choices_rule *r, struct text *out)
{
    spec_canonical(out, r->type->name, r->type->params, r->type->n_params, r->value);
}

bool choices_plain(const struct choices_rule *r)
{
    return r->type == &likelihood;
}

static double log_sum(const double x[], size_t n)
{
    double top = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        top = fmax(top, x[i]);
    for (size_t i = 0; i < n && top > -INFINITY; i++)
        sum += math_exp64(x[i] - top);
    return top > -INFINITY ? top + math_log64(sum) : -INFINITY;
}

/* ln of the mean over blank prompts of p(choice), each prompt's normalised over the choices unless there is one alone: a
 * constant that no distribution over the choices would show. */
static double blank_of(const double logp[], size_t n_blank, size_t n, size_t choice)
{
    double x[CHOICES_INPUTS];
    for (size_t i = 0; i < n_blank; i++)
        x[i] = logp[i * n + choice] - (n_blank > 1 ? log_sum(logp + i * n, n) : 0);
    return log_sum(x, n_blank) - math_log64((double)n_blank);
}

int choices_score(const struct choices_rule *r, const double logp[], size_t n, double score[])
{
    size_t n_blank = r->type->n_blank(r);
    for (size_t i = 0; i < n; i++) {
        double blank = n_blank > 0 ? blank_of(logp + n, n_blank, n, i) : 0;
        if (!isfinite(blank))
            return err_set(ERR_DATA, "choices by %s: choice %zu has probability 0 without the question", r->type->name,
                           i + 1);
        score[i] = logp[i] - blank;
    }
    return 0;
}

/* A question being scored. */

struct choices {
    struct choices_rule rule;
    struct symbols *parts; /* (n,) the choices' texts */
    size_t n;
    struct score *score[1 + CHOICES_INPUTS]; /* (n_prompts,) the question's, then the blank ones' */
    size_t n_prompts;
};

static bool own_text(const char *name)
{
    return strcmp(name, "text") == 0 || strcmp(name, "instruction") == 0;
}

struct prompt choices_blank(const struct choices_rule *r, size_t i, const struct prompt *prompt,
                            struct prompt_field fields[])
{
    bool replace;
    const char *text = r->type->blank(r, i, &replace);
    struct prompt p = *prompt;
    p.fields = fields;
    p.n_fields = 0;
    if (replace) {
        bool instruction = !prompt_field(prompt, "text") && prompt_field(prompt, "instruction");
        fields[p.n_fields++] = (struct prompt_field){ instruction ? "instruction" : "text", text };
        p.n_turns = 0;
        return p;
    }
    for (size_t k = 0; k < prompt->n_fields; k++) {
        fields[k] = prompt->fields[k];
        if (own_text(fields[k].name))
            fields[k].text = text;
    }
    p.n_fields = prompt->n_fields;
    return p;
}

static bool has_own_text(const struct prompt *p)
{
    for (size_t k = 0; k < p->n_fields; k++)
        if (own_text(p->fields[k].name) && *p->fields[k].text)
            return true;
    return false;
}

/* A rule that puts something in the place of the question's text needs one: without, a choice would be compared with
 * itself. */
static int check_text(const struct choices_rule *r, const struct choices_args *a)
{
    bool replace = true;
    if (r->type->n_blank(r) > 0)
        (void)r->type->blank(r, 0, &replace);
    return replace || a->prompt->n_turns == 0 || has_own_text(a->prompt)
               ? 0
               : err_set(ERR_DATA,
                         "choices by %s: item '%s' has turns and no text ('text', 'instruction') of its own, in whose "
                         "place one "
                         "without content would stand; want pmi or likelihood",
                         r->type->name, a->item->id);
}

static struct score *open_blank(struct choices *c, const struct choices_args *a, struct lm *lm, size_t i)
{
    struct prompt_field *fields = mem_alloc(a->prompt->n_fields + 1, sizeof *fields);
    struct prompt p = choices_blank(&c->rule, i, a->prompt, fields);
    struct score *s = score_open(lm, &p, c->parts, c->n);
    free(fields);
    return s;
}

static int open_all(struct choices *c, const struct choices_args *a)
{
    struct lm *lm = lms_find(a->lms, a->lm_id);
    if (!lm)
        return err_code();
    TRY(choices_parse(a->rule, &c->rule));
    TRY(check_text(&c->rule, a));
    size_t n_blank = c->rule.type->n_blank(&c->rule);
    if (c->n * (1 + n_blank) > CHOICES_MOST)
        return err_set(ERR_DATA, "%zu choices after %zu prompts, want at most %d of both", c->n, 1 + n_blank,
                       CHOICES_MOST);
    for (size_t i = 0; i < c->n; i++)
        TRY(lms_encode(a->lms, a->lm_id, a->item->choices[i], strlen(a->item->choices[i]), &c->parts[i]));
    for (size_t i = 0; i <= n_blank; i++) {
        struct score *s = i == 0 ? score_open(lm, a->prompt, c->parts, c->n) : open_blank(c, a, lm, i - 1);
        if (!s)
            return err_code();
        c->score[c->n_prompts++] = s;
    }
    return 0;
}

struct choices *choices_open(const struct choices_args *a)
{
    struct choices *c = mem_alloc(1, sizeof *c);
    c->n = a->item->n_choices;
    c->parts = mem_alloc(c->n, sizeof *c->parts);
    if (open_all(c, a) == 0)
        return c;
    choices_close(c);
    return NULL;
}

void choices_close(struct choices *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_prompts; i++)
        score_close(c->score[i]);
    for (size_t i = 0; i < c->n; i++)
        free(c->parts[i].s);
    free(c->parts);
    choices_fini(&c->rule);
    free(c);
}

size_t choices_want(struct choices *c, struct want out[], size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_prompts; i++)
        n += score_want(c->score[i], out + n, max - n);
    return n;
}

int choices_feed(struct choices *c)
{
    for (size_t i = 0; i < c->n_prompts; i++)
        TRY(score_feed(c->score[i], NULL));
    return 0;
}

int choices_move(struct choices *c)
{
    for (size_t i = 0; i < c->n_prompts; i++)
        TRY(score_move(c->score[i]));
    return 0;
}

int choices_result(const struct choices *c, double score[])
{
    double *logp = mem_alloc(c->n_prompts * c->n, sizeof *logp);
    for (size_t i = 0; i < c->n_prompts; i++)
        for (size_t k = 0; k < c->n; k++)
            logp[i * c->n + k] = score_sum(c->score[i], k);
    int rc = choices_score(&c->rule, logp, c->n, score);
    free(logp);
    return rc;
}

uint32_t choices_symbols(const struct choices *c, size_t choice)
{
    return (uint32_t)c->parts[choice].n;
}
