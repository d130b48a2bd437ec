/* plan on a device: what lies in its memory, and what swapping costs where that is not all. */
#ifndef CLI_PLAN_CARD_H
#define CLI_PLAN_CARD_H

#include "cli/options.h"

/* A card, asked or imagined. */
struct plan_card {
    char name[256];
    double memory, bandwidth, bus; /* bytes; bytes a second of its memory, of the way to it */
};

/* The rows of options of a verb that plans for a card. */
#define PLAN_CARD_OPTIONS                                                                                              \
    { "device", "NAME", NULL, "plan for this card, asked for its memory and bandwidth: cuda, cuda:1" },                \
        { "memory", "GB", NULL, "plan for a card with so much memory, here or not; with --bandwidth" },                \
    {                                                                                                                  \
        "bus", "GB/S", "50", "at which weights that do not fit a card come over in each step"                          \
    }

/* What one checkpoint needs there; bytes. */
struct plan_card_need {
    const char *name;
    double weights, top, layer; /* all; what is in no layer; one layer */
    double kv, activations;
    double step; /* read in a step */
};

/* Whether a card is asked for; what of it.  0, 1 (there is one), or the failure. */
int plan_card_open(const struct args *a, struct plan_card *c);

/* One line each, in their order, each with what the ones before leave.  0, or ERR_MEMORY: the least does not fit. */
int plan_card_print(const struct args *a, const struct plan_card *c, const struct plan_card_need n[], size_t count);

#endif
