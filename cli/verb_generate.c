/* generate: text from a checkpoint, or from an lm that a script declares; streaming, UTF-8 safe. */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "cli/console.h"
#include "cli/generate_choice.h"
#include "cli/opened.h"
#include "cli/source.h"
#include "cli/verbs.h"
#include "decode/search.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WANTS = 4096, MAX_STRINGS = 16, MAX_TURNS = 64, DEFAULT_BYTES = 400 };

struct job {
    struct source *source;
    struct opened draft; /* lm NULL: none was asked for */
    struct generate_choice choice;
    struct chain *chain;
    struct stop stop;
    const char *strings[MAX_STRINGS];
    struct prompt prompt;
    struct row_work *work;
    size_t shown; /* bytes of the text already on stdout */
    bool alone;   /* one draw was asked for */
    bool stream;
};

/* Shows what can no longer be taken back. */
static void stream(struct job *j, const struct search *s)
{
    size_t n;
    const struct hyp *h = search_hyps(s, &n);
    if (!j->stream || n != 1)
        return;
    size_t ready = h->end == HYP_OPEN ? stop_ready(&j->stop, h) : h->text.len;
    if (ready > j->shown) {
        fwrite(h->text.s + j->shown, 1, ready - j->shown, stdout);
        fflush(stdout);
        j->shown = ready;
    }
}

static int run_search(struct job *j, struct search *s)
{
    struct want *wants = mem_alloc(MAX_WANTS, sizeof *wants);
    int rc = 0, n = 0;
    while (rc == 0 && (n = search_want(s, wants, MAX_WANTS)) > 0) {
        rc = core_run(j->source->core, wants, (size_t)n);
        if (rc == 0)
            rc = search_feed(s, j->work);
        if (rc == 0)
            rc = search_move(s);
        stream(j, s);
        if (rc == 0 && ferror(stdout))
            rc = console_check();
    }
    stream(j, s); /* a search may end a hypothesis while it is asked what it wants: a full context */
    free(wants);
    return rc < 0 ? rc : n;
}

static void add_list(struct text *t, const char *name, const float x[], uint32_t n)
{
    text_addf(t, ",\"%s\":[", name);
    for (uint32_t k = 0; k < n; k++) {
        text_add(t, k == 0 ? "" : ",");
        text_add_json_real(t, (double)x[k]);
    }
    text_add(t, "]");
}

static void add_voices(struct text *t, const struct lm_trace *trace)
{
    const struct {
        const char *name;
        float value;
    } unsure[] = { { "data_entropy", trace->data_entropy },
                   { "disagreement", trace->disagreement },
                   { "epkl", trace->epkl },
                   { "rmi", trace->rmi },
                   { "agreement", trace->agreement } };
    for (size_t i = 0; i < sizeof unsure / sizeof *unsure; i++) {
        text_addf(t, ",\"%s\":", unsure[i].name);
        text_add_json_real(t, (double)unsure[i].value);
    }
    add_list(t, "voices", trace->logp, trace->n_voices);
    add_list(t, "shares", trace->share, trace->n_voices);
    add_list(t, "weights", trace->weight, trace->n_voices);
}

static void add_step(struct text *t, const struct hyp_step *s)
{
    text_addf(t, "{\"id\":%u,\"logp\":", s->symbol);
    text_add_json_real(t, (double)s->logp);
    text_add(t, ",\"logp_final\":");
    text_add_json_real(t, (double)s->logp_final);
    text_add(t, ",\"entropy\":");
    text_add_json_real(t, (double)s->entropy);
    text_addf(t, ",\"kept\":%u,\"mass\":", s->kept);
    text_add_json_real(t, (double)s->mass);
    if (s->trace.n_voices > 0)
        add_voices(t, &s->trace);
    text_add(t, "}");
}

