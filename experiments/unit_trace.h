/* The traces of a unit's hypotheses (decode/trace.h) in a journal payload.  Shared by unit*.c alone.
 *
 * After each hypothesis, little-endian:  level u8 | rows u32 | steps of the chain u32 | width u32, then
 *   of each row and step of the chain      kept u32 | mass f32 | entropy f32 | KL f32
 *   TOPK, of each row                      log Z f64 | tail f64 | chosen f32, then width times: symbol u32 | raw score f32
 *   FULL, of each row                      log Z f64, then width times: raw score f32 */
#ifndef EXPERIMENTS_UNIT_TRACE_H
#define EXPERIMENTS_UNIT_TRACE_H

#include "experiments/pack.h"
#include "experiments/unit.h"

void unit_trace_write(struct text *t, const struct hyp *h);
/* Into h->trace; the rest of h is read.  What is no trace of it makes u bad and leaves the trace empty. */
void unit_trace_read(struct unpack *u, struct unit_result *r, struct unit_record *h);

/* With the kind of a result, of its hypotheses: */
#define UNIT_TRACED  0x80u /* they have traces */
#define UNIT_DRAFTED 0x40u /* of a draft: proposed u32 | accepted u32 | passes u32, before the trace */

/* Zeroed memory of n x size bytes that goes with the result, an allocation of its own, so that it ends where sanitizers
 * look. */
void *unit_block(struct unit_result *r, size_t n, size_t size);

#endif
