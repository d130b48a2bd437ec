/* Who uses which spare array of a struct row_work, so that a search, its chain and a step never meet. */
#ifndef DECODE_SCRATCH_H
#define DECODE_SCRATCH_H

#include "base/row.h"

enum scratch {
    SCRATCH_ROW,                     /* the row under change: a search's copy of the lm's row */
    SCRATCH_BEFORE,                  /* what a row was before a step, to say what the step kept */
    SCRATCH_STEP,                    /* one transform's own; holds anything when a step begins */
    SCRATCH_FOUND,                   /* the row as a step with keeps_row found it, until accept() */
    SCRATCH_SECOND = ROW_SPARES - 2, /* a step's own too, beside SCRATCH_STEP */
    /* The row as the chain found it, where a report asks how far the chain went; else what is left of one, packed. */
    SCRATCH_MODEL = ROW_SPARES - 1,
};

#endif
