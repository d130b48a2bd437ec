#include "decode/elsewhere.h"
#include "base/text.h"
#include "decode/chain.h"
#include "decode/search.h"
#include "decode/select.h"
#include <string.h>

#define MIROSTAT  "mirostat2(TAU, ETA), or mirostat1"
#define DRY       "dry(MULTIPLIER, base=B, allowed=N, last_n=N, breakers=[TEXT, ...])"
#define BEAM      "beam(WIDTH, length_penalty=X, early=WORD, n=N)"
#define LIMIT     "the limit: --max-symbols N, in a script limit = { symbols = N }"
#define NO_PROMPT ", where N does not count the prompt"
#define DRAWS     "so many draws: --n N, in a script draws = N"
#define STOP      "--stop TEXT, in a script stop = { TEXT, ... }"

static const struct elsewhere words[] = {
    { "temp", ELSEWHERE_CHAIN, "temperature=T" },
    { "nucleus", ELSEWHERE_CHAIN, "top_p=P" },
    { "typical_p", ELSEWHERE_CHAIN, "typical=P" },
    { "epsilon_cutoff", ELSEWHERE_CHAIN, "epsilon=E" },
    { "eta_cutoff", ELSEWHERE_CHAIN, "eta=E" },
    { "tfs_z", ELSEWHERE_CHAIN, "tfs=Z" },
    { "top_nsigma", ELSEWHERE_CHAIN, "top_n_sigma=N" },
    { "xtc_probability", ELSEWHERE_CHAIN, "xtc(P, threshold=T)" },
    { "xtc_threshold", ELSEWHERE_CHAIN, "xtc(P, threshold=T)" },
    { "mirostat", ELSEWHERE_CHAIN, MIROSTAT },
    { "mirostat_mode", ELSEWHERE_CHAIN, MIROSTAT },
    { "mirostat_tau", ELSEWHERE_CHAIN, MIROSTAT },
    { "mirostat_eta", ELSEWHERE_CHAIN, MIROSTAT },
    { "mirostat_ent", ELSEWHERE_CHAIN, MIROSTAT },
    { "mirostat_lr", ELSEWHERE_CHAIN, MIROSTAT },
    { "dynatemp_range", ELSEWHERE_CHAIN, "dynatemp(RANGE, exponent=E)" },
    { "dynatemp_exp", ELSEWHERE_CHAIN, "dynatemp(RANGE, exponent=E)" },
    { "dynatemp_exponent", ELSEWHERE_CHAIN, "dynatemp(RANGE, exponent=E)" },
    { "smoothing_factor", ELSEWHERE_CHAIN, "quadratic(FACTOR, curve=C)" },
    { "smoothing_curve", ELSEWHERE_CHAIN, "quadratic(FACTOR, curve=C)" },
    { "adaptive_target", ELSEWHERE_CHAIN, "adaptive_p(TARGET, decay=D)" },
    { "adaptive_decay", ELSEWHERE_CHAIN, "adaptive_p(TARGET, decay=D)" },
    { "repeat_penalty", ELSEWHERE_CHAIN, "repetition_penalty(P, last_n=N)" },
    { "repeat_last_n", ELSEWHERE_CHAIN, "repetition_penalty(P, last_n=N)" },
    { "encoder_repetition_penalty", ELSEWHERE_CHAIN, "prompt_reward=R" },
    { "no_repeat_ngram_size", ELSEWHERE_CHAIN, "no_repeat_ngram=N" },
    { "encoder_no_repeat_ngram_size", ELSEWHERE_CHAIN, "no_repeat_ngram(N, of=prompt)" },
    { "dry_multiplier", ELSEWHERE_CHAIN, DRY },
    { "dry_base", ELSEWHERE_CHAIN, DRY },
    { "dry_allowed_length", ELSEWHERE_CHAIN, DRY },
    { "dry_penalty_last_n", ELSEWHERE_CHAIN, DRY },
    { "dry_sequence_breaker", ELSEWHERE_CHAIN, DRY },
    { "dry_sequence_breakers", ELSEWHERE_CHAIN, DRY },
    { "min_length", ELSEWHERE_CHAIN, "min_tokens=N" NO_PROMPT },
    { "min_new_tokens", ELSEWHERE_CHAIN, "min_tokens=N" },
    { "exponential_decay_length_penalty", ELSEWHERE_CHAIN, "length_decay(START, FACTOR)" },
    { "logit_bias", ELSEWHERE_CHAIN, "bias([ID:X, ...])" },
    { "bad_words", ELSEWHERE_CHAIN, "ban([TEXT, ...])" },
    { "bad_words_ids", ELSEWHERE_CHAIN, "ban([ID, ID+ID, ...])" },
    { "allowed_token_ids", ELSEWHERE_CHAIN, "allow([ID, ...])" },
    { "suppress_tokens", ELSEWHERE_CHAIN, "suppress([ID, ...])" },
    { "begin_suppress_tokens", ELSEWHERE_CHAIN, "suppress([ID, ...], first=1)" },
    { "forced_bos_token_id", ELSEWHERE_CHAIN, "force([ID])" },
    { "forced_eos_token_id", ELSEWHERE_CHAIN, "force([ID], from=N)" },
    { "renormalize_logits", ELSEWHERE_CHAIN, "normalise" },
    { "watermarking_config", ELSEWHERE_CHAIN, "green(GAMMA, DELTA), or synthid" },
    { "do_sample", ELSEWHERE_SEARCH, "sample, or greedy" },
    { "beam_search", ELSEWHERE_SEARCH, BEAM },
    { "num_beams", ELSEWHERE_SEARCH, BEAM },
    { "beam_width", ELSEWHERE_SEARCH, BEAM },
    { "length_penalty", ELSEWHERE_SEARCH, BEAM },
    { "early_stopping", ELSEWHERE_SEARCH, BEAM },
    { "num_beam_groups", ELSEWHERE_SEARCH, "diverse_beam(WIDTH, groups=G, diversity_penalty=D)" },
    { "diversity_penalty", ELSEWHERE_SEARCH, "diverse_beam(WIDTH, groups=G, diversity_penalty=D)" },
    { "contrastive_search", ELSEWHERE_SEARCH, "contrastive(K, ALPHA)" },
    { "penalty_alpha", ELSEWHERE_SEARCH, "contrastive(K, ALPHA)" },
    { "draft_max", ELSEWHERE_SEARCH, "speculative(ahead=N)" },
    { "num_speculative_tokens", ELSEWHERE_SEARCH, "speculative(ahead=N)" },
    { "prompt_lookup_num_tokens", ELSEWHERE_SEARCH, "speculative(ahead=N, draft=lookup)" },
    { "best_of", ELSEWHERE_SELECT, "best, of so many draws" },
    { "best_of_n", ELSEWHERE_SELECT, "best, of so many draws" },
    { "self_consistency", ELSEWHERE_SELECT, "vote, of so many draws" },
    { "cfg_scale", ELSEWHERE_RULE, "cfg(SCALE)" },
    { "guidance_scale", ELSEWHERE_RULE, "cfg(SCALE)" },
    { "dola_layers", ELSEWHERE_RULE, "dola" },
    { "max_length", ELSEWHERE_NONE, LIMIT NO_PROMPT },
    { "max_new_tokens", ELSEWHERE_NONE, LIMIT },
    { "max_tokens", ELSEWHERE_NONE, LIMIT },
    { "n_predict", ELSEWHERE_NONE, LIMIT },
    { "num_return_sequences", ELSEWHERE_NONE, DRAWS },
    { "stop_strings", ELSEWHERE_NONE, STOP },
    { "samplers", ELSEWHERE_NONE, "the order of the steps of a chain" },
    { "sampler_order", ELSEWHERE_NONE, "the order of the steps of a chain" },
};

