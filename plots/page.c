/* The plain pieces: head, figures, settings, fits, provenance, cost. */
#include "plots/page.h"
#include "base/hash.h"
#include <math.h>
#include <string.h>

enum {
    MAX_ROWS = 1000, /* of the smaller tables */
    MAX_TERMS = 64   /* lms and evalsets of the plan that provenance spells out; results.h5 has the plan */
};

static void add_html(struct text *out, const char *s, size_t n)
{
    size_t from = out->len;
    text_add_html(out, s, n);
    for (size_t i = from; i < out->len; i++)
        out->s[i] = out->s[i] == 0x7f ? ' ' : out->s[i];
}

void page_text(struct text *out, const char *s)
{
    add_html(out, s, strlen(s));
}

void page_name(struct text *out, const char *s)
{
    size_t n = strlen(s), kept = n <= PAGE_NAME ? n : text_utf8_ready(s, PAGE_NAME);
    add_html(out, s, kept);
    text_add(out, kept < n ? "&hellip;" : "");
}

static void add_base64(struct text *out, const uint8_t bytes[], size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        uint32_t x = 0;
        for (size_t k = 0; k < 3; k++)
            x = x << 8 | (i + k < n ? bytes[i + k] : 0u);
        for (size_t k = 0; k < 4; k++)
            text_addn(out, i + k > n ? "=" : &digits[x >> (18 - 6 * k) & 63], 1);
    }
}

/* No script runs but ours, whatever markup might have slipped through; nothing is fetched. */
static void add_policy(struct text *out)
{
    char hex[65];
    uint8_t bytes[32] = { 0 };
    hash_sha256(page_script, strlen(page_script), hex);
    for (size_t i = 0; i < 64; i++)
        bytes[i / 2] = (uint8_t)(bytes[i / 2] << 4 | (hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10));
    text_add(out,
             "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
             "script-src 'sha256-");
    add_base64(out, bytes, sizeof bytes);
    text_add(out, "'; base-uri 'none'; form-action 'none'\">\n");
}

