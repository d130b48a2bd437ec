/* Lms on one device share what its weights leave for keys and values: when one more is opened, those that are there give
 * back what they have, which they compute anew, and are told what they may have from then on.  One thread. */
#ifndef MODEL_DEVICE_SHARE_H
#define MODEL_DEVICE_SHARE_H

#include "model/device_open.h"

struct device_user {
    struct device_user *next;
    void (*yield)(void *self, uint64_t bytes); /* gives back all its pages; bytes: for them from here on */
    void *self;
};

/* The user is borrowed until it leaves; one that never joined may leave. */
void device_join(struct device *d, struct device_user *u);
void device_leave(struct device *d, struct device_user *u);

size_t device_users(const struct device *d);
void device_yield(struct device *d, uint64_t bytes); /* all users: `bytes` each */

#endif
