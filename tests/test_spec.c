/* base/spec: the grammar, the messages, and that canonical text is a fixed point. */
#include "base/err.h"
#include "base/spec.h"
#include "tests/lib/check.h"
#include <string.h>

static const struct param top[] = {
    { .name = "p", .kind = PARAM_REAL, .max = 1, .required = true, .meaning = "mass to keep" },
    { .name = "min_keep", .kind = PARAM_INT, .min = 1, .max = 1e9, .value = 1, .meaning = "symbols kept at least" },
    { .name = "rule", .kind = PARAM_TEXT, .meaning = "a word" },
    { .name = "ids", .kind = PARAM_LIST, .meaning = "symbols" },
};

static void canonical(const char *text, const char *want)
{
    struct spec *s = spec_parse("chain", text);
    check(s != NULL, "%s parses: %s", text, err_text());
    if (!s)
        return;
    struct spec_value v[4];
    struct text t = { 0 };
    check(s->n_steps == 1, "%s is one step", text);
    check(spec_bind(&s->steps[0], top, 4, v) == 0, "%s binds: %s", text, err_text());
    spec_canonical(&t, s->steps[0].name, top, 4, v);
    check(strcmp(text_s(&t), want) == 0, "%s gives %s, want %s", text, text_s(&t), want);
    text_free(&t);
    spec_free(s);
}

static void refused(const char *text, const char *message)
{
    struct spec *s = spec_parse("chain", text);
    struct spec_value v[4];
    bool bad = !s || spec_bind(&s->steps[0], top, 4, v) == ERR_USAGE;
    check(bad, "%s is refused", text);
    check(strstr(err_text(), message) != NULL, "%s says '%s', want '%s'", text, err_text(), message);
    spec_free(s);
}

int main(void)
{
    canonical("top_p=0.9", "top_p=0.9");
    canonical(" top_p ( 0.90 ) ", "top_p=0.9");
    canonical("top_p(p=.9)", "top_p=0.9");
    canonical("top_p(0.9, min_keep=2)", "top_p(0.9, min_keep=2)");
    canonical("top_p(min_keep=2, p=9e-1)", "top_p(0.9, min_keep=2)");
    canonical("top_p(0.9,1)", "top_p=0.9");
    canonical("top_p(0.1, rule='it''s | odd')", "top_p(0.1, rule='it''s | odd')");
    canonical("top_p(0.1, rule='7')", "top_p(0.1, rule='7')");
    canonical("top_p(0.1, ids=[3, 'a,b', word])", "top_p(0.1, ids=[3, 'a,b', word])");
    canonical("top_p(0.1, ids=[])", "top_p(0.1, ids=[])");

    /* bug: '1.0' became 1 and '1e3' 1000, ids in the place of texts; 2^53 + 1 became 2^53 */
    canonical("top_p(0.1, ids=['1.0', 1e3, 0.10, 007, '5', 9007199254740993, 18446744073709551615])",
              "top_p(0.1, ids=[1.0, 1e3, 0.10, 007, 5, 9007199254740993, 18446744073709551615])");
    canonical("top_p(0.1, ids=['', 'in f', inf, -5])", "top_p(0.1, ids=['', 'in f', inf, -5])");

    canonical("top_p=-0", "top_p=0"); /* bug: had a canonical text of its own */

    char many[4000]; /* bug: of a long text the message held the text alone, and no reason */
    memset(many, 'x', sizeof many);
    memcpy(many + 3000, " top_p ", 7);
    many[sizeof many - 1] = '\0';
    refused(many, "column 3002: want '|' between steps");
    refused(many, "xxx top_p xxx");

    refused("top_p=", "column 7: a value is missing");
    refused("bias([' the': -1])", "column 13: want the number within the quotes, ' the:-1'");
    refused("top_p(0.9", "want ',' or ')'");
    refused("top_p=1.5", "p is 1.5, want a number in [0, 1]");
    refused("top_p=nan", "p is 'nan', want a number");
    refused("top_p(0.5, min_keep=1.5)", "want an integer in [1, ");
    refused("top_p(0.5, q=1)", "unknown parameter 'q'");
    refused("top_p(0.5, min_kep=1)", "did you mean 'min_keep'?");
    refused("top_p(0.5, p=0.5)", "p is given twice");
    refused("top_p", "p is missing (mass to keep)");
    refused("top_p(0.1, rule='open)", "the quote is not closed");
    refused("top_p(1, 2, a, [1], 5)", "takes 4 parameters, got 5");
    refused("top_p=0.5 top_k=3", "want '|' between steps");
    refused("top_p=0.5 |", "a step is missing after '|'");
    refused("| top_p=0.5", "a name is missing");

    struct spec *empty = spec_parse("chain", "  ");
    check(empty && empty->n_steps == 0, "the empty text has no step");
    spec_free(empty);
    return check_done("spec");
}
