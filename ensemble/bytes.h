/* The byte-level adapter: any lm over tokens as an lm over 256 bytes and an end, so that every rule, chain, search and
 * metric works on any set of checkpoints, whatever their vocabularies.
 *
 * A *cover* of the bytes x is a sequence of tokens t1 .. tk where t1 .. tk-1 give a strict prefix of x and t1 .. tk begin
 * with x.  The probability of a next byte is the mass of the covers of x and that byte over the mass of those of x.  The two
 * kinds differ in which covers count.
 *
 * canonical  Those that the tokenizer itself can give (Hayase et al., "Sampling from Your Language Model One Byte at a
 *            Time"): the tokens complete so far are what it makes of the beginning of some text, and the token under way may
 *            follow them.  A streaming tree: one new state of the token lm at each byte, two where a cut of the
 *            pre-tokeniser is not decided yet.  What the token lm gives other tokenisations is lost at each step: row.log_weight
 *            is the log of what is kept, so that SMC targets the token lm's mass of canonical tokenisations.  BPE only: the
 *            cuts of Unigram depend on all that follows.  Bytes that no UTF-8 text has are impossible.
 * all        All of them (Vieira et al., "From Language Models over Tokens to Language Models over Characters"): a beam of
 *            `beam` states.  Exact as the beam grows; row.log_weight is the log of the mass kept.
 *
 * lazy > 0 leaves states of the token lm unevaluated whose share of the mass is below it where their tokens end, until
 * they might be all there is; what is so left out counts as lost, and a byte that only they allow is impossible.  Rows then
 * need all rows before them, as those of `all` do: bytes that are pushed unread cost a round each.
 *
 * ahead > 0 evaluates, whenever a state has to be, the states besides that the text will most probably come to, in the same
 * batch: more states, fewer batches, equal rows.
 *
 * A prompt is rendered and tokenised by the token lm.  Tokens at its end that further bytes could change are taken back and
 * count as bytes already said, so that a prompt may end within a token.  Ends of the token lm, role marks among them, are the
 * end symbol; its other control tokens give no bytes, and their mass is lost.
 *
 * A prefix has at most as many bytes as the token lm takes tokens. */
#ifndef ENSEMBLE_BYTES_H
#define ENSEMBLE_BYTES_H

#include "model/lm.h"
#include "model/vocab.h"

struct bytes_options {
    struct vocab *vocab; /* of the token lm, borrowed; its scratch is used by need() */
    const char *kind;    /* "canonical", "all"; NULL: canonical, where the vocabulary has merges, else all */
    uint32_t beam;       /* of all; 0: 8 */
    double lazy;         /* of canonical; 0: every state is evaluated */
    uint32_t ahead;      /* of canonical: states that are evaluated besides in a batch, at most; no row depends on it */
    const char *name;    /* NULL: "canonical(prose)", "all(prose, beam=8)" */
};

#define BYTES_BEAM_MOST  1024u
#define BYTES_AHEAD_MOST 64u

/* tokens and o->vocab are borrowed and must outlive the lm.  NULL + ERR_USAGE (unknown kind, a number out of its range, a
 * vocabulary that has no canonical kind, an lm over bytes already), ERR_DATA (the vocabulary and the lm differ in size). */
struct lm *bytes_open(struct lm *tokens, const struct bytes_options *o);

/* Whether the kind is known and the numbers are in their ranges, before there is a vocabulary.  0 or ERR_USAGE. */
int bytes_check(const struct bytes_options *o);

/* What it has cost since it was opened. */
struct bytes_counts {
    uint64_t states;  /* states of the token lm that were evaluated */
    uint64_t batches; /* rounds in which some were, of all slots together */
    uint64_t rows;    /* rows over bytes that were made */
    double lost;      /* sum over rows of -log_weight, nats: leak, pruning, what is skipped */
};
struct bytes_counts bytes_counts(const struct lm *bytes);

#endif
