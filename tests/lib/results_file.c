#include "tests/lib/results_file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "experiments/h5.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TEN     "{/Symbol a}^2_x "
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define LONG    HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED

const char *const results_file_hostile[] = {
    "'; system('touch " RESULTS_FILE_CANARY "'); '",
    "`touch " RESULTS_FILE_CANARY "`",
    "$(touch " RESULTS_FILE_CANARY ")",
    "\"; system(\"touch " RESULTS_FILE_CANARY "\"); \"",
    "a\nsystem 'touch " RESULTS_FILE_CANARY "'\nb",
    "a\n!touch " RESULTS_FILE_CANARY "\n",
    "EOD\nEOD\nset output '|touch " RESULTS_FILE_CANARY "'\n",
    "'<touch " RESULTS_FILE_CANARY "'",
    "|touch " RESULTS_FILE_CANARY,
    "@macro @GPVAL_VERSION",
    "backslash at the end\\",
    "~/.gnuplot ~user",
    "\xff\xfe not UTF-8 \xc3",
    "100% sure %d %s %n %",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\" onmouseover=\"alert(1)",
    "' onmouseover='alert(1)",
    "<!-- <svg/onload=alert(1)> ]]>",
    "\x01\x02\x1b[31mred\x1b]0;title\x07\x7f",
    "\xc2\x9b\x32J\xe2\x80\xae turned \xe2\x81\xa6 isolated",
    "=HYPERLINK(\"http://127.0.0.1\",\"x\")",
    "\t=1",
    "a,b\"c\"\r\nd",
    "a|b`c``d|",
    "[link](javascript:alert(1)) **bold** _x_ <b>",
    "\xe8\xaf\x97\xe4\xb8\x8e\xe6\x95\xa3\xe6\x96\x87",
    "",
    LONG LONG LONG "end",
};
const size_t results_file_n_hostile = sizeof results_file_hostile / sizeof *results_file_hostile;

static const char *const metric_names[] = { "distinct_1", "distinct_3",  "novelty",    "length_chars", "coverage",
                                            "judge_bpb",  "sampler_bpb", "repetition", "entropy_x",    "accuracy" };
/* in place of distinct_3 and coverage, which are on the axes; a name in HDF5 has no slash */
static const char hostile_y[] = "<img src=x onerror=alert(1)>'`touch " RESULTS_FILE_CANARY "`' 5%d\n|\"x\"";
static const char hostile_x[] = "=@SUM(1)\nEOD\nsystem 'touch " RESULTS_FILE_CANARY "'\n";
enum { N_METRICS = sizeof metric_names / sizeof *metric_names };

struct making {
    const struct results_file *f;
    struct h5 *h;
    size_t n_records;
};

/* A name of its own for each (kind, i): the i-th of the list with its number, or KIND-i. */
static char *name_of(const struct results_file *f, const char *kind, size_t i)
{
    struct text t = { 0 };
    if (f->n_names > 0)
        text_addf(&t, "%s %s-%zu", f->names[i % f->n_names], kind, i);
    else
        text_addf(&t, "%s-%zu", kind, i);
    return t.s;
}

/* The name as it is: what is special about its ends is kept. */
static char *bare_name(const struct results_file *f, const char *kind, size_t i)
{
    if (f->n_names > 0 && i < f->n_names && strlen(f->names[i]) > 3000) { /* 10,000: more than a literal may have */
        struct text t = { 0 };
        for (int k = 0; k < 3; k++)
            text_add(&t, f->names[i]);
        return t.s;
    }
    return f->n_names > 0 && i < f->n_names && *f->names[i] ? mem_string(f->names[i]) : name_of(f, kind, i);
}

static void put(struct making *m, const char *path, hid_t type, size_t n, const void *data)
{
    h5_put(m->h, &(struct h5_array){ .path = path, .type = type, .rank = 1, .dims = { n }, .data = data });
}

