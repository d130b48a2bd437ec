#include "cli/options.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/console.h"
#include "cli/options_elsewhere.h"
#include "decode/chain.h"
#include "decode/elsewhere.h"
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option_row common[] = {
    { "help", NULL, NULL, "this text" },
    { "json", NULL, NULL, "machine-readable output on stdout" },
    { "quiet", NULL, NULL, "no progress, no remarks" },
    { "verbose", NULL, NULL, "more remarks" },
};
enum { N_COMMON = sizeof common / sizeof *common };

static const struct option_row *find(const struct option_row rows[], size_t n, const char *name, size_t *at)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].name, name) == 0) {
            *at = i;
            return &rows[i];
        }
    return NULL;
}

/* The transform that an option's name is, which belongs in a chain; NULL: none, or the verb has no chains. */
static const struct transform_type *transform_of(const struct verb *verb, const char *name)
{
    size_t at, n;
    const struct transform_type *const *types = transform_types(&n);
    for (size_t i = 0; i < n && find(verb->options, verb->n_options, "chain", &at); i++)
        if (text_same_word(types[i]->name, name))
            return types[i];
    return NULL;
}

static bool wants_value(const struct transform_type *t)
{
    return t->n_params > 0 && t->params[0].required;
}

/* A field of experiment { ... }, where the verb takes a script. */
static bool in_script(const struct verb *verb, const char *name)
{
    static const char *const fields[] = { "draws", "seed", "stop", "judge", "evalsets", "creativity", "control" };
    for (size_t i = 0; i < sizeof fields / sizeof *fields && strstr(verb->operands, "SCRIPT"); i++)
        if (strcmp(fields[i], name) == 0)
            return true;
    return false;
}

static bool begins_option(const struct verb *verb, const char *name)
{
    for (size_t i = 0; i < verb->n_options; i++)
        if (strncmp(verb->options[i].name, name, strlen(name)) == 0)
            return true;
    return false;
}

/* Said otherwise here: an option, an operand, or what a chain, a search or a selection says.  0: nothing that the verb
 * knows. */
static int other_word(const struct verb *verb, const char *seen)
{
    const char *name = seen + strspn(seen, "-"), *here = options_elsewhere(verb, name);
    static const char *const in[] = {
        [ELSEWHERE_CHAIN] = "chain", [ELSEWHERE_SEARCH] = "search", [ELSEWHERE_SELECT] = "select"
    };
    struct elsewhere e;
    size_t at;
    if (here && isupper((unsigned char)*here))
        return err_set(ERR_USAGE, "unknown option '%s'; here that is an operand: chorale %s [OPTIONS] %s", seen,
                       verb->name, verb->operands);
    const struct option_row *row = here ? find(verb->options, verb->n_options, here, &at) : NULL;
    if (row)
        return err_set(ERR_USAGE, "unknown option '%s'; here that is --%s%s%s", seen, here, row->value ? " " : "",
                       row->value ? row->value : "");
    bool decodes = find(verb->options, verb->n_options, "chain", &at) || strstr(verb->operands, "SCRIPT");
    if (in_script(verb, name))
        return err_set(ERR_USAGE,
                       "unknown option '%s'; the script says it: experiment { %s = ... }, or = arg.%s for --set %s=...",
                       seen, name, name, name);
    if (!decodes || !elsewhere_find(seen, &e) || (elsewhere_ours(&e) && begins_option(verb, name)))
        return 0;
    if ((size_t)e.place < sizeof in / sizeof *in && find(verb->options, verb->n_options, in[e.place], &at))
        return err_set(ERR_USAGE, "unknown option '%s'; here that is in --%s: %s", seen, in[e.place], e.here);
    return elsewhere_unknown(ERR_USAGE, "option", seen, NULL, 0);
}

