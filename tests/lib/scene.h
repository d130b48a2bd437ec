/* What has been said, at random, and a row: for tests of steps of a chain that read the history. */
#ifndef TESTS_SCENE_H
#define TESTS_SCENE_H

#include "base/transform.h"

enum { SCENE_V = 300, SCENE_SAID = 60 };

struct scene {
    const struct space *space;
    uint32_t n;
    float score[SCENE_V];                       /* (n,) not normalised, some -INFINITY     */
    sym_t prompt[SCENE_SAID], made[SCENE_SAID]; /* (n_prompt,), (n_made,) */
    size_t n_prompt, n_made;
};

void scene_open(uint64_t seed); /* of what is drawn from here on; before all others */
void scene_close(void);
uint32_t scene_below(uint32_t n); /* drawn */

struct scene scene_random(uint32_t n, uint32_t alphabet, const struct space *space);
sym_t scene_said(const struct scene *s, size_t i); /* prompt and text as one */
struct transform_at scene_at(const struct scene *s);

/* The row under a chain into score: (n,).  0 or the code of what failed. */
int scene_apply(const char *chain, const struct scene *s, float score[], struct row *r);
/* It is what is wanted where the scene's own is not masked, and masked elsewhere; failures are failed checks. */
void scene_compare(const char *chain, const struct scene *s, const double want[]);

/* A space of short strings over a, b and c, some equal, one special, one end: borrows bytes and offsets. */
struct space *scene_space(uint32_t n, char bytes[], uint64_t offsets[]);
/* The text said, and where the bytes of symbol i end; its bytes. */
size_t scene_text(const struct scene *s, char text[], size_t ends[]);

#endif
