/* The lms on a device share its memory: what their weights and activations leave is for keys and values, in equal parts,
 * whichever was opened first; one that has asked for less gets no more, and nobody what it leaves.
 *
 * When one more is opened, those that are there give back the pages that they keep, which they compute anew, and are
 * told how much they may have from then on; when one is closed, what it had is the others'.  No pass is under way
 * then.  One thread. */
#ifndef MODEL_DEVICE_SHARE_H
#define MODEL_DEVICE_SHARE_H

#include "model/device_open.h"
#include "model/device_plan.h"

struct device_user {
    struct device_user *next;
    void (*yield)(void *self); /* gives all its pages back */
    void (*allow)(void *self); /* plan->kv is another from here on */
    void *self;
    struct device_plan *plan; /* borrowed: what of the device is its; kv is set here */
    uint64_t most;            /* bytes for keys and values that it has asked for; 0: what there is */
};

/* The user is borrowed until it leaves, where its plan's bytes become the others'; one that never joined may leave. */
void device_share_join(struct device *d, struct device_user *u);
void device_share_leave(struct device *d, struct device_user *u);

size_t device_share_count(const struct device *d);
void device_share_yield(struct device *d);                 /* all give their pages back */
void device_share_allow(struct device *d, uint64_t bytes); /* each may have so many bytes for keys and values */

#endif
