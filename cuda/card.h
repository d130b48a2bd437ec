/* A card: its stream, its library of products, and what its calls gave.
 *
 * Every call of the runtime goes through card_ok(), which tells two failures apart: no memory, after which less may be
 * asked for, and anything else, after which the card's context is lost (a CUDA error of that kind is given by every
 * later call). */
#ifndef CUDA_CARD_H
#define CUDA_CARD_H

#include "cuda/launch.h"
#include "model/device.h"
#include <cublasLt.h>

#define CARD_WORK ((size_t)32 << 20) /* bytes that cuBLASLt may use beside its operands */

struct device_context {
    uint32_t ordinal, deterministic;
    uint32_t n_multiprocessors;
    int overlaps;         /* kernels can (cuda/launch.h) */
    cudaStream_t stream;  /* of all passes */
    cudaStream_t carrier; /* brings swapped weights */
    cublasLtHandle_t products;
    void *work; /* (CARD_WORK,) */
    struct device_counts counts;
    int dead;
    char fault[256]; /* what has killed it */
};

int card_open(const struct device_open *o, struct device_context **out, struct device_error *error);
void card_close(struct device_context *c);
int card_info(struct device_context *c, struct device_info *out, struct device_error *error);
int card_bandwidth(struct device_context *c, uint64_t bytes, double *out, struct device_error *error);

/* DEVICE_OK, DEVICE_NO_MEMORY or DEVICE_FAULT; what: "copying weights". */
int card_ok(struct device_context *c, cudaError_t e, const char *what, struct device_error *error);
int card_product_ok(struct device_context *c, cublasStatus_t e, const char *what, struct device_error *error);
/* DEVICE_FAULT once the context is lost. */
int card_alive(const struct device_context *c, struct device_error *error);
/* The same, and the calls that follow mean this card: the runtime keeps one for each thread. */
int card_enter(struct device_context *c, struct device_error *error);

/* The card has done all that was given. */
int card_wait(struct device_context *c, const char *what, struct device_error *error);

int card_say(int result, struct device_error *error, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define CARD_TRY(expression)                                                                                           \
    do {                                                                                                               \
        int card_rc = (expression);                                                                                    \
        if (card_rc != DEVICE_OK)                                                                                      \
            return card_rc;                                                                                            \
    } while (0)

#endif
