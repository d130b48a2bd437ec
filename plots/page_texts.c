/* Generations side by side: one item across arms, each token coloured by the voice that carried it.
 *
 * The page holds JSON: arms, items, and per text its pieces and, for ensembles, two digits a piece: the voice with the
 * largest share, and that share in ninths.  A token may end inside a character: pieces are joined until they are whole. */
#include "base/err.h"
#include "plots/page.h"
#include <math.h>
#include <string.h>

enum { MAX_BYTES = 4 << 20 }; /* of JSON on one page; further items are left out, and the page says so */

static void json_text(struct text *out, const char *s)
{
    struct text t = { 0 };
    text_add_json(&t, s, strlen(s));
    /* "</script" and "<!--" must not occur inside the element */
    for (size_t i = 0; i < t.len; i++)
        if (t.s[i] == '<')
            text_add(out, "\\u003c");
        else
            text_addn(out, t.s + i, 1);
    text_free(&t);
}

static void add_arms(struct text *out, const struct results *r)
{
    size_t n, n_voices;
    const struct results_arm *arms = results_arms(r, &n);
    text_add(out, "{\"arms\":[");
    for (size_t i = 0; i < n; i++) {
        const char *const *voices = results_voices(r, (uint32_t)i, &n_voices);
        text_add(out, i == 0 ? "{\"lm\":" : ",\n{\"lm\":");
        json_text(out, arms[i].lm);
        text_add(out, ",\"chain\":");
        json_text(out, arms[i].chain);
        text_add(out, ",\"voices\":[");
        for (size_t k = 0; k < n_voices; k++) {
            text_add(out, k == 0 ? "" : ",");
            json_text(out, voices[k]);
        }
        text_add(out, "]}");
    }
    text_add(out, "]");
}

static void add_items(struct text *out, const struct results *r)
{
    size_t n;
    const struct results_item *items = results_items(r, &n);
    text_add(out, ",\"items\":[");
    for (size_t i = 0; i < n; i++) {
        text_add(out, i == 0 ? "{\"name\":" : ",\n{\"name\":");
        json_text(out, items[i].name);
        text_add(out, ",\"prompt\":");
        json_text(out, items[i].prompt ? items[i].prompt : "");
        text_add(out, "}");
    }
    text_add(out, "]");
}

/* The voice with the largest share of token k, and its share in ninths. */
static void add_voice(struct text *marks, const struct results_tokens *t, size_t k)
{
    const float *share = t->voice_share + k * t->n_voices;
    uint32_t lead = 0;
    for (uint32_t v = 1; v < t->n_voices; v++)
        if (share[v] > share[lead])
            lead = v;
    float ninths = isfinite(share[lead]) ? share[lead] * 9 : 0;
    text_addf(marks, "%u%d", lead < 9 ? lead : 9, (int)(ninths + 0.5f));
}

static int add_record(struct text *out, struct results *r, const struct results_record *record, bool first)
{
    struct results_tokens t;
    struct text marks = { 0 }, piece = { 0 };
    size_t shown = 0;
    TRY(results_tokens(r, record, &t));
    text_addf(out, "%s{\"a\":%u,\"i\":%u,\"d\":%u,\"p\":[", first ? "" : ",\n", record->arm, record->item,
              record->draw);
    for (size_t k = 0; k < t.n; k++) {
        size_t n;
        const char *bytes = results_piece(r, record->arm, t.id[k], &n);
        if (bytes)
            text_addn(&piece, bytes, n);
        bool whole = piece.len > 0 && text_utf8_ready(piece.s, piece.len) == piece.len;
        if (!whole && k + 1 < t.n)
            continue;
        if (piece.len == 0)
            continue;
        text_add(out, shown++ == 0 ? "" : ",");
        json_text(out, text_s(&piece));
        if (t.n_voices > 0)
            add_voice(&marks, &t, k);
        text_clear(&piece);
    }
    text_addf(out, "]%s%s%s}", t.n_voices > 0 ? ",\"v\":\"" : "", text_s(&marks), t.n_voices > 0 ? "\"" : "");
    text_free(&marks);
    text_free(&piece);
    return 0;
}

