/* chorale VERB [OPTIONS]: finds the verb, runs it, turns its code into the exit status (DESIGN 3). */
#include "base/err.h"
#include "cli/console.h"
#include "cli/verbs.h"
#include "evalsets/evalset.h"
#include "experiments/init.h"
#include "model/checkpoint.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct verb *const verbs[] = {
    &verb_run,  &verb_report, &verb_compare, &verb_generate, &verb_score,    &verb_logits,     &verb_dist,
    &verb_pool, &verb_fit,    &verb_list,    &verb_inspect,  &verb_tokenize, &verb_detokenize, &verb_bench,
};
enum { N_VERBS = sizeof verbs / sizeof *verbs };

static void usage(FILE *out)
{
    fprintf(out, "chorale " CHORALE_VERSION ": ensemble and probabilistic decoding of language models\n\n"
                 "chorale VERB [OPTIONS]        each verb has --help\n\n");
    for (size_t i = 0; i < N_VERBS; i++)
        fprintf(out, "  %-11s %s\n", verbs[i]->name, verbs[i]->summary);
    fprintf(out, "\nfirst steps:\n"
                 "  chorale generate zoo:prose \"Once upon a time\" --chain \"temperature=0.8 | top_p=0.9\"\n"
                 "  chorale run experiments/scripts/creativity-vs-control.lua --out runs/demo\n");
}

static const struct verb *find(const char *name)
{
    const char *names[N_VERBS];
    for (size_t i = 0; i < N_VERBS; i++) {
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
        names[i] = verbs[i]->name;
    }
    err_unknown(ERR_USAGE, "verb", name, names, N_VERBS);
    return NULL;
}

/* A run interrupted cleanly, and an error: both end with one line on stderr and the status of the code. */
static int status_of(int code)
{
    if (code >= 0)
        return 0;
    if (err_text()[0] != '\0')
        fprintf(stderr, "chorale: %s\n", err_text());
    return -code;
}

int main(int argc, char *argv[])
{
    struct args a = { 0 };
    const char *home = getenv("CHORALE_HOME");
    if (!home || !*home)
        home = CHORALE_HOME;
    signal(SIGPIPE, SIG_IGN); /* a dying gnuplot or a closed pipe is an error of that write, not the end */
    init_libraries();
    checkpoint_set_home(home);
    evalset_set_home(home);
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        usage(argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("chorale " CHORALE_VERSION "\n");
        return 0;
    }
    const struct verb *verb = find(argv[1]);
    int code = verb ? options_parse(verb, argc - 2, argv + 2, &a) : ERR_USAGE;
    if (code >= 0 && a.help)
        options_help(verb);
    else if (code >= 0)
        code = verb->run(&a);
    options_fini(&a);
    if (fflush(stdout) != 0 && code >= 0)
        code = err_set(ERR_IO, "cannot write to stdout: %s", strerror(errno));
    return status_of(code);
}
