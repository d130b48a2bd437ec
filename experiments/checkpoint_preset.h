/* The preset `@checkpoint`: the decode defaults that a checkpoint states (model/generation_config.h), as chain text.
 *
 * In any chain that is given with a checkpoint at hand, a step `@checkpoint` stands for these steps:
 *   temperature=0.7 | top_k=50                        of "@checkpoint"
 *   temperature=0.7 | top_k=50 | min_p=0.05           of "@checkpoint | min_p=0.05"
 * It is written out before the chain is parsed, so canonical texts, plans and results have the steps alone.
 *
 * What the defaults mean is what their own system does with them, in its order:
 *   generation_config.json, as transformers 5 (GenerationMixin._get_logits_processor): repetition_penalty,
 *     no_repeat_ngram_size, min_new_tokens; then, where do_sample is true, temperature, top_h, top_k (50 where the file
 *     says nothing: it is written as what differs from the defaults), top_p, min_p, typical_p, epsilon_cutoff,
 *     eta_cutoff, and else the most probable symbol (temperature=0); then renormalize_logits
 *   general.sampling.*, as llama.cpp: penalty_repeat over penalty_last_n symbols (64 where the file says nothing), top_k,
 *     top_p, min_p, temp.  What a file leaves out is off: it is no diff against llama.cpp's defaults
 * Each under its profile, @hf or @llamacpp, where that is known: the steps then say whatever is not this program's own rule.
 * A value that is off there (top_p=1, top_k=0, ...) gives no step.  What no transform here does is left out, and named. */
#ifndef EXPERIMENTS_CHECKPOINT_PRESET_H
#define EXPERIMENTS_CHECKPOINT_PRESET_H

#include "base/text.h"
#include "model/checkpoint.h"

#define CHECKPOINT_PRESET "@checkpoint"

/* Appends the canonical chain, "" where the distribution is left as it is; and what is left out ("num_beams=4,
 * top_h=0.4", "" for nothing) to left, which may be NULL.  0; ERR_DATA: it states no defaults, or one that no chain can
 * have (temperature=-1). */
int checkpoint_preset(const struct checkpoint *c, struct text *chain, struct text *left);

/* Whether a step of the chain is the preset; false also for a text that is no chain. */
bool checkpoint_preset_used(const char *chain);

/* Appends the chain with each step `@checkpoint` replaced by the steps of preset.  0; ERR_USAGE: no chain. */
int checkpoint_preset_expand(const char *chain, const char *preset, struct text *out);

#endif