static int unknown(const struct verb *verb, const char *name)
{
    const struct transform_type *transform = transform_of(verb, name);
    if (transform)
        return err_set(ERR_USAGE, "unknown option '--%s'; a transform stands in a chain: --chain \"%s%s\"", name,
                       transform->name, wants_value(transform) ? "=..." : "");
    const char *names[OPTIONS_MAX + N_COMMON];
    struct text all = { 0 }, seen = { 0 }, said = { 0 };
    size_t at[OPTIONS_MAX + N_COMMON], n = verb->n_options + N_COMMON;
    text_addf(&seen, "--%s", name);
    for (size_t i = 0; i < n; i++) {
        at[i] = all.len;
        text_addf(&all, "--%s", i < verb->n_options ? verb->options[i].name : common[i - verb->n_options].name);
        text_addn(&all, "", 1);
    }
    for (size_t i = 0; i < n; i++)
        names[i] = all.s + at[i];
    int rc = other_word(verb, text_s(&seen));
    if (rc == 0) {
        err_unknown(ERR_USAGE, "option", text_s(&seen), names, n);
        text_add(&said, err_text());
        rc = err_set(ERR_USAGE, "%s; usage: chorale %s [OPTIONS] %s", text_s(&said), verb->name, verb->operands);
    }
    text_free(&said);
    text_free(&all);
    text_free(&seen);
    return rc;
}

/* Behind one dash. */
static int unknown_short(const struct verb *verb, const char *seen)
{
    int rc = other_word(verb, seen);
    return rc < 0
               ? rc
               : err_set(ERR_USAGE,
                         "unknown option '%s'; options begin with two dashes, and after -- nothing is an option", seen);
}

static void set_common(struct args *a, size_t i)
{
    bool *const flags[N_COMMON] = { &a->help, &a->json, &a->quiet, &a->verbose };
    *flags[i] = true;
}

static void remember(struct args *a, const char *name, const char *value)
{
    size_t n = a->n_repeated, cap = n;
    const char **pairs = (const char **)(uintptr_t)a->repeated;
    mem_grow(&pairs, &cap, n + 2, sizeof *pairs);
    pairs[n] = name;
    pairs[n + 1] = value;
    a->repeated = pairs;
    a->n_repeated = n + 2;
}

/* One option at argv[*i]: "--name", "--name=value" or "--name value". */
static int take_option(struct args *a, int argc, char *argv[], int *i)
{
    const struct verb *verb = a->verb;
    char name[64];
    const char *text = argv[*i] + 2, *equals = strchr(text, '=');
    size_t length = equals ? (size_t)(equals - text) : strlen(text), at;
    if (strcmp(argv[*i], "-h") == 0)
        text = "help", length = 4, equals = NULL;
    if (length >= sizeof name)
        return unknown(verb, text);
    memcpy(name, text, length);
    name[length] = '\0';
    if (find(common, N_COMMON, name, &at)) {
        set_common(a, at);
        return equals ? err_set(ERR_USAGE, "--%s takes no value", name) : 0;
    }
    const struct option_row *row = find(verb->options, verb->n_options, name, &at);
    if (!row)
        return unknown(verb, name);
    if (!row->value && equals)
        return err_set(ERR_USAGE, "--%s takes no value", name);
    if (row->value && !equals && *i + 1 >= argc)
        return err_set(ERR_USAGE, "--%s wants a value: %s", name, row->value);
    a->value[at] = !row->value ? "yes" : equals ? equals + 1 : argv[++*i];
    remember(a, row->name, a->value[at]);
    return 0;
}

int options_parse(const struct verb *verb, int argc, char *argv[], struct args *a)
{
    *a = (struct args){ .verb = verb };
    char **operands = mem_alloc((size_t)argc + 1, sizeof *operands);
    a->operand = operands;
    assert(verb->n_options <= OPTIONS_MAX);
    for (size_t k = 0; k < verb->n_options; k++)
        a->value[k] = verb->options[k].fallback;
    bool only_operands = false;
    for (int i = 0; i < argc; i++) {
        bool is_option = argv[i][0] == '-' && argv[i][1] != '\0' && !only_operands;
        if (is_option && strcmp(argv[i], "--") == 0)
            only_operands = true;
        else if (is_option && (argv[i][1] == '-' || strcmp(argv[i], "-h") == 0))
            TRY(take_option(a, argc, argv, &i));
        else if (is_option)
            return unknown_short(verb, argv[i]);
        else
            operands[a->n_operands++] = argv[i];
    }
    if (a->help)
        return 0;
    if (a->n_operands < verb->min_operands || a->n_operands > verb->max_operands)
        return err_set(ERR_USAGE, "%zu operand%s given, want: chorale %s [OPTIONS] %s", a->n_operands,
                       a->n_operands == 1 ? "" : "s", verb->name, verb->operands);
    return 0;
}

