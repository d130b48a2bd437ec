/* Generations side by side: one item across arms, each token coloured by the voice that carried it.
 *
 * The page holds JSON: arms, items, and per text its pieces and, for ensembles, two digits a piece: the voice with the
 * largest share, and that share in ninths.  A token may end inside a character: pieces are joined until they are whole.
 * Which items have room is reckoned before any trace is read, so that traces are read in their order, arm by arm. */
#include "base/err.h"
#include "base/mem.h"
#include "plots/page.h"
#include <stdlib.h>
#include <string.h>

enum {
    MAX_BYTES = 4 << 20, /* of JSON on one page; further items are left out, and the page says so */
    MAX_TEXT = 4000,     /* bytes of one text, or of a prompt */
    MAX_NAME = 200,
    MAX_DRAWS = 2,
    PIECE_BYTES = 6, /* of JSON around a piece and its mark */
    RECORD_BYTES = 48,
    MARKS = 10, /* of voices */
    COLOURS = 4
};

/* What of the results is on the page. */
struct shown {
    const struct figure_data *d;
    struct results *r;
    size_t arms[PAGE_TEXTS], n_arms;
    size_t n_items, n_generated; /* the first n_items items, of which so many have texts */
    uint32_t draws;
};

static size_t cut(const char *s, size_t n, size_t max)
{
    return n <= max ? n : text_utf8_ready(s, max);
}

static void json_text(struct text *out, const char *s, size_t max)
{
    struct text t = { 0 }, whole = { 0 };
    size_t all = strlen(s), n = cut(s, all, max);
    text_addn(&whole, s, n);
    text_add(&whole, n < all ? "\xe2\x80\xa6" : "");
    text_add_json(&t, text_s(&whole), whole.len);
    text_free(&whole);
    /* "</script" and "<!--" must not occur inside the element */
    for (size_t i = 0; i < t.len; i++)
        if (t.s[i] == '<')
            text_add(out, "\\u003c");
        else
            text_addn(out, t.s + i, 1);
    text_free(&t);
}

static void add_arm(struct text *out, const struct shown *x, size_t arm)
{
    size_t n, n_voices;
    const struct results_arm *a = &results_arms(x->r, &n)[arm];
    const char *const *voices = results_voices(x->r, (uint32_t)arm, &n_voices);
    text_add(out, "{\"lm\":");
    json_text(out, a->lm, MAX_NAME);
    text_addf(out, ",\"l\":%zu,\"chain\":", x->d->arm_lm[arm]);
    json_text(out, figure_setting(x->d, arm), MAX_NAME);
    text_add(out, ",\"voices\":[");
    for (size_t k = 0; k < n_voices && k < MARKS; k++) {
        bool shared = k + 1 == MARKS && n_voices > MARKS; /* a mark has one digit */
        text_add(out, k == 0 ? "" : ",");
        json_text(out, shared ? "one of the further voices" : voices[k], MAX_NAME);
    }
    text_add(out, "]}");
}

static void add_arms(struct text *out, const struct shown *x)
{
    text_add(out, "{\"arms\":{");
    for (size_t i = 0; i < x->n_arms; i++) {
        text_addf(out, "%s\"%zu\":", i == 0 ? "" : ",\n", x->arms[i]);
        add_arm(out, x, x->arms[i]);
    }
    text_add(out, "}");
}

static bool is_generated(const struct results_item *item)
{
    return strcmp(item->kind, "generate") == 0;
}