/* The number by which a search weighs its texts is shown where it does. */
static void print_rule(const struct hyp *h, uint32_t draw)
{
    struct text weight = { 0 };
    if (h->log_weight != 0)
        text_addf(&weight, ", weight %.4f", h->log_weight);
    printf("%s--- draw %u, %s%s%s\n", console_colour(CONSOLE_DIM), draw, hyp_end_name(h->end), text_s(&weight),
           console_colour(CONSOLE_PLAIN));
    text_free(&weight);
}

/* Texts have lines of their own: several are told apart by a line before each. */
static void print_hyp(const struct args *a, const struct hyp *h, uint32_t draw, bool alone)
{
    struct text t = { 0 };
    if (!a->json) {
        if (!alone)
            print_rule(h, draw);
        fwrite(text_s(&h->text), 1, h->text.len, stdout);
        putchar('\n');
        return;
    }
    text_addf(&t, "{\"draw\":%u,\"end\":\"%s\",\"text\":", draw, hyp_end_name(h->end));
    text_add_json(&t, text_s(&h->text), h->text.len);
    text_add(&t, ",\"log_weight\":");
    text_add_json_real(&t, h->log_weight);
    if (h->passes > 0)
        text_addf(&t, ",\"proposed\":%u,\"accepted\":%u,\"passes\":%u", h->proposed, h->accepted, h->passes);
    text_add(&t, ",\"steps\":[");
    for (size_t i = 0; i < h->n_steps; i++) {
        text_add(&t, i == 0 ? "" : ",");
        add_step(&t, &h->steps[i]);
    }
    text_add(&t, "]}");
    puts(text_s(&t));
    text_free(&t);
}

static const char *search_of(const struct args *a)
{
    const char *search = options_text(a, "search");
    return options_text(a, "draft") ? search_drafted(search) : search;
}

static int check_draft(const struct args *a)
{
    const char *search = search_of(a);
    struct text canonical = { 0 };
    int rc = search_canonical(search, &canonical);
    text_free(&canonical);
    enum search_drafts drafts = rc == 0 ? search_drafts(search) : SEARCH_DRAFTS_ANY;
    if (drafts == SEARCH_DRAFTS_ANY || drafts == SEARCH_DRAFTS_LM)
        return rc;
    return err_set(ERR_USAGE, "search '%s' takes no draft lm, --draft '%s'; want --search speculative", search,
                   options_text(a, "draft"));
}

static int one_draw(struct job *j, const struct args *a, uint64_t seed, uint32_t draw)
{
    struct search_args args = { .lm = j->source->lm,
                                .chain = j->chain,
                                .stop = &j->stop,
                                .prompt = &j->prompt,
                                .draft = j->draft.lm,
                                .address = { .seed = seed, .item = hash_string("generate"), .draw = draw } };
    struct search *s = search_open(search_of(a), &args);
    if (!s)
        return err_code();
    j->shown = 0;
    int rc = run_search(j, s);
    size_t n = 0;
    const struct hyp *h = search_hyps(s, &n);
    if (rc == 0 && j->stream && n == 1) {
        putchar('\n');
        fflush(stdout); /* before what is said of it on stderr */
    } else if (rc == 0 && j->choice.select)
        generate_choice_keep(&j->choice, h, n, draw);
    else
        for (size_t i = 0; rc == 0 && i < n; i++)
            print_hyp(a, &h[i], draw, j->alone && n == 1);
    if (rc == 0 && n > 0 && h[0].end == HYP_DEAD)
        console_say(a->quiet, "the distribution had no support left after %zu symbols", h[0].n_steps);
    if (rc == 0 && n > 0 && h[0].passes > 0)
        console_say(a->quiet, "%u of %u proposed symbols were taken: %u passes for %zu symbols", h[0].accepted,
                    h[0].proposed, h[0].passes, h[0].n_steps);
    search_close(s);
    return rc;
}

