/* The plain pieces: head, headline, figures, chains, fits, provenance, cost. */
#include "plots/page.h"
#include <math.h>
#include <string.h>

void page_text(struct text *out, const char *s)
{
    text_add_html(out, s, strlen(s));
}

void page_open(struct text *out, const char *title)
{
    text_add(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
    page_text(out, title);
    text_addf(out, " - Chorale</title>\n<style>\n%s</style></head>\n<body>\n", page_style);
}

void page_close(struct text *out)
{
    text_addf(out, "<script>\n%s</script>\n</body></html>\n", page_script);
}

static void fact(struct text *out, const char *value, const char *what)
{
    text_add(out, "<div><b>");
    page_text(out, value);
    text_addf(out, "</b>%s</div>\n", what);
}

static void best(struct text *out, const struct figure_data *d, const struct summary_metric *m, const char *axis)
{
    size_t n, i = figure_best(m, d->summary->n_arms);
    if (i == d->summary->n_arms)
        return;
    const struct results_arm *arm = &results_arms(d->results, &n)[i];
    text_addf(out, "<li>Most %s: <b>", axis);
    page_text(out, arm->lm);
    text_add(out, "</b> with <code>");
    page_text(out, *arm->chain ? arm->chain : "no chain");
    text_addf(out, "</code>: %s = %.4g", m->metric->name, m->arms[i].mean);
    if (isfinite(m->arms[i].low))
        text_addf(out, " [%.4g, %.4g]", m->arms[i].low, m->arms[i].high);
    text_addf(out,
              "; %zu of %zu pairs of arms are told apart by this metric (sign-flip test by item, Holm at 5 %%).</li>\n",
              m->n_separated, m->n_pairs);
}

/* How many arms of each lm stand on the frontier. */
static void frontier(struct text *out, const struct figure_data *d)
{
    text_add(out, "<li>On the frontier (no other arm is better on both axes): ");
    for (size_t lm = 0; lm < d->n_lms; lm++) {
        size_t all, on = page_count_frontier(d, lm, &all);
        text_add(out, lm == 0 ? "" : ", ");
        page_text(out, d->lms[lm]);
        text_addf(out, " <b>%zu</b> of %zu", on, all);
    }
    text_add(out, " arms.</li>\n");
}

void page_headline(struct text *out, const struct figure_data *d)
{
    size_t n_arms, n_items, n_records;
    results_arms(d->results, &n_arms);
    results_items(d->results, &n_items);
    results_records(d->results, &n_records);
    const char *name = json_string_value(json_object_get(json_object_get(results_plan(d->results), "what"), "name"));
    char number[32];
    text_add(out, "<header><p class=\"dim small\">Chorale report</p><h1>");
    page_text(out, name ? name : "run");
    text_add(out,
             "</h1>\n<nav><a href=\"#figures\">figures</a><a href=\"#arms\">arms</a><a href=\"#metrics\">metrics</a>"
             "<a href=\"#texts-side\">generations</a><a href=\"#provenance\">provenance</a><a href=\"#cost\">cost</a>"
             "</nav></header>\n<div class=\"facts\">");
    snprintf(number, sizeof number, "%zu", d->n_lms);
    fact(out, number, "lms");
    snprintf(number, sizeof number, "%zu", n_arms);
    fact(out, number, "arms");
    snprintf(number, sizeof number, "%zu", n_items);
    fact(out, number, "items");
    snprintf(number, sizeof number, "%u", results_draws(d->results));
    fact(out, number, "draws");
    snprintf(number, sizeof number, "%zu", n_records);
    fact(out, number, "records");
    text_add(out, "</div>\n<ul>\n");
    best(out, d, figure_creativity(d), "creative");
    best(out, d, figure_control(d), "controlled");
    if (figure_creativity(d) && figure_control(d))
        frontier(out, d);
    text_add(out, "</ul>\n");
}

void page_figure(struct text *out, const struct figure_type *f, const char *svg)
{
    const char *from = strstr(svg, "<svg");
    text_add(out, "<h2>");
    page_text(out, f->title);
    text_addf(out, "</h2>\n<figure id=\"figure-%s\">\n%s\n<figcaption>", f->name, from ? from : svg);
    page_text(out, f->about);
    text_add(out, "</figcaption></figure>\n");
}

void page_chains(struct text *out, const struct figure_data *d)
{
    text_add(out, "<div class=\"scroll narrow\"><table class=\"chains\"><thead><tr><th>point</th><th "
                  "class=\"l\">chain</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < d->n_chains; i++) {
        text_addf(out, "<tr><td>%zu</td><td class=\"l\"><code>", i + 1);
        page_text(out, *d->chains[i] ? d->chains[i] : "(no chain)");
        text_add(out, "</code></td></tr>\n");
    }
    text_add(out, "</tbody></table></div>\n");
}

void page_fits(struct text *out, const struct results *r)
{
    size_t n;
    const struct results_fit *fits = results_fits(r, &n);
    if (n == 0)
        return;
    text_add(
        out,
        "<h2>Fits</h2>\n<div class=\"scroll\"><table><thead><tr><th class=\"l\">lm</th><th class=\"l\">fitted on</th>"
        "<th class=\"l\">what</th><th>value</th><th>nats a symbol</th><th>ECE</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < n; i++) {
        const struct results_fit *f = &fits[i];
        text_add(out, "<tr><td class=\"l\">");
        page_text(out, f->lm);
        text_add(out, "</td><td class=\"l\">");
        page_text(out, f->on);
        text_add(out, "</td><td class=\"l\">");
        page_text(out, f->what);
        text_addf(out, "</td><td>%.4f</td><td>%.4f &rarr; %.4f</td><td>%.4f &rarr; %.4f</td></tr>\n", f->value,
                  f->nll_before, f->nll_after, f->ece_before, f->ece_after);
    }
    text_add(out, "</tbody></table></div>\n");
}

static void term(struct text *out, const char *key, const json_t *value)
{
    struct text t = { 0 };
    if (!value)
        return;
    if (json_is_string(value))
        text_add(&t, json_string_value(value));
    else
        doc_canonical(&t, value);
    text_add(out, "<dt>");
    page_text(out, key);
    text_add(out, "</dt><dd><code>");
    page_text(out, text_s(&t));
    text_add(out, "</code></dd>\n");
    text_free(&t);
}

void page_provenance(struct text *out, const struct results *r)
{
    const json_t *plan = results_plan(r), *what = json_object_get(plan, "what"), *from = json_object_get(plan, "from");
    static const char *const keys[] = { "seed", "draws", "limit", "stop", "mode", "judge" };
    const char *key;
    json_t *value;
    size_t i;
    text_add(out, "<h2 id=\"provenance\">Provenance</h2>\n<dl>\n");
    term(out, "plan (SHA-256)", json_object_get(plan, "hash"));
    for (i = 0; i < sizeof keys / sizeof *keys; i++)
        term(out, keys[i], json_object_get(what, keys[i]));
    json_array_foreach(json_object_get(what, "lms"), i, value)
    {
        const char *id = json_string_value(json_object_get(value, "id"));
        term(out, id ? id : "lm", value);
    }
    json_array_foreach(json_object_get(what, "evalsets"), i, value)
    {
        term(out, "evalset", value);
    }
    json_object_foreach((json_t *)(uintptr_t)results_provenance(r), key, value)
    {
        if (strcmp(key, "sessions") != 0) /* what each session cost: summed below */
            term(out, key, value);
    }
    text_add(out, "</dl>\n");
    const char *script = json_string_value(json_object_get(json_object_get(from, "script"), "text"));
    if (script) {
        text_add(out, "<details><summary>the script</summary><pre class=\"prompt small\">");
        page_text(out, script);
        text_add(out, "</pre></details>\n");
    }
}

void page_cost(struct text *out, const struct figure_data *d)
{
    const struct results_cost *c = results_cost(d->results);
    size_t n;
    const struct results_arm *arms = results_arms(d->results, &n);
    text_addf(
        out,
        "<h2 id=\"cost\">Cost</h2>\n<p>%.1f s in %llu session%s; %llu rows asked for, %llu positions passed through a "
        "checkpoint (shared prefixes and coinciding arms are computed once), %llu rounds.</p>\n",
        c->seconds, (unsigned long long)c->sessions, c->sessions == 1 ? "" : "s", (unsigned long long)c->asked,
        (unsigned long long)c->positions, (unsigned long long)c->rounds);
    text_add(
        out,
        "<details><summary>by arm</summary><div class=\"scroll\"><table class=\"sort\"><thead><tr><th class=\"l\">lm"
        "</th><th class=\"l\">chain</th><th>symbols</th><th>seconds</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < n; i++) {
        text_add(out, "<tr><td class=\"l\">");
        page_text(out, arms[i].lm);
        text_add(out, "</td><td class=\"l\"><code>");
        page_text(out, arms[i].chain);
        text_addf(out, "</code></td><td data-v=\"%.0f\">%.0f</td><td data-v=\"%.6f\">%.3f</td></tr>\n",
                  c->arm_symbols[i], c->arm_symbols[i], c->arm_seconds[i], c->arm_seconds[i]);
    }
    text_add(out, "</tbody></table></div></details>\n");
}
