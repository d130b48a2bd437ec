/* Numbers, specs, scripts and lines under a locale with a decimal comma, set in this very process: the same bytes as under
 * "C".  (The program itself never calls setlocale(); a library that it loads might.) */
#include "base/doc.h"
#include "base/err.h"
#include "base/text.h"
#include "decode/chain.h"
#include "decode/dist.h"
#include "ensemble/pool_line.h"
#include "evalsets/evalset.h"
#include "experiments/plan.h"
#include "experiments/script.h"
#include "tests/lib/check.h"
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char script[] =
    "local t, s = { b = 1, B = 2, ['\xc3\xa4'] = 3, a = 4, i = 5, I = 6 }, ''\n"
    "for k in pairs(t) do s = s .. k end\n"
    "experiment { name = ('iI'):upper() .. ('iI'):lower() .. s .. 0.5 .. (0.1 + 0.2) .. tonumber('0.25'),\n"
    "  evalsets = { { 'openings', items = 2 } }, judge = model 'table:n=3,sharpness=0.25',\n"
    "  arms = grid { lm = ensemble { voice { model 'table:n=3', temperature = 0.75 }, model 'table:n=3,seed=2',\n"
    "    weights = { 0.3, 0.7 } }, chain = each('temperature=%g|top_p=%.2f', { { 0.5, 0.25 }, { 1.5, 0.125 } }) } }\n";

static void add_numbers(struct text *out)
{
    static const double numbers[] = { 0.1, -2.5, 1e-300, 1.0 / 3, 1e22, 5e-324, 123456.789 };
    static const char *const texts[] = { "0.5", "0,5", "1e-3", "-7.25", ".5", "5.", "1.000,5", "inf" };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        text_add_real(out, numbers[i]);
        text_add(out, " ");
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        double x = -1;
        text_addf(out, "%d ", text_real(texts[i], &x));
        text_add_real(out, x);
        text_add(out, " ");
    }
}

static void add_chain(struct text *out, const char *text)
{
    struct chain *c = chain_parse(text);
    text_addf(out, "\n%s", c ? chain_text(c) : err_text());
    chain_free(c);
}

static void add_lines(struct text *out)
{
    static const char line[] = "{\"id\":\"x\",\"logits\":[0.5,1.25,-3e-2,null],\"chain\":\"temperature=0.8|top_p=0.9\","
                               "\"draw\":5}";
    static const char pool[] =
        "{\"id\":1.5,\"rule\":\"power(0.5)\",\"weights\":[0.3,0.7],\"probs\":[[0.5,0.5],[0.1,0.9]]}";
    static const char bad[] = "{\"id\":\"y\",\"probs\":[0,5,0.5,-0.5]}";
    struct dist *d = dist_alloc();
    text_add(out, "\n");
    dist_line(d, line, strlen(line), out);
    dist_line(d, bad, strlen(bad), out);
    pool_line(pool, strlen(pool), NULL, out);
    dist_free(d);
    json_t *o = doc_read("doc", "{\"b\":0.5,\"a\":[1e-7,2.50,-0.0]}", 30);
    if (o)
        doc_canonical(out, o);
    json_decref(o);
}

/* Everything that reads or writes numbers or orders strings, as one text. */
static void add_all(struct text *out)
{
    struct text source = { 0 };
    const char *const sets[] = { "x=0.5", "y=0,5" };
    add_numbers(out);
    add_chain(out, "temperature=0.8|top_p(0.95,min_keep=2)");
    add_chain(out, "top_p=0,9");
    add_chain(out, "top_p\xa0=0.9"); /* a space in ISO 8859-1 */
    add_chain(out, "top_p=1.5");
    add_lines(out);
    text_add(&source, script);
    json_t *declared = script_run("s.lua", &source, sets, 2);
    check(declared != NULL, "the script runs: %s", declared ? "" : err_text());
    struct plan *p = declared ? plan_resolve(declared, &source, NULL) : NULL;
    check(p != NULL, "and is a plan: %s", p ? "" : err_text());
    if (p) {
        text_addf(out, "\n%s\n", p->hash);
        doc_canonical(out, p->what);
    }
    plan_free(p);
    json_decref(declared);
    text_free(&source);
}

/* A folder with the locale; false when the system cannot make it. */
static bool make_locale(char *folder, const char *input, const char *charset)
{
    struct text command = { 0 };
    text_addf(&command, "localedef -i %s -f %s %s/odd >/dev/null 2>&1", input, charset, folder);
    bool made = system(text_s(&command)) == 0;
    text_free(&command);
    return made;
}

int main(void)
{
    static const char *const inputs[][2] = { { "de_DE", "UTF-8" },
                                             { "tr_TR", "ISO-8859-9" },
                                             { "fr_FR", "ISO-8859-1" } };
    char folder[] = "/tmp/chorale-locale-XXXXXX";
    struct text want = { 0 }, got = { 0 }, command = { 0 };
    evalset_set_home(CHORALE_HOME);
    check(mkdtemp(folder) && setenv("LOCPATH", folder, 1) == 0, "a folder");
    add_all(&want);
    size_t n = 0;
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        if (!make_locale(folder, inputs[i][0], inputs[i][1]) || !setlocale(LC_ALL, "odd"))
            continue;
        n++;
        check(strcmp(localeconv()->decimal_point, ",") == 0, "%s has a decimal comma", inputs[i][0]);
        text_clear(&got);
        add_all(&got);
        check(strcmp(text_s(&want), text_s(&got)) == 0, "%s: want\n%s\ngot\n%s", inputs[i][0], text_s(&want),
              text_s(&got));
        setlocale(LC_ALL, "C");
    }
    text_addf(&command, "rm -rf %s", folder);
    check(system(text_s(&command)) == 0, "the folder goes");
    text_free(&command);
    text_free(&want);
    text_free(&got);
    if (n == 0)
        check_skip("locale_numbers", "localedef makes no locale with a decimal comma here");
    return check_done("locale_numbers");
}