static int read_limits(const struct args *a, struct job *j)
{
    int64_t symbols = 0, bytes = 0, chars = 0;
    TRY(options_int(a, "max-symbols", 0, UINT32_MAX, &symbols));
    TRY(options_int(a, "max-bytes", 0, UINT32_MAX, &bytes));
    TRY(options_int(a, "max-chars", 0, UINT32_MAX, &chars));
    if (!options_given(a, "max-bytes") && symbols == 0 && chars == 0)
        bytes = DEFAULT_BYTES;
    j->stop.max_symbols = (uint32_t)symbols;
    j->stop.max_bytes = (uint32_t)bytes;
    j->stop.max_chars = (uint32_t)chars;
    for (size_t i = 0; i < a->n_repeated; i += 2)
        if (strcmp(a->repeated[i], "stop") == 0) {
            if (j->stop.n_strings == MAX_STRINGS)
                return err_set(ERR_USAGE, "--stop is given more than %d times", MAX_STRINGS);
            j->strings[j->stop.n_strings++] = a->repeated[i + 1];
        }
    j->stop.strings = j->strings;
    return 0;
}

/* The one text that --select chooses. */
static int print_choice(struct job *j, const struct args *a)
{
    size_t best;
    TRY(generate_choice_best(&j->choice, &best));
    print_hyp(a, &j->choice.hyps[best], j->choice.draws[best], true);
    return ferror(stdout) ? console_check() : 0;
}

static int read_chain(struct job *j, const struct args *a)
{
    struct text whole = { 0 };
    int rc = source_chain(j->source, options_text(a, "chain"), &whole);
    j->chain = rc == 0 ? lua_transforms_chain(j->source->transforms, text_s(&whole)) : NULL;
    text_free(&whole);
    return j->chain ? 0 : err_code();
}

static int generate(struct job *j, const struct args *a)
{
    int64_t seed = 1, n = 1;
    TRY(options_int(a, "seed", 0, INT64_MAX, &seed));
    TRY(options_int(a, "n", 1, 1000000, &n));
    TRY(read_limits(a, j));
    TRY(read_chain(j, a));
    int rc = chain_bind(j->chain, j->source->lm->space);
    j->alone = n == 1;
    j->stream = n == 1 && !a->json && !j->choice.select;
    j->work = row_work_alloc(j->source->lm->space->n);
    for (int64_t draw = 0; rc == 0 && draw < n; draw++) {
        rc = one_draw(j, a, (uint64_t)seed, (uint32_t)draw);
        if (rc == 0 && ferror(stdout))
            rc = console_check();
    }
    if (rc == 0 && j->choice.select)
        rc = print_choice(j, a);
    row_work_free(j->work);
    chain_free(j->chain);
    return rc;
}

/* --user and --assistant, in the order given. */
static int read_turns(const struct args *a, struct prompt_turn turns[MAX_TURNS], size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < a->n_repeated; i += 2) {
        const char *role = a->repeated[i];
        if (strcmp(role, "user") != 0 && strcmp(role, "assistant") != 0)
            continue;
        if (*n == MAX_TURNS)
            return err_set(ERR_USAGE, "--user and --assistant are given more than %d times", MAX_TURNS);
        turns[(*n)++] = (struct prompt_turn){ role, a->repeated[i + 1] };
    }
    return 0;
}

/* What PROMPT and the options about it make: a text to go on from, or the last turn of a conversation. */
struct said {
    struct prompt_field fields[3];
    struct prompt_turn turns[MAX_TURNS];
};

static int read_prompt(const struct args *a, const char *text, struct said *said, struct prompt *p)
{
    const char *system = options_text(a, "system"), *context = options_text(a, "context");
    *p = (struct prompt){ .fields = said->fields, .turns = said->turns };
    TRY(read_turns(a, said->turns, &p->n_turns));
    bool chat = options_flag(a, "instruct") || system || p->n_turns > 0;
    said->fields[p->n_fields++] = (struct prompt_field){ chat ? "instruction" : "text", text };
    if (system)
        said->fields[p->n_fields++] = (struct prompt_field){ "system", system };
    if (context)
        said->fields[p->n_fields++] = (struct prompt_field){ "context", context };
    return 0;
}

