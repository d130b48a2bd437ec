/* Devices by name: "cuda", "cuda:1" is a card behind libchorale-cuda.so, which is looked for when it is asked for and not
 * before, so that the program starts without driver, card or toolkit.
 *
 * The library is looked for beside the program, in lib/ beside it, in lib/ one folder up, and then where the system looks. */
#ifndef MODEL_DEVICE_OPEN_H
#define MODEL_DEVICE_OPEN_H

#include "model/device.h"
#include <stdbool.h>

struct device {
    const struct device_api *api;
    struct device_context *context;
    struct device_info info;
    char name[64]; /* "cuda:0" */
    bool deterministic;
    void *library;
    struct device_user *users; /* model/device_share.h */
};

enum device_order {
    DEVICE_FAST,         /* the same batch has the same numbers */
    DEVICE_DETERMINISTIC /* a row has the same numbers in every batch */
};

/* Whether the text names this machine's processor: NULL, "", "cpu". */
bool device_is_cpu(const char *text);

/* 0, or ERR_USAGE: no such name; what device_open() would say first of a text alone. */
int device_check(const char *text);

/* NULL + ERR_USAGE, or ERR_MEMORY: no library, one of another version, no driver, no card, one that is too old. */
struct device *device_open(const char *text, enum device_order order);
void device_close(struct device *d); /* NULL: nothing; after all that uses it */

/* Sets the message that a call of d->api has given; result < 0.  ERR_MEMORY, or ERR_DATA for DEVICE_NUMBERS. */
int device_fail(const struct device *d, int result, const struct device_error *e);

#endif
