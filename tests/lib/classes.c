#include "tests/lib/classes.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void normalise(double x[CLASSES])
{
    double sum = 0;
    for (size_t i = 0; i < CLASSES; i++)
        sum += exp(x[i]);
    for (size_t i = 0; i < CLASSES; i++)
        x[i] -= log(sum);
}

void classes_read(struct classes *c)
{
    char line[512], word[CLASSES][32], name[32];
    size_t n = 0;
    double *const to[] = { &c->full_ece, &c->top_ece, &c->classwise };
    c->maps = fopen(CHORALE_HOME "/tests/fixtures/calibrate/classes.txt", "r");
    check(c->maps != NULL, "the fixture opens");
    while (c->maps && n < CLASSES_ROWS && fgets(line, sizeof line, c->maps)) {
        int got =
            sscanf(line, "row %u %31s %31s %31s %31s %31s", &c->label[n], word[0], word[1], word[2], word[3], word[4]);
        check(got == CLASSES + 1, "row %zu", n);
        for (size_t i = 0; i < CLASSES; i++)
            c->logp[n][i] = strcmp(word[i], "masked") == 0 ? -INFINITY : strtod(word[i], NULL);
        normalise(c->logp[n++]);
    }
    for (size_t i = 0; i < 3 && c->maps && fgets(line, sizeof line, c->maps); i++)
        check(sscanf(line, "measure %31s %lf", name, to[i]) == 2, "measure %zu", i);
}
