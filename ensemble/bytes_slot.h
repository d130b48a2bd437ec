/* The inside of the byte adapter, for ensemble/bytes*.c. */
#ifndef ENSEMBLE_BYTES_SLOT_H
#define ENSEMBLE_BYTES_SLOT_H

#include "ensemble/bytes.h"
#include "ensemble/bytes_adjacent.h"
#include "ensemble/bytes_splits.h"

#define BYTES_NONE UINT32_MAX

/* A state: tokens complete so far, and those that may be under way. */
struct bytes_node {
    uint32_t parent;          /* before it in the list; BYTES_NONE: the root */
    sym_t token;              /* the last */
    bool has_token;           /* not of a root without text before it */
    size_t end;               /* bytes that its tokens give */
    struct bytes_range range; /* tokens that begin with the bytes behind end */
    bool is_live;             /* some token of the range may be under way */
    bool only_added;          /* only an added one */
    bool may_split;           /* its end may be a cut: then any token may follow */
    bool is_in;               /* its row is part of what is summed; canonical, lazy: once its share has called for it */
    bool is_counted;          /* as a state evaluated */
    uint32_t mark;            /* scratch */
    int slot;                 /* of the token lm; -1: not made yet */
    double logp;           /* canonical: ln p(token) after its parent, NAN: not known; all: ln of its covers' prefix */
    double weight;         /* all: ln of the mass of its covers */
    const struct row *row; /* this round's; NULL: not read */
};

/* A node whose tokens cover one position. */
struct bytes_cover {
    uint32_t node;
    struct bytes_range range;
    uint32_t depth;             /* bytes that the tokens of the range share */
    bool is_past;               /* of the mass before it is split up */
    bool only_added, may_split; /* may_split: of one without depth, by the next byte too */
};

/* What a row needs, taken when the tree stood at its position. */
struct bytes_shot {
    size_t at; /* bytes before the row */
    uint32_t base, last;
    size_t first, n; /* its covers */
    bool may_cut[256];
    bool allows[256]; /* a byte may follow */
    bool is_start;    /* nothing was said behind the root: the mass before is one */
    bool is_ended;    /* behind the end: the end */
};

/* A node that is not in the tree yet, evaluated because the text may well come to it. */
#define BYTES_PATH 4u
struct bytes_guess {
    uint32_t parent;         /* in the tree */
    sym_t token[BYTES_PATH]; /* (n,) behind it */
    uint32_t n;
    sym_t whole;   /* a token that begins with their bytes, ... */
    size_t length; /* ... so many */
    int slot;      /* of the token lm */
    bool is_asked; /* and there: later rounds need not want it */
};

struct bytes_slot {
    bool used;
    struct symbols prompt; /* tokens, bos included */
    size_t n_prompt;       /* bytes that they give */
    uint8_t *text;         /* (n,) prompt and pushed */
    size_t n, cap;
    size_t ended; /* the first END was pushed behind so many bytes; SIZE_MAX: none */

    /* The stream, which has taken text[0 .. at). */
    bool begun;
    size_t n_root;           /* tokens of the prompt in the root */
    size_t root_end;         /* and their bytes */
    size_t start;            /* lazy: shares are judged from here on: the end of the prompt */
    bool is_inside;          /* canonical: cut is no cut, but lies within a long piece */
    bool is_judged;          /* lazy: at `at` */
    bool has_looked;         /* canonical: ahead of this round's shot */
    size_t at, cut;          /* cut: where a piece begins, at or before the end of the present root */
    struct bytes_node *node; /* (n_nodes,) parents first */
    size_t n_nodes, cap_nodes;
    uint32_t root;            /* what every node that lives comes from */
    uint32_t base;            /* the root before the last byte */
    uint32_t last;            /* the node that the end follows; BYTES_NONE: none */
    struct bytes_cover *past; /* (n_past,) what covered the last byte */
    size_t n_past, cap_past;
    bool may_cut[256];
    double log_mass;         /* all: of the last byte's covers, before pruning */
    struct bytes_shot *shot; /* (n_shots,) taken and not yet made into rows */
    size_t n_shots, cap_shots;
    struct bytes_cover *cover;
    size_t n_covers, cap_covers;

    struct bytes_guess *guess;
    size_t n_guesses, cap_guesses;

    /* Rows made, at positions row_from .. row_from + n_rows - 1. */
    size_t row_from, n_rows;
    float *score;       /* (n_rows, BYTES_N) */
    double *log_weight; /* (n_rows,) */
    size_t cap_score, cap_weight;

    /* This round. */
    bool is_wanted;
    size_t from, until; /* positions of the first and last row wanted */
};

struct bytes_adapter;

/* How covers are followed. */
struct bytes_kind {
    const char *name;
    /* Begins the stream at the root (text, prompt, n_root, root_end and the root node are set). */
    void (*begin)(struct bytes_adapter *a, struct bytes_slot *s);
    /* Takes bytes and shots as far as it goes without rows; asks for nodes with bytes_ask().  0 or ERR_DATA. */
    int (*gather)(struct bytes_adapter *a, struct bytes_slot *s);
    /* Makes rows of what was gathered, now that the nodes' rows are there. */
    int (*settle)(struct bytes_adapter *a, struct bytes_slot *s);
};
extern const struct bytes_kind bytes_canonical, bytes_lazy, bytes_all;