void options_fini(struct args *a)
{
    free((void *)(uintptr_t)a->operand);
    free((void *)(uintptr_t)a->repeated);
}

static void print_row(const struct option_row *r)
{
    enum { BESIDE = 27, BELOW = 6, NARROW = 60 };
    struct text left = { 0 }, meaning = { 0 };
    bool below = console_width(stdout) < NARROW;
    text_addf(&left, "  --%s%s%s", r->name, r->value ? " " : "", r->value ? r->value : "");
    text_addf(&left, below ? "\n%*s" : "%*s ",
              below                   ? BELOW
              : left.len < BESIDE - 1 ? BESIDE - 1 - (int)left.len
                                      : 0,
              "");
    text_add(&meaning, r->meaning);
    if (r->fallback && *r->fallback)
        text_addf(&meaning, " [%s]", r->fallback);
    text_add(&meaning, "\n");
    fputs(text_s(&left), stdout);
    console_words(stdout, text_s(&meaning), below ? BELOW : left.len, below ? BELOW : BESIDE);
    text_free(&left);
    text_free(&meaning);
}

void options_help(const struct verb *verb)
{
    printf("chorale %s [OPTIONS] %s\n", verb->name, verb->operands);
    console_words(stdout, verb->summary, 0, 0);
    printf("\n");
    if (verb->details) {
        printf("\n");
        console_words(stdout, verb->details, 0, 0);
        printf("\n");
    }
    printf("\noptions:\n");
    for (size_t i = 0; i < verb->n_options; i++)
        print_row(&verb->options[i]);
    for (size_t i = 0; i < N_COMMON; i++)
        print_row(&common[i]);
}

const char *options_text(const struct args *a, const char *name)
{
    size_t at = 0;
    const struct option_row *row = find(a->verb->options, a->verb->n_options, name, &at);
    assert(row);
    (void)row;
    return a->value[at];
}

bool options_flag(const struct args *a, const char *name)
{
    return options_text(a, name) != NULL;
}

bool options_given(const struct args *a, const char *name)
{
    for (size_t i = 0; i < a->n_repeated; i += 2)
        if (strcmp(a->repeated[i], name) == 0)
            return true;
    return false;
}

size_t options_all(const struct args *a, const char *name, const char *out[])
{
    size_t n = 0;
    for (size_t i = 0; i < a->n_repeated; i += 2)
        if (strcmp(a->repeated[i], name) == 0)
            out[n++] = a->repeated[i + 1];
    return n;
}

int options_no_set(const struct args *a)
{
    size_t at;
    if (!options_text(a, "set"))
        return 0;
    return find(a->verb->options, a->verb->n_options, "script", &at)
               ? err_set(ERR_USAGE, "--set is for a script: give --script FILE too")
               : err_set(ERR_USAGE, "--set is for a script, '%s' is a checkpoint", a->operand[0]);
}

int options_int(const struct args *a, const char *name, int64_t min, int64_t max, int64_t *x)
{
    const char *s = options_text(a, name);
    if (!s)
        return 0;
    if (!text_i64(s, x) || *x < min || *x > max)
        return err_set(ERR_USAGE, "--%s is '%s', want an integer from %lld to %lld", name, s, (long long)min,
                       (long long)max);
    return 0;
}

int options_real(const struct args *a, const char *name, double min, double max, double *x)
{
    const char *s = options_text(a, name);
    if (!s)
        return 0;
    if (!text_real(s, x) || *x < min || *x > max)
        return err_set(ERR_USAGE, "--%s is '%s', want a number from %g to %g", name, s, min, max);
    return 0;
}