void page_open(struct text *out, const char *title)
{
    text_add(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n");
    add_policy(out);
    text_add(out, "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
    page_name(out, title);
    text_addf(out, " - Chorale</title>\n<style>\n%s</style></head>\n<body>\n", page_style);
}

void page_close(struct text *out)
{
    text_addf(out, "<script>%s</script>\n</body></html>\n", page_script);
}

void page_left_out(struct text *out, size_t n, size_t all)
{
    if (n < all)
        text_addf(out,
                  "<p class=\"dim small\">%zu of %zu arms: those on the frontier, the best and the worst by the first "
                  "headline metric. The CSV files have them all.</p>\n",
                  n, all);
}

void page_figure(struct text *out, const struct figure_type *f, const char *svg)
{
    static const char own[] = "<title>Gnuplot</title>"; /* what a pointer, or a reader of screens, would be told */
    const char *from = strstr(svg, "<svg"), *title = from ? strstr(from, own) : NULL;
    text_add(out, "<h2>");
    page_text(out, f->title);
    text_addf(out, "</h2>\n<figure id=\"figure-%s\">\n<svg role=\"img\" aria-label=\"", f->name);
    page_text(out, f->title);
    text_add(out, "\"");
    from = from ? from + strlen("<svg") : svg;
    text_addn(out, from, title ? (size_t)(title - from) : strlen(from));
    text_addf(out, "%s\n<figcaption>", title ? title + strlen(own) : "");
    page_text(out, f->about);
    text_add(out, "</figcaption></figure>\n");
}

void page_settings(struct text *out, const struct figure_data *d)
{
    text_addf(out, "<details%s><summary>the settings of the points</summary>",
              d->n_settings <= PAGE_SETTINGS ? " open" : "");
    text_add(out, "<div class=\"scroll narrow\"><table class=\"settings\"><thead><tr><th>point</th><th "
                  "class=\"l\">setting</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < d->n_settings && i < MAX_ROWS; i++) {
        text_addf(out, "<tr><td>%zu</td><td class=\"l\"><code>", i + 1);
        page_name(out, d->settings[i]);
        text_add(out, "</code></td></tr>\n");
    }
    text_add(out, "</tbody></table></div></details>\n");
}

/* A number, or the voices' weights. */
static void fit_value(struct text *out, const struct results_fit *f)
{
    if (f->n_voices == 0 && !isnan(f->value))
        text_addf(out, "%.4f", f->value);
    for (size_t k = 0; k < f->n_voices; k++) {
        text_add(out, k > 0 ? ", " : "");
        page_name(out, f->voices[k]);
        text_addf(out, " %.4f", f->weights[k]);
    }
}

void page_fits(struct text *out, const struct results *r)
{
    size_t n;
    const struct results_fit *fits = results_fits(r, &n);
    if (n == 0)
        return;
    text_add(out, "<h2 id=\"fits\">Fits</h2>\n<div class=\"scroll\"><table><thead><tr><th class=\"l\">what was "
                  "fitted</th><th>value</th><th>nats a symbol or "
                  "question</th><th>ECE</th><th>Full-ECE</th><th>p</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < n && i < MAX_ROWS; i++) {
        const struct results_fit *f = &fits[i];
        text_add(out, "<tr><td class=\"l\">");
        page_name(out, f->id);
        text_add(out, "</td><td>");
        fit_value(out, f);
        text_add(out, "</td><td>");
        if (!isnan(f->nll_before))
            text_addf(out, "%.4f &rarr; %.4f", f->nll_before, f->nll_after);
        text_add(out, "</td><td>");
        if (!isnan(f->ece_before))
            text_addf(out, "%.4f &rarr; %.4f", f->ece_before, f->ece_after);
        text_add(out, "</td><td>");
        if (!isnan(f->full_ece_before))
            text_addf(out, "%.3g &rarr; %.3g", f->full_ece_before, f->full_ece_after);
        text_add(out, "</td><td>");
        if (!isnan(f->consistent_before))
            text_addf(out, "%.3f &rarr; %.3f", f->consistent_before, f->consistent_after);
        text_add(out, "</td></tr>\n");
    }
    text_add(out,
             "</tbody></table></div>\n<p>Before &rarr; after. ECE: the mean gap between the probability of the "
             "likeliest symbol, or choice, and how often it is right; Full-ECE: of all of them. p: of consistency "
             "resampling. Were the lm calibrated, an ECE as large as the one seen would come with this probability: "
             "a small one says that it is not.</p>\n");
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
    const json_t *plan = results_plan(r), *what = json_object_get(plan, "what"), *from = json_object_get(plan, "from"),
                 *sessions = json_object_get(results_provenance(r), "sessions");
    static const char *const keys[] = { "seed", "draws", "limit", "stop", "mode", "kernels", "kv", "device", "judge" };
    const char *key;
    json_t *value;
    size_t i;
    text_add(out, "<h2 id=\"provenance\">Provenance</h2>\n<dl>\n");
    term(out, "plan (SHA-256)", json_object_get(plan, "hash"));
    for (i = 0; i < sizeof keys / sizeof *keys; i++)
        term(out, keys[i], json_object_get(what, keys[i]));
    term(out, "trace", json_object_get(what, "log"));
    term(out, "version", json_object_get(json_array_get(sessions, json_array_size(sessions) - 1), "version"));
    if (json_array_size(json_object_get(from, "set")) > 0)
        term(out, "--set", json_object_get(from, "set"));
    json_array_foreach(json_object_get(what, "lms"), i, value)
    {
        if (i == MAX_TERMS)
            break;
        const char *id = json_string_value(json_object_get(value, "id"));
        term(out, id ? id : "lm", value);
    }
    json_array_foreach(json_object_get(what, "evalsets"), i, value)
    {
        if (i == MAX_TERMS)
            break;
        term(out, "evalset", value);
    }
    json_object_foreach((json_t *)(uintptr_t)results_provenance(r), key, value)
    {
        if (strcmp(key, "sessions") != 0) /* what each session cost: summed below */
            term(out, key, value);
    }
    text_add(out, "</dl>\n");
    const char *script = json_string_value(json_object_get(from, "script"));
    if (script && *script) {
        text_add(out, "<details><summary>the script</summary><pre class=\"prompt small\">");
        page_text(out, script);
        text_add(out, "</pre></details>\n");
    }
}

static void cost_row(struct text *out, const struct figure_data *d, size_t arm)
{
    size_t n;
    const struct results_cost *c = results_cost(d->results);
    double symbols = c->arm_symbols[arm], seconds = c->arm_seconds[arm];
    text_add(out, "<tr><td class=\"l\">");
    page_name(out, results_arms(d->results, &n)[arm].lm);
    text_add(out, "</td><td class=\"l\"><code>");
    page_name(out, figure_setting(d, arm));
    text_addf(out, "</code></td><td data-v=\"%.0f\">%.0f</td><td data-v=\"%.6f\">%.3f</td></tr>\n", symbols, symbols,
              seconds, seconds);
}

void page_cost(struct text *out, const struct figure_data *d)
{
    const struct results_cost *c = results_cost(d->results);
    size_t chosen[PAGE_ARMS], n = figure_choose(d, PAGE_ARMS, chosen);
    text_addf(
        out,
        "<h2 id=\"cost\">Cost</h2>\n<p>%.1f s in %llu session%s; %llu rows asked for, %llu positions passed through a "
        "checkpoint (shared prefixes and coinciding arms are computed once), %llu rounds.</p>\n",
        c->seconds, (unsigned long long)c->sessions, c->sessions == 1 ? "" : "s", (unsigned long long)c->asked,
        (unsigned long long)c->positions, (unsigned long long)c->rounds);
    text_add(out, "<details><summary>by arm</summary>");
    page_left_out(out, n, d->summary->n_arms);
    text_add(out, "<div class=\"scroll\"><table class=\"sort\"><thead><tr><th class=\"l\">lm</th><th "
                  "class=\"l\">setting</th><th>symbols</th><th>seconds</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < n; i++)
        cost_row(out, d, chosen[i]);
    text_add(out, "</tbody></table></div></details>\n");
}