const struct elsewhere *elsewhere_words(size_t *n)
{
    *n = sizeof words / sizeof *words;
    return words;
}

const char *elsewhere_place_name(enum elsewhere_place place)
{
    static const char *const names[] = { [ELSEWHERE_CHAIN] = "a step of a chain",
                                         [ELSEWHERE_SEARCH] = "a search",
                                         [ELSEWHERE_SELECT] = "a selection",
                                         [ELSEWHERE_RULE] = "a pool rule",
                                         [ELSEWHERE_NONE] = "" };
    return names[place];
}

size_t elsewhere_typed(const struct elsewhere *e)
{
    int depth = 0;
    size_t n = 0;
    for (; e->place != ELSEWHERE_NONE && e->here[n] && (e->here[n] != ',' || depth > 0); n++)
        depth += (strchr("([", e->here[n]) != NULL) - (strchr(")]", e->here[n]) != NULL);
    return n;
}

bool elsewhere_find(const char *name, struct elsewhere *found)
{
    size_t n_types, n_searches, n_selections, n_words = sizeof words / sizeof *words;
    const struct transform_type *const *types = transform_types(&n_types);
    const struct search_type *const *searches = search_types(&n_searches);
    const struct select_type *const *selections = select_types(&n_selections);
    *found = (struct elsewhere){ 0 };
    name += strspn(name, "-");
    for (size_t i = 0; i < n_words; i++)
        if (text_same_word(words[i].name, name))
            *found = words[i];
    for (size_t i = 0; i < n_types; i++)
        if (text_same_word(types[i]->name, name))
            *found = (struct elsewhere){ types[i]->name, ELSEWHERE_CHAIN, types[i]->name };
    for (size_t i = 0; i < n_searches; i++)
        if (text_same_word(searches[i]->name, name))
            *found = (struct elsewhere){ searches[i]->name, ELSEWHERE_SEARCH, searches[i]->name };
    for (size_t i = 0; i < n_selections; i++)
        if (text_same_word(selections[i]->name, name))
            *found = (struct elsewhere){ selections[i]->name, ELSEWHERE_SELECT, selections[i]->name };
    return found->name;
}

bool elsewhere_ours(const struct elsewhere *found)
{
    return found->here == found->name;
}

int elsewhere_unknown(enum err code, const char *what, const char *seen, const char *const names[], size_t n)
{
    struct elsewhere e;
    if (!elsewhere_find(seen, &e))
        return err_unknown(code, what, seen, names, n);
    return err_set(code, "unknown %s '%s'; here that is %s%s%s", what, seen, elsewhere_place_name(e.place),
                   e.place == ELSEWHERE_NONE ? "" : ": ", e.here);
}