static void add_items(struct text *out, const struct shown *x)
{
    size_t n;
    const struct results_item *items = results_items(x->r, &n);
    text_add(out, ",\"prompts\":[");
    for (size_t i = 0; i < x->n_items; i++) {
        text_add(out, i == 0 ? "" : ",\n");
        if (is_generated(&items[i]))
            json_text(out, items[i].prompt, MAX_TEXT);
        else
            text_add(out, "0");
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
    float whole = share[lead] > 0 ? share[lead] : 0; /* NaN too */
    text_addf(marks, "%u%d", lead < MARKS ? lead : MARKS - 1, (int)((whole < 1 ? whole : 1) * 9 + 0.5f));
}

static void add_pieces(struct text *out, const struct shown *x, uint32_t arm, const struct results_tokens *t)
{
    struct text marks = { 0 }, piece = { 0 };
    size_t shown = 0, bytes = 0;
    for (size_t k = 0; k < t->n && bytes < MAX_TEXT; k++) {
        size_t n;
        const char *spelled = results_piece(x->r, arm, t->id[k], &n);
        if (spelled)
            text_addn(&piece, spelled, n);
        bool whole = piece.len > 0 && text_utf8_ready(piece.s, piece.len) == piece.len;
        if ((!whole && k + 1 < t->n && piece.len < MAX_TEXT) || piece.len == 0)
            continue;
        text_add(out, shown++ == 0 ? "" : ",");
        json_text(out, text_s(&piece), MAX_TEXT);
        bytes += piece.len + PIECE_BYTES;
        if (t->n_voices > 0)
            add_voice(&marks, t, k);
        text_clear(&piece);
    }
    text_addf(out, "]%s%s%s", t->n_voices > 0 ? ",\"v\":\"" : "", text_s(&marks), t->n_voices > 0 ? "\"" : "");
    text_add(out, bytes >= MAX_TEXT ? ",\"cut\":1" : "");
    text_free(&marks);
    text_free(&piece);
}

static int add_record(struct text *out, const struct shown *x, uint32_t arm, const struct results_record *record)
{
    struct results_tokens t;
    TRY(results_tokens(x->r, record, &t));
    text_addf(out, "{\"a\":%u,\"i\":%u,\"d\":%u,\"p\":[", arm, record->item, record->draw);
    add_pieces(out, x, arm, &t);
    text_add(out, "}");
    return 0;
}

/* The record that a draw shows; NULL: none, or that of the first draw. */
static const struct results_record *record_of(const struct shown *x, size_t arm, size_t item, uint32_t draw)
{
    size_t n;
    const struct results_record *record = results_unit(x->r, (uint32_t)arm, (uint32_t)item, draw, &n);
    return n > 0 && (draw == 0 || record->draw == draw) ? record : NULL;
}

static size_t bytes_of(const struct results_record *record)
{
    size_t bytes = record->n_text + record->n_text / 8 + (size_t)record->n_symbols * PIECE_BYTES;
    return RECORD_BYTES + (bytes < MAX_TEXT ? bytes : MAX_TEXT);
}

static size_t bytes_of_item(const struct shown *x, const struct results_item *items, size_t i)
{
    size_t bytes = 4;
    if (!is_generated(&items[i]))
        return bytes;
    bytes +=
        cut(items[i].prompt, strlen(items[i].prompt), MAX_TEXT) + cut(items[i].name, strlen(items[i].name), MAX_NAME);
    for (size_t k = 0; k < x->n_arms; k++)
        for (uint32_t draw = 0; draw < x->draws; draw++) {
            const struct results_record *record = record_of(x, x->arms[k], i, draw);
            bytes += record ? bytes_of(record) : 0;
        }
    return bytes;
}

/* Which items have room. */
static void choose(struct shown *x)
{
    size_t n, bytes = 0;
    const struct results_item *items = results_items(x->r, &n);
    x->n_arms = figure_choose(x->d, PAGE_TEXTS, x->arms);
    x->draws = results_draws(x->r) < MAX_DRAWS ? results_draws(x->r) : MAX_DRAWS;
    for (size_t i = 0; i < n && (bytes < MAX_BYTES || x->n_generated == 0); i++) {
        bytes += bytes_of_item(x, items, i);
        x->n_generated += is_generated(&items[i]);
        x->n_items = i + 1;
    }
}

static int add_texts(struct text *out, const struct shown *x)
{
    size_t n;
    const struct results_item *items = results_items(x->r, &n);
    bool first = true;
    text_add(out, ",\"texts\":[");
    for (size_t k = 0; k < x->n_arms; k++)
        for (size_t item = 0; item < x->n_items; item++)
            for (uint32_t draw = 0; draw < x->draws && is_generated(&items[item]); draw++) {
                const struct results_record *record = record_of(x, x->arms[k], item, draw);
                if (!record)
                    continue;
                text_add(out, first ? "" : ",\n");
                TRY(add_record(out, x, (uint32_t)x->arms[k], record));
                first = false;
            }
    text_add(out, "]}");
    return 0;
}

static void add_option(struct text *out, size_t value, const char *s)
{
    struct text name = { 0 };
    text_addn(&name, s, cut(s, strlen(s), MAX_NAME));
    text_addf(out, "<option value=\"%zu\">", value);
    page_text(out, text_s(&name));
    text_add(out, "</option>");
    text_free(&name);
}

static void add_lms(struct text *out, const struct shown *x)
{
    bool *seen = mem_alloc(x->d->n_lms, sizeof *seen);
    for (size_t i = 0; i < x->n_arms; i++) {
        size_t lm = x->d->arm_lm[x->arms[i]];
        if (!seen[lm])
            add_option(out, lm, x->d->lms[lm]);
        seen[lm] = true;
    }
    free(seen);
}

static void add_controls(struct text *out, const struct shown *x)
{
    size_t n;
    const struct results_item *items = results_items(x->r, &n);
    text_add(out, "<div class=\"controls\"><label>item <select id=\"item\">");
    for (size_t i = 0; i < x->n_items; i++)
        if (is_generated(&items[i]))
            add_option(out, i, items[i].name);
    text_add(out, "</select></label><label>draw <select id=\"draw\"><option>0</option>");
    text_add(out, x->draws > 1 ? "<option>1</option>" : "");
    text_add(out, "</select></label><label>lm <select id=\"lm\"><option value=\"\">all</option>");
    add_lms(out, x);
    text_add(out, "</select></label></div>\n");
}

/* The page has four colours for them. */
static bool more_voices(const struct shown *x)
{
    size_t most = 0;
    for (size_t i = 0, n; i < x->n_arms; i++) {
        results_voices(x->r, (uint32_t)x->arms[i], &n);
        most = n > most ? n : most;
    }
    return most > COLOURS;
}

static void add_heading(struct text *out, const struct shown *x)
{
    size_t n_items;
    results_items(x->r, &n_items);
    text_add(
        out,
        "<h2 id=\"texts-side\">One item across arms</h2>\n<p class=\"dim small\">In an ensemble each token is "
        "coloured by the voice that carried it, the stronger the larger its share: <span class=\"key\">"
        "<span style=\"background:rgba(var(--v0),.5)\">voice 1</span><span style=\"background:rgba(var(--v1),.5)\">"
        "voice 2</span><span style=\"background:rgba(var(--v2),.5)\">voice 3</span><span "
        "style=\"background:rgba(var(--v3),.5)\">voice 4</span></span> Point at a token for the figures.");
    text_add(out, more_voices(x) ? " The fifth voice has the first colour again, and so on." : "");
    if (x->n_items < n_items)
        text_addf(out, " The first %zu of %zu items are on this page.", x->n_items, n_items);
    if (x->draws < results_draws(x->r))
        text_addf(out, " The first %u of %u draws are on this page.", x->draws, results_draws(x->r));
    if (x->n_items < n_items || x->draws < results_draws(x->r))
        text_add(out, " All texts are in results.h5.");
    text_add(out, "</p>\n");
    page_left_out(out, x->n_arms, x->d->summary->n_arms);
}

int page_generations(struct text *out, const struct figure_data *d, struct results *r)
{
    struct text json = { 0 };
    struct shown x = { .d = d, .r = r };
    choose(&x);
    if (x.n_generated == 0)
        return 0;
    add_arms(&json, &x);
    add_items(&json, &x);
    int rc = add_texts(&json, &x);
    if (rc == 0) {
        add_heading(out, &x);
        add_controls(out, &x);
        text_add(out,
                 "<noscript><style>.controls{display:none}</style><p>The texts are shown with JavaScript; all are in "
                 "results.h5.</p></noscript>\n"
                 "<div class=\"prompt\" id=\"ask\"></div>\n<div class=\"texts\" id=\"texts\"></div>\n"
                 "<script type=\"application/json\" id=\"generations\">");
        text_addn(out, text_s(&json), json.len);
        text_add(out, "</script>\n");
    }
    text_free(&json);
    return rc;
}
