#include "tests/lib/letters.h"
#include "base/err.h"
#include "experiments/init.h"
#include "experiments/run.h"
#include "experiments/script.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/chorale-letters-XXXXXX";

const char letters_script[] =
    "local a = model { 'table:n=4,length=16,seed=3,sharpness=1.5', name = 'a' }\n"
    "local b = model { 'table:n=4,length=16,seed=5,sharpness=0.7', name = 'b' }\n"
    "local duet = ensemble { voice { a, temperature = fit { what = 'temperature', on = 'DIR/held' } },\n"
    "                        voice { b, chain = 'top_k=3' }, rule = arg.rule or 'linear', weights = { 0.6, 0.4 },\n"
    "                        name = 'duet' }\n"
    "experiment { name = 'letters', seed = 7, draws = arg.draws or 3, limit = { bytes = 10 },\n"
    "  evalsets = { 'DIR/gen', 'DIR/choice', 'DIR/score' },\n"
    "  arms = grid { lm = { a, b, duet }, chain = { 'temperature=0', '', each('temperature=%g|top_p=0.8', { 0.7, 1.5 "
    "}) } },\n"
    "  judge = model { 'table:n=4,length=60,seed=9', name = 'judge' },\n"
    "  creativity = { 'distinct_1' }, control = 'judge_bpb' }\n";

const char *letters_path(const char *name)
{
    static char paths[4][512];
    static int next;
    char *p = paths[next++ % 4];
    snprintf(p, sizeof paths[0], "%s/%s", folder, name);
    return p;
}

void letters_write(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        check_skip("letters", "cannot write temporary files");
}

void letters_set(const char *name, const char *kind, const char *metric, const char *items)
{
    char path[256], text[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/README.md", folder, name);
    letters_write(path, "# Letters\n\nOf tests.\n");
    snprintf(path, sizeof path, "%s/%s/evalset.json", folder, name);
    snprintf(text, sizeof text, "{\"name\":\"%s\",\"kind\":\"%s\",\"lang\":[\"en\"],\"metrics\":[\"%s\"]}", name, kind,
             metric);
    letters_write(path, text);
    snprintf(path, sizeof path, "%s/%s/items.jsonl", folder, name);
    letters_write(path, items);
}

static char held[LETTERS_HELD][16];

const char *letters_held(size_t i)
{
    return held[i];
}

/* Texts that table a itself might have said, at temperature 1.3: a temperature fits them. */
static void make_held(void)
{
    struct lm *lm = table_open(&(struct table_options){ .n = 4, .max_length = 16, .seed = 3, .sharpness = 1.5 });
    struct text items = { 0 };
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < LETTERS_HELD; i++) {
        sym_t prefix[16];
        double logp[4];
        for (size_t k = 0; k < 6 + i; k++) {
            double z = 0, p[3], u;
            table_logp(lm, prefix, k, logp);
            for (size_t v = 0; v < 3; v++)
                z += p[v] = exp(logp[v] / 1.3);
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            u = (double)(x >> 11) * 0x1p-53 * z;
            prefix[k] = u < p[0] ? 0 : u < p[0] + p[1] ? 1 : 2;
            held[i][k] = (char)('a' + prefix[k]);
        }
        text_addf(&items, "{\"id\":\"h%zu\",\"lang\":\"en\",\"text\":\"%s\"}\n", i, held[i]);
    }
    letters_set("held", "text", "bits_per_byte", text_s(&items));
    text_free(&items);
    lm_free(lm);
}

void letters_open(void)
{
    init_libraries();
    if (!mkdtemp(folder))
        check_skip("letters", "no temporary folder");
    letters_set(
        "gen", "generate", "distinct_1",
        "{\"id\":\"one\",\"lang\":\"en\",\"text\":\"ab\"}\n{\"id\":\"two\",\"lang\":\"en\",\"text\":\"c\"}\n"
        "{\"id\":\"three\",\"lang\":\"en\",\"text\":\"abc\"}\n{\"id\":\"four\",\"lang\":\"en\",\"text\":\"cab\"}\n"
        "{\"id\":\"five\",\"lang\":\"en\",\"text\":\"bb\"}\n");
    letters_set("choice", "choice", "accuracy",
                "{\"id\":\"x\",\"lang\":\"en\",\"text\":\"ab\",\"choices\":[\"a\",\"cb\",\"ccc\"],\"gold\":1}\n"
                "{\"id\":\"y\",\"lang\":\"en\",\"text\":\"\",\"choices\":[\"ab\",\"ba\"],\"gold\":0}\n");
    letters_set("score", "text", "bits_per_byte", "{\"id\":\"s\",\"lang\":\"en\",\"text\":\"abcabcab\"}\n");
    make_held();
}

void letters_close(void)
{
    letters_remove(folder);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

void letters_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct plan *letters_plan(const char *script, const struct plan_options *o)
{
    struct text t = { 0 };
    for (const char *s = script, *dir; *s; s = dir) {
        dir = strstr(s, "DIR");
        dir = dir ? dir : s + strlen(s);
        text_addn(&t, s, (size_t)(dir - s));
        if (*dir) {
            text_add(&t, folder);
            dir += 3;
        }
    }
    static const struct plan_options none;
    o = o ? o : &none;
    json_t *declared = script_run("letters.lua", &t, o->sets, o->n_sets);
    struct plan *p = declared ? plan_resolve(declared, &t, o) : NULL;
    json_decref(declared);
    text_free(&t);
    return p;
}

struct plan *letters_experiment(const char *head, const char *arms, const char *sets)
{
    struct text t = { 0 };
    text_addf(&t, "%sexperiment { name = 'letters', seed = 7, limit = { bytes = 8 }, evalsets = { %s },\n  arms = %s }",
              head, sets, arms);
    struct plan *p = letters_plan(text_s(&t), NULL);
    text_free(&t);
    return p;
}

struct results *letters_results(const char *head, const char *arms, const char *sets, const char *name, size_t threads)
{
    struct run_outcome outcome;
    struct plan *p = letters_experiment(head, arms, sets);
    const struct run_options o = { .threads = threads };
    check(p && run_execute(p, letters_path(name), &o, &outcome) == 0, "%s: %s", name, err_text());
    plan_free(p);
    return results_open(letters_path(name));
}

struct lm *letters_table(void)
{
    return table_open(&(struct table_options){ 4, 16, 3, 1.5 });
}

double letters_logp(const struct lm *table, const char *prompt, const char *text)
{
    sym_t s[16];
    size_t n = 0;
    double sum = 0, logp[4];
    for (; *prompt; prompt++)
        s[n++] = (sym_t)(*prompt - 'a');
    for (; *text; text++) {
        table_logp(table, s, n, logp);
        sum += logp[*text - 'a'];
        s[n++] = (sym_t)(*text - 'a');
    }
    return sum;
}

int letters_run(const struct plan *p, const char *name, struct run_options o)
{
    struct run_outcome outcome;
    return run_execute(p, letters_path(name), &o, &outcome);
}

struct text letters_read(const char *path)
{
    struct text t = { 0 };
    check(text_read_file(&t, path, 1 << 24) == 0, "%s", err_text());
    return t;
}
