/* Device memory for tests of kernels: copies in and out, and a kernel's results in every order of its threads. */
#ifndef EMULATE_DEVICE_H
#define EMULATE_DEVICE_H

#include <emulate.h>

void *device_put(const void *from, size_t bytes); /* a copy */
void *device_new(size_t bytes);                   /* NaN */
void device_get(const void *p, void *to, size_t bytes);
void device_free(void *p);

/* Pseudo-random floats of about unit size, the same for a seed. */
void device_fill(float *x, size_t n, uint64_t seed);

/* Runs in the orders forward, reverse, shuffled (three seeds): n bytes at p must be the same after each, where
 * reset(ctx) makes what run(ctx) has changed as it was before.  Leaves the result.  1: the same. */
int device_same_in_orders(void (*reset)(void *), void (*run)(void *), void *ctx, const void *p, size_t n);

#endif
