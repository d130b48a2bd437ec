/* chorale VERB [OPTIONS]: finds the verb, runs it, turns its code into the exit status (DESIGN 3). */
#include "base/err.h"
#include "cli/console.h"
#include "cli/verbs.h"
#include "evalsets/evalset.h"
#include "experiments/init.h"
#include "model/checkpoint.h"
#include "model/map_file.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct verb *const verbs[] = {
    &verb_run,     &verb_report, &verb_compare, &verb_generate, &verb_score,    &verb_logits,     &verb_dist,
    &verb_pool,    &verb_fit,    &verb_list,    &verb_inspect,  &verb_tokenize, &verb_detokenize, &verb_bench,
    &verb_convert, &verb_plan,   &verb_replay,  &verb_audit,    &verb_detect,
};
enum { N_VERBS = sizeof verbs / sizeof *verbs };

static void usage(FILE *out)
{
    fprintf(out, "chorale " CHORALE_VERSION ": ensemble and probabilistic decoding of language models\n\n"
                 "chorale VERB [OPTIONS]        each verb has --help\n\n");
    for (size_t i = 0; i < N_VERBS; i++) {
        fprintf(out, "  %-11s ", verbs[i]->name);
        console_words(out, verbs[i]->summary, 14, 14);
        fputc('\n', out);
    }
    fprintf(out, "\nfirst steps:\n"
                 "  chorale generate zoo:prose \"Once upon a time\" --chain \"temperature=0.8 | top_p=0.9\"\n"
                 "  chorale run experiments/scripts/creativity-vs-control.lua --out runs/demo\n");
}

/* Programs and verbs of other systems. */
static const struct {
    const char *name, *here;
} elsewhere[] = {
    { "chat", "generate" },      { "complete", "generate" }, { "sample", "generate" }, { "perplexity", "score" },
    { "eval", "run, or score" }, { "info", "inspect" },      { "show", "inspect" },    { "quantize", "convert" },
    { "encode", "tokenize" },    { "decode", "detokenize" }, { "benchmark", "bench" }, { "version", "--version" },
};

static const struct verb *find(const char *name)
{
    const char *names[N_VERBS];
    for (size_t i = 0; i < N_VERBS; i++) {
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
        names[i] = verbs[i]->name;
    }
    err_unknown(ERR_USAGE, "verb", name, names, N_VERBS);
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (strcmp(elsewhere[i].name, name) == 0)
            err_set(ERR_USAGE, "unknown verb '%s'; here that is %s", name, elsewhere[i].here);
    return NULL;
}

/* A run interrupted cleanly, and an error: both end with one message on stderr and the status of the code. */
static int status_of(int code)
{
    if (code >= 0)
        return 0;
    if (*err_text() && !(code == ERR_IO && console_reader_gone()))
        console_error(err_text());
    return -code;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

/* What is said on stdout would be lost: told before the work is done, not after. */
static int check_stdout(const struct args *a)
{
    return a->quiet || console_is_open()
               ? 0
               : err_set(ERR_IO, "cannot write to stdout, which is closed: want it open, or --quiet");
}

/* The verb's help, or its work. */
static int run_verb(const char *name, int argc, char *argv[], bool help)
{
    struct args a = { 0 };
    const struct verb *verb = find(name);
    int code = !verb ? ERR_USAGE : help ? 0 : options_parse(verb, argc, argv, &a);
    if (code >= 0 && (help || a.help))
        options_help(verb);
    else if (code >= 0 && (code = check_stdout(&a)) >= 0)
        code = verb->run(&a);
    options_fini(&a);
    return code;
}

static void say(const char *s)
{
    ssize_t ignored = write(STDERR_FILENO, s, strlen(s));
    (void)ignored;
}

/* In a signal handler: a mapped checkpoint has been cut. */
static void mapped_file_lost(const char *path)
{
    say("chorale: ");
    say(path);
    say(MAP_FILE_LOST "\n");
    _exit(-ERR_DATA);
}

/* A file of ours must not become one of the standard streams that the caller closed: messages would be written into it.
 * What is read from one, or written to it, is still an error: only messages may go nowhere. */
static void fill_streams(void)
{
    static const int modes[] = { [STDIN_FILENO] = O_WRONLY, [STDOUT_FILENO] = O_RDONLY, [STDERR_FILENO] = O_WRONLY };
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd) {
            say("chorale: a standard stream is closed, and /dev/null cannot be opened in its place\n");
            _exit(-ERR_IO);
        }
}

int main(int argc, char *argv[])
{
    fill_streams();
    const char *home = getenv("CHORALE_HOME");
    if (!home || !*home)
        home = CHORALE_HOME;
    /* a dying gnuplot, a closed pipe, a file larger than allowed are errors of that write, not the end */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    map_file_guard(mapped_file_lost);
    init_libraries();
    checkpoint_set_home(home);
    evalset_set_home(home);
    if (argc < 2) {
        usage(stderr);
        return -ERR_USAGE;
    }
    int code = 0;
    bool help = is_help(argv[1]);
    if (help && argc == 2)
        usage(stdout);
    else if (strcmp(argv[1], "--version") == 0)
        printf("chorale " CHORALE_VERSION "\n");
    else if (help)
        code = run_verb(argv[2], 0, argv, true);
    else
        code = run_verb(argv[1], argc - 2, argv + 2, false);
    if (code == 0 || code == ERR_SOME) { /* of a failure the message stays */
        int written = console_check();
        code = written < 0 ? written : code;
    }
    return status_of(code);
}
