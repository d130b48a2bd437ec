#include "decode/dist_explain.h"
#include "base/row_math.h"
#include <math.h>
#include <string.h>

enum { SHOWN = 16, BAR = 40 }; /* symbols; characters of a bar for the largest probability */

static void add_row(struct text *out, const char *name, uint32_t kept, const double x[3])
{
    text_addf(out, "  %-44s %8u %10.6f %10.4f %10.4f\n", name, kept, x[0], x[1], x[2]);
}

static void add_steps(struct text *out, const struct dist_told *told)
{
    const struct chain *c = told->line->chain;
    text_addf(out, "  %-44s %8s %10s %10s %10s\n", "step", "kept", "mass", "entropy", "KL");
    add_row(out, "(given)", row_count(told->given), (double[]){ 1, row_entropy(told->given), 0 });
    for (size_t i = 0; i < chain_length(c); i++) {
        const struct transform *t = chain_step(c, i);
        const struct chain_report *r = &told->report[i];
        struct text step = { 0 }, shown = { 0 };
        spec_canonical(&step, t->type->name, t->type->params, t->type->n_params, t->value);
        text_add_shown(&shown, text_s(&step), step.len);
        add_row(out, text_s(&shown), r->kept, (double[]){ r->mass, r->entropy, r->divergence });
        text_free(&shown);
        text_free(&step);
    }
}

/* '#' is what the symbol has in the end, '.' what it had more at first, '+' what it has more than at first. */
static void add_bar(struct text *out, double before, double after, double most)
{
    int both = (int)lround(fmin(before, after) / most * BAR), all = (int)lround(fmax(before, after) / most * BAR);
    for (int i = 0; i < all; i++)
        text_add(out, i < both ? "#" : after > before ? "+" : ".");
    text_add(out, "\n");
}

static void add_symbols(struct text *out, const struct dist_told *told)
{
    sym_t id[SHOWN];
    double before[SHOWN], after[SHOWN], most = 0;
    uint32_t n = row_top(told->given, SHOWN, told->work, id, before);
    row_gather(told->final, id, n, after);
    for (uint32_t i = 0; i < n; i++) {
        before[i] = math_exp64(before[i]);
        after[i] = math_exp64(after[i]);
        most = fmax(most, fmax(before[i], after[i]));
    }
    text_addf(out, "  %10s %10s %10s   # both  . lost  + gained\n", "symbol", "given", "left");
    for (uint32_t i = 0; i < n; i++) {
        text_addf(out, "  %10u %10.6f %10.6f   ", id[i], before[i], after[i]);
        add_bar(out, before[i], after[i], most);
    }
}

void dist_explain_told(struct text *out, const struct dist_told *told)
{
    const char *chain = chain_text(told->line->chain);
    text_addf(out, "%u symbols, chain: ", told->line->n);
    text_add_shown(out, chain, strlen(chain));
    text_add(out, "\n");
    add_steps(out, told);
    if (row_dead(told->given))
        text_add(out, "  the distribution has no support\n");
    else
        add_symbols(out, told);
}
