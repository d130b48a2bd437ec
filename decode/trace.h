/* Traces: what a hypothesis keeps of its steps beyond struct hyp_step, at the level that a run asks for.
 *
 *   token    nothing: struct hyp_step says it (the default)
 *   steps    what every step of the chain did (struct chain_report)
 *   topk=K   that, and of the lm's row before the chain the K best symbols with their raw scores, log Z, and the
 *            probability of all others (the tail)
 *   full     that, and the whole row instead of its best
 *
 * Raw scores are kept rather than log-probabilities, since some transforms act on them; ln p = score - log_z.  A trace has
 * a row for every decision of its hypothesis, and one more where the chain left nothing (HYP_DEAD). */
#ifndef DECODE_TRACE_H
#define DECODE_TRACE_H

#include "decode/chain.h"

enum trace_kind { TRACE_TOKEN, TRACE_STEPS, TRACE_TOPK, TRACE_FULL }; /* each holds what those before it do */

struct trace_level {
    enum trace_kind kind;
    uint32_t k; /* TOPK: symbols kept of a row */
};

#define TRACE_MOST ((size_t)512 << 20) /* bytes of one hypothesis's trace */

/* "token", "steps", "topk=8", "full": 0 or ERR_USAGE. */
int trace_level(const char *text, struct trace_level *out);
void trace_level_text(struct trace_level level, struct text *out); /* canonical, appended */

/* Bytes that one decision adds under a chain of n_chain steps in a space of n symbols. */
size_t trace_step_bytes(struct trace_level level, size_t n_chain, uint32_t n);

struct trace {
    struct trace_level level;
    uint32_t n_chain;            /* steps of the chain */
    uint32_t width;              /* entries of a row: min(k, symbols), or all symbols; 0 below TOPK */
    size_t n;                    /* rows */
    struct chain_report *report; /* (n, n_chain) */
    double *log_z;               /* (n,) TOPK, FULL */
    double *tail;                /* (n,) TOPK: probability of what is not among the K best */
    sym_t *id;                   /* (n, width) TOPK: best first; UINT32_MAX where fewer are not masked */
    float *score; /* (n, width) TOPK: of id, -INFINITY beside UINT32_MAX; FULL: of symbols 0 .. width - 1 */
    double *logp; /* (k,) scratch */
    size_t cap_report, cap_log_z, cap_tail, cap_id, cap_score;
};

/* t is zeroed; n: symbols of the space.  A zeroed trace that never began is one at level token. */
void trace_begin(struct trace *t, struct trace_level level, const struct chain *c, uint32_t n);
/* Where chain_apply() reports on the row of decision n (of a hypothesis of n steps), which trace_row() adds next; NULL where
 * nothing is to be reported.  A row of that decision that no step followed is forgotten. */
struct chain_report *trace_reports(struct trace *t, size_t n);
/* Adds the lm's row, after chain_apply() of a copy of it.  Uses spare[SCRATCH_BEFORE] and the functions of rows.  0, or
 * ERR_DATA where the trace would pass TRACE_MOST. */
int trace_row(struct trace *t, const struct row *given, struct row_work *work);

void trace_copy(struct trace *to,
                const struct trace *from); /* to is zeroed or holds an older one, whose memory is kept */
void trace_fini(struct trace *t);

#endif