/* Texts item by item while there is room; *n_items: how many items are on the page. */
static int add_texts(struct text *out, struct results *r, size_t *n_shown)
{
    size_t n_arms, n_items, n;
    results_arms(r, &n_arms);
    const struct results_item *items = results_items(r, &n_items);
    uint32_t draws = results_draws(r) < 2 ? results_draws(r) : 2;
    bool first = true;
    text_add(out, ",\"texts\":[");
    for (uint32_t item = 0; item < n_items && out->len < MAX_BYTES; item++) {
        *n_shown = item + 1;
        for (uint32_t arm = 0; arm < n_arms && strcmp(items[item].kind, "generate") == 0; arm++)
            for (uint32_t draw = 0; draw < draws; draw++) {
                const struct results_record *record = results_unit(r, arm, item, draw, &n);
                if (n == 0 || (draw > 0 && record->draw != draw))
                    continue;
                TRY(add_record(out, r, record, first));
                first = false;
            }
    }
    text_add(out, "]}");
    return 0;
}

static void add_option(struct text *out, const char *value, const char *text)
{
    text_add(out, "<option value=\"");
    page_text(out, value);
    text_add(out, "\">");
    page_text(out, text);
    text_add(out, "</option>");
}

static bool is_first_of_lm(const struct results_arm arms[], size_t arm)
{
    size_t i = 0;
    while (strcmp(arms[i].lm, arms[arm].lm) != 0)
        i++;
    return i == arm;
}

static void add_controls(struct text *out, const struct results *r, size_t n_shown)
{
    size_t n_items, n_arms;
    const struct results_item *items = results_items(r, &n_items);
    const struct results_arm *arms = results_arms(r, &n_arms);
    char number[24];
    text_add(out, "<div class=\"controls\"><label>item <select id=\"item\">");
    for (size_t i = 0; i < n_shown; i++)
        if (strcmp(items[i].kind, "generate") == 0) {
            snprintf(number, sizeof number, "%zu", i);
            add_option(out, number, items[i].name);
        }
    text_add(out, "</select></label><label>draw <select id=\"draw\"><option>0</option>");
    text_add(out, results_draws(r) > 1 ? "<option>1</option>" : "");
    text_add(out, "</select></label><label>lm <select id=\"lm\"><option value=\"\">all</option>");
    for (size_t i = 0; i < n_arms; i++)
        if (is_first_of_lm(arms, i))
            add_option(out, arms[i].lm, arms[i].lm);
    text_add(out, "</select></label></div>\n");
}

int page_generations(struct text *out, struct results *r)
{
    struct text json = { 0 };
    size_t n_shown = 0, n_items;
    results_items(r, &n_items);
    add_arms(&json, r);
    add_items(&json, r);
    int rc = add_texts(&json, r, &n_shown);
    if (rc == 0) {
        text_add(
            out,
            "<h2 id=\"texts-side\">One item across arms</h2>\n<p class=\"dim small\">In an ensemble each token is "
            "coloured by the voice that carried it, the stronger the larger its share: <span class=\"key\">"
            "<span style=\"background:rgba(var(--v0),.5)\">voice 1</span><span style=\"background:rgba(var(--v1),.5)\">"
            "voice 2</span><span style=\"background:rgba(var(--v2),.5)\">voice 3</span><span "
            "style=\"background:rgba(var(--v3),.5)\">voice 4</span></span> Point at a token for the figures.");
        if (n_shown < n_items)
            text_addf(out, " The first %zu of %zu items are on this page.", n_shown, n_items);
        text_add(out, "</p>\n");
        add_controls(out, r, n_shown);
        text_add(out, "<noscript><p>Choosing an item needs JavaScript; all texts are in results.h5.</p></noscript>\n"
                      "<div class=\"prompt\" id=\"ask\"></div>\n<div class=\"texts\" id=\"texts\"></div>\n"
                      "<script type=\"application/json\" id=\"generations\">");
        text_addn(out, text_s(&json), json.len);
        text_add(out, "</script>\n");
    }
    text_free(&json);
    return rc;
}