static int generate_from(const struct args *a, const char *text)
{
    struct source source;
    struct said said;
    struct job j = { .source = &source };
    TRY(read_prompt(a, text, &said, &j.prompt));
    TRY(source_open(&source, a, options_text(a, "script") ? NULL : a->operand[0]));
    j.prompt.template_name = options_text(a, "template") ? options_text(a, "template") : source.template_name;
    const char *draft = options_text(a, "draft");
    int rc = draft ? opened_open(&j.draft, draft, a, source_device(&source)) : 0;
    if (rc == 0)
        rc = generate_choice_open(&j.choice, options_text(a, "select"));
    if (rc == 0)
        rc = generate(&j, a);
    generate_choice_close(&j.choice);
    opened_close(&j.draft);
    source_close(&source);
    return rc;
}

static int run_generate(const struct args *a)
{
    struct text read = { 0 };
    bool has_script = options_text(a, "script") != NULL;
    const char *text = a->n_operands > (has_script ? 0u : 1u) ? a->operand[has_script ? 0 : 1] : "";
    if (!has_script && a->n_operands == 0)
        return err_set(ERR_USAGE, "a checkpoint is missing: chorale generate CHECKPOINT [PROMPT], or --script FILE");
    if (has_script && a->n_operands > 1)
        return err_set(ERR_USAGE, "with --script the only operand is the prompt, not '%s' and '%s'", a->operand[0],
                       a->operand[1]);
    TRY(options_text(a, "draft") ? check_draft(a) : 0);
    int rc = source_prompt(text, &read, &text);
    rc = rc < 0 ? rc : generate_from(a, text);
    text_free(&read);
    return rc;
}

static const struct option_row options[] = {
    { "chain", "TEXT", "",
      "transforms, like \"temperature=0.8 | top_p=0.95\" (see chorale list strategies), or @checkpoint: its own "
      "defaults" },
    { "search", "TEXT", "sample", "sample, greedy, ... (see chorale list searches)" },
    { "draft", "CHECKPOINT", NULL,
      "proposes symbols to --search speculative, which sample becomes; of the same vocabulary" },
    { "select", "TEXT", NULL,
      "print only the best of all draws: best(by=mean), vote(answer=number), mbr(utility=chrf)" },
    { "seed", "N", "1", "the same seed gives the same bytes" },
    { "n", "N", "1", "draws" },
    { "instruct", NULL, NULL, "the prompt is an instruction; so it is with --system, --user or --assistant" },
    { "system", "TEXT", NULL, "the system text of the conversation" },
    { "context", "TEXT", NULL, "what a context-aware voice sees beside the prompt" },
    { "user", "TEXT", NULL, "an earlier turn of the user; with --assistant in the order given, several times" },
    { "assistant", "TEXT", NULL, "an earlier answer" },
    { "template", "NAME", NULL,
      "prompt template, auto by default (see chorale list templates), or its text: \"Q: {text} A:\"" },
    { "max-symbols", "N", "0", "limit in symbols; 0: none" },
    { "max-bytes", "N", NULL, "limit in bytes, cut at a character; 0: none; default: 400 where no limit is given" },
    { "max-chars", "N", "0", "limit in characters; 0: none" },
    { "stop", "TEXT", NULL, "end before this text; may be given several times" },
    SOURCE_OPTIONS,
};

const struct verb verb_generate = {
    .name = "generate",
    .operands = "CHECKPOINT [PROMPT]",
    .min_operands = 0,
    .max_operands = 2,
    .summary = "text from a checkpoint, or with --script from an lm that a script declares",
    .details = "PROMPT - is stdin, as it is.  One draw streams as it comes; --json prints a line a hypothesis with "
               "every decision.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run_generate,
};
