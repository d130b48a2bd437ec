/* generate --select: what was generated is kept, and one text of it is chosen when all is there. */
#ifndef CLI_GENERATE_CHOICE_H
#define CLI_GENERATE_CHOICE_H

#include "decode/hyp.h"
#include "decode/select.h"

struct generate_choice {
    struct select *select; /* NULL: nothing is chosen, nothing kept */
    struct hyp *hyps;      /* (n,) */
    uint32_t *draws;       /* (n,) which draw gave each */
    size_t n, cap, cap_draws;
};

/* text: of decode/select.h; NULL: none.  0 or ERR_USAGE. */
int generate_choice_open(struct generate_choice *c, const char *text);
void generate_choice_close(struct generate_choice *c);
void generate_choice_keep(struct generate_choice *c, const struct hyp h[], size_t n, uint32_t draw);
/* An index into hyps; ERR_DATA "... chooses none of 4 texts". */
int generate_choice_best(const struct generate_choice *c, size_t *best);

#endif
