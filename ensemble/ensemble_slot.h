/* The inside of an ensemble, for ensemble/ensemble*.c. */
#ifndef ENSEMBLE_ENSEMBLE_SLOT_H
#define ENSEMBLE_ENSEMBLE_SLOT_H

#include "ensemble/ensemble.h"
#include "ensemble/uncertainty.h"
#include "ensemble/weighting.h"

/* One prefix.  Memory is kept when a slot is dropped, for the next that takes its number. */
struct ensemble_slot {
    bool used;
    int voice[LM_MAX_VOICES];   /* the voices' slots */
    size_t prompt;              /* symbols of the prompt, as voice 0 counts */
    struct rng_address address; /* the prompt's, for the rule that samples */
    bool draws;                 /* the rule samples, and the prompt had an address */
    struct symbols made;        /* pushed since */
    struct symbols
        seen[LM_MAX_VOICES]; /* each voice's prompt; kept for voices with transforms, weightings that read it */

    /* What a step must know of the past: past[i * n_past ..] belongs to made[0 .. i), known for i < n_known.  mode=global:
     * ln p_k(made[0 .. i)), (n_voices,); a weighting that learns: its state. */
    double *past;
    size_t n_known, cap_past;
    bool prompt_read; /* past[0] knows the prompt: of weightings that read it */

    /* This round. */
    uint32_t n_wanted;               /* rows wanted of the ensemble, and what must be caught up with */
    uint32_t n_given[LM_MAX_VOICES]; /* rows wanted of each voice, at its last positions */
    struct row *given;               /* (n_voices, stride) */
    size_t stride, cap_given;
    float *out;                    /* (rows, n): the pool at `back` positions before the last, at out + back * n */
    double *out_log_z;             /* (rows,) of them */
    size_t cap_out, cap_out_log_z; /* floats, doubles */
    float *changed;                /* (n_voices, n) rows after the voices' transforms */
    float *mean;                   /* (n,) scratch */
    struct row_work *work;

    /* The last position's, for push(): valid while epoch is the ensemble's. */
    uint64_t epoch;
    struct row last[LM_MAX_VOICES];
    size_t first_part, n_part; /* voices that took part: n_part from first_part on */
    struct row last_pool;
    struct uncertainty uncertainty;
};

struct ensemble {
    struct lm lm;
    struct pool pool;
    struct voice voice[LM_MAX_VOICES];
    double weight[LM_MAX_VOICES]; /* given; where the weighting starts from */
    struct weighting weighting;
    size_t n_past; /* doubles that a prefix's past takes; 0: none */
    uint32_t n_voices;
    struct ensemble_slot *slot;
    size_t n_slots, cap_slots;
    struct want *want; /* scratch of need() */
    size_t cap_want;
    uint64_t epoch;    /* counts need() */
    uint32_t lane;     /* of its draws: 24 bits of its hash, so that nested ensembles draw independently */
    bool transforms;   /* some voice has some */
    bool dropped_long; /* a dropped slot holds rows of many positions */
    char *name;
    char hash[65];
    const char *voice_names[LM_MAX_VOICES];
};

extern const struct lm_type ensemble_type;

/* ensemble_rows.c: the rows of one slot. */
int ensemble_rows(void *self, const struct want *w, struct row out[]);
/* Voice k's row `back` positions before the last, after its transforms; reads what the core has computed. */
int ensemble_voice_row(struct ensemble *e, struct ensemble_slot *s, size_t k, uint32_t back, struct row *out);
/* The voice that the rule which samples draws for the position `back` before the last. */
size_t ensemble_member(const struct ensemble *e, const struct ensemble_slot *s, uint32_t back);
/* Reads voice k's rows into s->given. */
int ensemble_read(struct ensemble *e, struct ensemble_slot *s, size_t k);
/* The voices that took part in a step, from `first` on, their rows, and the pool of them. */
struct ensemble_part {
    struct row rows[LM_MAX_VOICES];
    size_t first, n;
    struct row pool;
    struct row_apart apart; /* how they differ, where has_apart */
    bool has_apart;
};

/* Symbols said before the position `back` before the last. */
size_t ensemble_said(const struct ensemble_slot *s, uint32_t back);
/* The voices that take part `back` positions before the last, and their rows; nothing is pooled. */
int ensemble_part_at(struct ensemble *e, struct ensemble_slot *s, uint32_t back, struct ensemble_part *out);

/* ensemble_trace.c: how unsure the voices are. */
struct uncertainty ensemble_uncertainty(const struct ensemble *e, const double weight[],
                                        const struct ensemble_part *part);
/* What each voice of `part` gave `symbol` after the first n_said symbols; the uncertainty is another's to fill in. */
void ensemble_shares(const struct ensemble *e, const struct ensemble_slot *s, const struct ensemble_part *part,
                     size_t n_said, sym_t symbol, struct lm_trace *t);
/* The verb of lm_type. */
int ensemble_trace(void *self, int slot, uint32_t back, sym_t symbol, struct lm_trace *t);
void ensemble_unsure(const struct uncertainty *u, struct lm_trace *t);

/* ensemble_past.c: what has been said, and what it has taught. */
void ensemble_begin_past(const struct ensemble *e, struct ensemble_slot *s);
/* The past after one symbol more, which came where `part` stood; memory was made by need() or is made here. */
void ensemble_learn(const struct ensemble *e, struct ensemble_slot *s, const struct ensemble_part *part, sym_t symbol);
/* The weights (n_voices,) after made[0 .. i). */
void ensemble_weights(const struct ensemble *e, const struct ensemble_slot *s, size_t i, double weight[]);

/* Rows of voice k that the weighting wants to read of its prompt, at its last positions; 0: no more, or none. */
uint32_t ensemble_prompt_rows(const struct ensemble *e, const struct ensemble_slot *s, size_t k);

/* ensemble_remote.c: where its rows can be made of rows that stay on a device; NULL: nowhere.  And how. */
struct remote *ensemble_place(const struct ensemble *e);
int ensemble_remote(void *self, const struct want *w, struct remote_row *out);

/* ensemble_need.c */
int ensemble_need(void *self, const struct want w[], size_t n, struct queue *q);

#endif