/* A node whose row is wanted in this round. */
struct bytes_ask {
    struct bytes_slot *slot;
    uint32_t node;
};

struct bytes_adapter {
    struct lm lm;
    struct lm *tokens;
    const struct bytes_kind *kind;
    uint32_t beam;
    double lazy;
    uint32_t ahead;
    struct bytes_vocab vocab;
    struct bytes_adjacent *adjacent; /* canonical */
    uint64_t *never;                 /* (vocab.n bits) tokens that no text gives; none of all */
    struct bytes_splits splits;
    struct bytes_slot *slot;
    size_t n_slots, cap_slots;
    struct symbols work;
    struct bytes_ask *ask;
    size_t n_asks, cap_asks;
    struct want *want;
    size_t cap_want;
    struct row *row; /* (n_asks,) */
    size_t cap_row;
    uint32_t *number; /* scratch of compaction, new numbers by old */
    size_t cap_number;
    float *fast;             /* (vocab.n,) scratch: probabilities */
    struct bytes_node *next; /* scratch of all */
    size_t cap_next;
    struct bytes_counts counts;
    char *name;
    char hash[65];
};

extern const struct lm_type bytes_type;
int bytes_need(void *self, const struct want w[], size_t n, struct queue *q);

/* bytes_stream.c */
void bytes_forget(struct bytes_adapter *a, struct bytes_slot *s); /* the stream, which begins anew */
uint32_t bytes_add_node(struct bytes_slot *s, const struct bytes_node *n);
int bytes_token_slot(struct bytes_adapter *a, struct bytes_slot *s, uint32_t node); /* makes it; ERR_* */
void bytes_ask(struct bytes_adapter *a, struct bytes_slot *s, uint32_t node);
/* Makes mass, or NULL for a row behind the end, the row at s->row_from + s->n_rows.  log_mass: of the covers before. */
void bytes_add_row(struct bytes_adapter *a, struct bytes_slot *s, const double mass[BYTES_N], double log_mass);

/* bytes_tree.c, bytes_canonical.c: the tree and its rows, for bytes_lazy.c too. */
void bytes_tree_begin(struct bytes_adapter *a, struct bytes_slot *s);
int bytes_tree_advance(struct bytes_adapter *a, struct bytes_slot *s); /* takes one byte */
void bytes_tree_shot(struct bytes_slot *s, size_t at);
/* ln of what the node's tokens behind the base weigh at most; unknown factors are one. */
double bytes_tree_bound(struct bytes_slot *s, uint32_t base, uint32_t node);
/* ln p of the node's tokens behind the base; rows of the parents whose children's are not known are there. */
double bytes_tree_logp(struct bytes_slot *s, uint32_t base, uint32_t node);
/* Makes the row of a shot of those covers whose rows are there. */
void bytes_tree_row(struct bytes_adapter *a, struct bytes_slot *s, const struct bytes_shot *shot);

/* The tokens that may not follow the node, by place; NULL: none. */
const uint64_t *bytes_tree_barred(struct bytes_adapter *a, const struct bytes_node *n, bool may_split);

/* bytes_ahead.c: nodes that are evaluated before the text has come to them. */
/* Guesses, from the rows that are there, where the text goes from the shot; what is asked for besides is computed in one
 * batch with these.  0 or ERR_*. */
int bytes_ahead(struct bytes_adapter *a, struct bytes_slot *s, const struct bytes_shot *shot);
void bytes_ahead_take(struct bytes_adapter *a, struct bytes_slot *s); /* text[at] has come: drops what it rules out */
void bytes_ahead_move(struct bytes_adapter *a, struct bytes_slot *s, const uint32_t number[]); /* nodes' new numbers */
void bytes_ahead_adopt(struct bytes_slot *s, struct bytes_node *n); /* a new node, if it was guessed */
void bytes_ahead_forget(struct bytes_adapter *a, struct bytes_slot *s);

/* bytes_mass.c: sums of a row over tokens. */
struct bytes_sum {
    struct bytes_adapter *adapter; /* for its scratch */
    const struct row *row;
    const uint64_t *barred; /* by place; NULL: none */
    bool only_added;
    double factor;
};
double bytes_sum_range(const struct bytes_sum *f, struct bytes_range r);
/* What each place of the range adds to that, over factor and *scale, as floats (r.to - r.from,) valid until the next call. */
const float *bytes_sum_each(const struct bytes_sum *f, struct bytes_range r, double *scale);
/* The same over all tokens by their first byte, mass[b] of what barred[b] leaves; NULL: of nothing. */
void bytes_sum_first(const struct bytes_sum *f, const uint64_t *const barred[256], double mass[BYTES_N]);
/* Adds to mass[b] what begins with b behind `depth` bytes. */
void bytes_sum_next(const struct bytes_sum *f, struct bytes_range r, uint32_t depth, double mass[BYTES_N]);
double bytes_sum_ends(const struct bytes_sum *f);
/* ln mass to scores, normalised; returns the log of their sum. */
double bytes_scores(const double mass[BYTES_N], float score[BYTES_N]);

#endif
