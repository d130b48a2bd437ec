/* The labelled rows of five classes in fixtures/calibrate/classes.txt, and what numpy and scikit-learn say of them. */
#ifndef TESTS_LIB_CLASSES_H
#define TESTS_LIB_CLASSES_H

#include <stdint.h>
#include <stdio.h>

#define CLASSES      5
#define CLASSES_ROWS 160

struct classes {
    double logp[CLASSES_ROWS][CLASSES]; /* softmax of the logits; -INFINITY: masked */
    uint32_t label[CLASSES_ROWS];
    double full_ece, top_ece, classwise;
    FILE *maps; /* what comes behind: 'map NAME', 'applied ROW P ...'; for fclose() */
};

void classes_read(struct classes *c);

#endif