static void put_names(struct making *m, const char *path, size_t n, char *names[])
{
    put(m, path, H5_STRINGS, n, names);
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

static size_t lm_of(const struct results_file *f, size_t arm)
{
    return arm % f->n_lms;
}

/* The arms of each lm are 0 (sample), 1, 2, ...; the last is as the one before but for its name. */
static void by_search(const struct results_file *f, size_t arm, char **name, char **chain, char **search)
{
    size_t i = arm / f->n_lms, last = (f->n_arms - 1) / f->n_lms;
    struct text t = { 0 }, called = { 0 };
    text_addf(&t, "beam=%zu", i == last ? i - 1 : i);
    text_addf(&called, "%s: as it is", lm_of(f, arm) == 0 ? "lm-0" : "lm-1");
    if (i > 0)
        text_addf(&called, " | %s%s", t.s, i == last ? " | by task" : "");
    free(*name);
    free(*chain);
    free(*search);
    *name = called.s;
    *chain = mem_string("");
    *search = i == 0 ? mem_string("sample") : t.s;
    if (i == 0)
        text_free(&t);
}

static void put_arms(struct making *m)
{
    const struct results_file *f = m->f;
    size_t n = f->n_arms;
    char **name = mem_alloc(n, sizeof *name), **lm = mem_alloc(n, sizeof *lm), **chain = mem_alloc(n, sizeof *chain),
         **search = mem_alloc(n, sizeof *search), **space = mem_alloc(n, sizeof *space);
    uint8_t *repeats = mem_alloc(n, 1);
    double *zeros = mem_alloc(n, sizeof *zeros);
    for (size_t i = 0; i < n; i++) {
        struct text t = { 0 };
        lm[i] = bare_name(f, "lm", lm_of(f, i));
        chain[i] = bare_name(f, "chain", i / f->n_lms + (f->n_names > 0 ? i : 0));
        text_addf(&t, "%s: %s", lm[i], chain[i]);
        name[i] = f->n_names > 0 ? bare_name(f, "arm", i) : t.s;
        if (f->n_names > 0)
            text_free(&t);
        search[i] = f->n_names > 0 ? bare_name(f, "search", i) : mem_string("sample");
        if (f->searches)
            by_search(f, i, &name[i], &chain[i], &search[i]);
        space[i] = mem_string("letters");
    }
    put_names(m, "/arm", n, name);
    put_names(m, "/arm_lm", n, lm);
    put_names(m, "/arm_chain", n, chain);
    put_names(m, "/arm_search", n, search);
    put_names(m, "/arm_space", n, space);
    put(m, "/arm_repeats", H5T_STD_U8LE, n, repeats);
    put(m, "/cost/arm_symbols", H5T_IEEE_F64LE, n, zeros);
    put(m, "/cost/arm_seconds", H5T_IEEE_F64LE, n, zeros);
    free(repeats);
    free(zeros);
}

static void put_items(struct making *m)
{
    const struct results_file *f = m->f;
    static const char *const paths[] = { "/item", "/item_set", "/item_id", "/item_lang", "/item_kind", "/item_prompt" };
    int64_t *gold = mem_alloc(f->n_items, sizeof *gold);
    for (size_t k = 0; k < sizeof paths / sizeof *paths; k++) {
        char **column = mem_alloc(f->n_items, sizeof *column);
        for (size_t i = 0; i < f->n_items; i++)
            column[i] = k == 4 ? mem_string("generate") : name_of(f, paths[k] + 1, i);
        put_names(m, paths[k], f->n_items, column);
    }
    if (f->n_tasks > 0) {
        char **task = mem_alloc(f->n_items, sizeof *task);
        for (size_t i = 0; i < f->n_items; i++)
            task[i] = bare_name(f, "task", i % f->n_tasks);
        put_names(m, "/item_task", f->n_items, task);
    }
    put(m, "/item_gold", H5T_STD_I64LE, f->n_items, gold);
    free(gold);
}

static const char *metric_name(const struct results_file *f, size_t k)
{
    return f->n_names > 0 && k == 1 ? hostile_y : f->n_names > 0 && k == 4 ? hostile_x : metric_names[k];
}

static void put_metric(struct making *m, size_t k)
{
    const struct results_file *f = m->f;
    struct text path = { 0 };
    double *x = mem_alloc(m->n_records, sizeof *x);
    char *meaning = name_of(f, "meaning", k);
    struct rng_address at = { .seed = 11, .item = k, .purpose = RNG_TEST };
    struct rng_key key = rng_key(&at);
    for (size_t i = 0; i < m->n_records; i++)
        x[i] = f->bare && k == 1 && i / f->n_draws % f->n_items % f->n_tasks == 0
                   ? NAN
                   : rng_uniform(&key, (uint32_t)i) + 0.3 * (double)(i / f->n_items / f->n_draws) / f->n_arms;
    text_addf(&path, "/metric/%s", metric_name(f, k));
    h5_put(m->h, &(struct h5_array){ .path = text_s(&path),
                                     .type = H5T_IEEE_F64LE,
                                     .rank = 3,
                                     .dims = { f->n_arms, f->n_items, f->n_draws },
                                     .data = x,
                                     .unit = meaning,
                                     .meaning = meaning });
    h5_int(m->h, text_s(&path), "direction", k == 5 ? -1 : 1);
    h5_real(m->h, text_s(&path), "minimum", 0);
    h5_real(m->h, text_s(&path), "maximum", INFINITY);
    text_free(&path);
    free(meaning);
    free(x);
}

static void put_records(struct making *m)
{
    const struct results_file *f = m->f;
    static const char *const columns[] = { "arm", "item", "draw", "end", "n_symbols", "n_voices" };
    static const char *const reals[] = { "log_weight", "nll", "judge_nll" };
    size_t n = m->n_records;
    struct text path = { 0 };
    uint32_t *x = mem_alloc(n, sizeof *x);
    double *y = mem_alloc(n, sizeof *y);
    for (size_t c = 0; c < 6; c++) {
        for (size_t i = 0; i < n; i++) {
            const uint32_t values[] = { (uint32_t)(i / f->n_draws / f->n_items),
                                        (uint32_t)(i / f->n_draws % f->n_items),
                                        (uint32_t)(i % f->n_draws),
                                        3,
                                        f->symbols,
                                        f->voices };
            x[i] = values[c];
        }
        text_clear(&path);
        text_addf(&path, "/record/%s", columns[c]);
        put(m, text_s(&path), H5T_STD_U32LE, n, x);
    }
    for (size_t c = 0; c < 3; c++) {
        text_clear(&path);
        text_addf(&path, "/record/%s", reals[c]);
        put(m, text_s(&path), H5T_IEEE_F64LE, n, y);
    }
    text_free(&path);
    free(x);
    free(y);
}

static void put_offsets(struct making *m, const char *path, uint64_t step)
{
    uint64_t *x = mem_alloc(m->n_records + 1, sizeof *x);
    for (size_t i = 0; i <= m->n_records; i++)
        x[i] = i * step;
    put(m, path, H5T_STD_U64LE, m->n_records + 1, x);
    free(x);
}

enum { N_SYMBOLS = 32 };

static uint32_t symbol(size_t k)
{
    return (uint32_t)((k * 2654435761u >> 16) % N_SYMBOLS);
}

static void put_traces(struct making *m)
{
    static const char *const steps[] = { "logp", "logp_final",   "entropy", "entropy_final", "mass",
                                         "rmi",  "data_entropy", "epkl",    "agreement",     "disagreement" };
    size_t n = m->n_records * m->f->symbols, n_voice = n * m->f->voices;
    size_t most = n_voice > n ? n_voice : n;
    uint32_t *id = mem_alloc(n, sizeof *id);
    uint8_t *text = mem_alloc(n, 1);
    float *x = mem_alloc(most, sizeof *x);
    for (size_t k = 0; k < n; k++)
        text[k] = (uint8_t)('a' + (id[k] = symbol(k)) % 26);
    for (size_t k = 0; k < most; k++)
        x[k] = (float)symbol(k + 1) / N_SYMBOLS;
    put(m, "/tokens/ids", H5T_STD_U32LE, n, id);
    put(m, "/tokens/kept", H5T_STD_U32LE, n, id);
    put(m, "/text/bytes", H5T_STD_U8LE, n, text);
    for (size_t c = 0; c < sizeof steps / sizeof *steps; c++) {
        struct text path = { 0 };
        text_addf(&path, "/tokens/%s", steps[c]);
        put(m, text_s(&path), H5T_IEEE_F32LE, n, x);
        text_free(&path);
    }
    put(m, "/tokens/voice_logp", H5T_IEEE_F32LE, n_voice, x);
    put(m, "/tokens/voice_share", H5T_IEEE_F32LE, n_voice, x);
    put(m, "/tokens/voice_weight", H5T_IEEE_F32LE, n_voice, x);
    put_offsets(m, "/text/offsets", m->f->symbols);
    put_offsets(m, "/tokens/offsets", m->f->symbols);
    put_offsets(m, "/tokens/voice_offsets", (uint64_t)m->f->symbols * m->f->voices);
    put_offsets(m, "/choice/offsets", 0);
    put(m, "/choice/logp", H5T_IEEE_F64LE, 0, x);
    free(id);
    free(text);
    free(x);
}

static void put_units(struct making *m)
{
    int64_t *record = mem_alloc(m->n_records, sizeof *record);
    uint32_t *count = mem_alloc(m->n_records, sizeof *count);
    for (size_t i = 0; i < m->n_records; i++) {
        record[i] = (int64_t)i;
        count[i] = 1;
    }
    struct h5_array a = { .path = "/unit/record",
                          .type = H5T_STD_I64LE,
                          .rank = 3,
                          .dims = { m->f->n_arms, m->f->n_items, m->f->n_draws },
                          .data = record };
    h5_put(m->h, &a);
    a.path = "/unit/count";
    a.type = H5T_STD_U32LE;
    a.data = count;
    h5_put(m->h, &a);
    free(record);
    free(count);
}

static void put_space(struct making *m)
{
    uint64_t offsets[N_SYMBOLS + 1] = { 0 };
    struct text bytes = { 0 };
    for (size_t i = 0; i < N_SYMBOLS; i++) {
        char *piece = m->f->n_names > 0 ? mem_string(m->f->names[i % m->f->n_names]) : NULL;
        text_add(&bytes, piece ? piece : (char[]){ (char)('a' + i % 26), '\0' });
        offsets[i + 1] = bytes.len;
        free(piece);
    }
    put(m, "/space/letters/bytes", H5T_STD_U8LE, bytes.len, text_s(&bytes));
    put(m, "/space/letters/offsets", H5T_STD_U64LE, N_SYMBOLS + 1, offsets);
    text_free(&bytes);
}

static void put_fits(struct making *m)
{
    static const char *const numbers[] = { "value", "nll_before", "nll_after", "ece_before", "ece_after" };
    static const char *const columns[] = { "confidence", "accuracy", "n" };
    double x[RESULTS_BINS];
    for (size_t i = 0; i < RESULTS_BINS; i++)
        x[i] = (double)(i + 1) / (RESULTS_BINS + 1);
    for (size_t i = 0; i < m->f->n_fits; i++) {
        struct text path = { 0 };
        for (size_t c = 0; c < 6; c++) {
            text_clear(&path);
            text_addf(&path, "/calibration/fit_%03zu/%s_%s", i, c < 3 ? "before" : "after", columns[c % 3]);
            put(m, text_s(&path), H5T_IEEE_F64LE, RESULTS_BINS, x);
        }
        text_clear(&path);
        text_addf(&path, "/calibration/fit_%03zu", i);
        for (size_t k = 0; k < 5; k++)
            h5_real(m->h, text_s(&path), numbers[k], 0.5);
        static const char *const names[] = { "id", "what", "lm", "on" };
        for (size_t k = 0; k < 4; k++) {
            char *name = bare_name(m->f, names[k], i * 4 + k);
            h5_text(m->h, text_s(&path), names[k], name);
            free(name);
        }
        text_free(&path);
    }
}

/* JSON of a name; what is no UTF-8 cannot stand in a plan. */
static void add_name(struct text *t, const struct results_file *f, const char *kind, size_t i)
{
    char *name = bare_name(f, kind, i);
    text_add_json(t, name, strlen(name));
    free(name);
}

static void put_plan(struct making *m)
{
    const struct results_file *f = m->f;
    struct text t = { 0 };
    text_add(&t, "{\"hash\":\"00\",\"from\":{\"script\":{\"text\":");
    add_name(&t, f, "script", 14);
    text_add(&t, "}},\"what\":{\"name\":");
    add_name(&t, f, "run", 14);
    text_add(&t, ",\"seed\":1,\"judge\":");
    add_name(&t, f, "judge", 15);
    text_add(&t, ",\"creativity\":[");
    text_add_json(&t, metric_name(f, 1), strlen(metric_name(f, 1)));
    text_add(&t, "],\"control\":[");
    text_add_json(&t, metric_name(f, 4), strlen(metric_name(f, 4)));
    text_add(&t, "],\"evalsets\":[],\"arms\":[");
    for (size_t i = 0; i < f->n_arms; i++)
        text_addf(&t, "%s{%s}", i == 0 ? "" : ",",
                  f->searches && i / f->n_lms == (f->n_arms - 1) / f->n_lms ? "\"tasks\":[]" : "");
    text_add(&t, "],\"fits\":[");
    for (size_t i = 0; i < f->n_fits; i++)
        text_add(&t, i == 0 ? "{}" : ",{}");
    text_add(&t, "],\"lms\":[");
    for (size_t i = 0; i < f->n_lms; i++) {
        text_add(&t, i == 0 ? "{\"id\":" : ",{\"id\":");
        add_name(&t, f, "lm", i);
        if (f->weighting && i + 1 == f->n_lms)
            text_addf(&t, ",\"weighting\":\"%s\"", f->weighting);
        text_add(&t, ",\"voices\":[");
        for (size_t v = 0; v < f->voices; v++) {
            text_add(&t, v == 0 ? "{\"name\":" : ",{\"name\":");
            add_name(&t, f, "voice", i + v);
            text_add(&t, "}");
        }
        text_add(&t, "]}");
    }
    text_add(&t, "]}}");
    h5_text(m->h, "/", "plan", text_s(&t));
    text_clear(&t);
    text_add(&t, "{\"machine\":");
    add_name(&t, f, "machine", 16);
    text_add(&t, "}");
    h5_text(m->h, "/", "provenance", text_s(&t));
    text_free(&t);
}

int results_file_write(const char *path, const struct results_file *f)
{
    struct making m = { f, h5_create(path), (size_t)f->n_arms * f->n_items * f->n_draws };
    static const char *const costs[] = { "seconds", "computed", "rounds", "wanted", "asked" };
    if (!m.h)
        return -1;
    int32_t *draw = mem_alloc(f->n_draws, sizeof *draw);
    put(&m, "/draw", H5T_STD_I32LE, f->n_draws, draw);
    free(draw);
    put_arms(&m);
    put_items(&m);
    for (size_t k = 0; k < N_METRICS; k++)
        put_metric(&m, k);
    put_records(&m);
    put_traces(&m);
    put_units(&m);
    put_space(&m);
    put_fits(&m);
    put_plan(&m);
    for (size_t k = 0; k < sizeof costs / sizeof *costs; k++) {
        struct text t = { 0 };
        text_addf(&t, "/cost/session_%s", costs[k]);
        put(&m, text_s(&t), H5T_IEEE_F64LE, 1, &(double){ 1 });
        text_free(&t);
    }
    return h5_close(m.h);
}
