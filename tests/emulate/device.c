#include "tests/emulate/device.h"
#include <stdio.h>
#include <stdlib.h>

void *device_new(size_t bytes)
{
    void *p;
    if (cudaMalloc(&p, bytes) != cudaSuccess) {
        fprintf(stderr, "emulator: no %zu bytes of device memory\n", bytes);
        abort();
    }
    return p;
}

void *device_put(const void *from, size_t bytes)
{
    return memcpy(device_new(bytes), from, bytes);
}

void device_get(const void *p, void *to, size_t bytes)
{
    memcpy(to, p, bytes);
}

void device_free(void *p)
{
    cudaFree(p);
}

void device_fill(float *x, size_t n, uint64_t seed)
{
    uint64_t s = seed * 0x9e3779b97f4a7c15u + 0x1234567u;
    for (size_t i = 0; i < n; i++) {
        float sum = 0;
        for (int k = 0; k < 3; k++) {
            s = s * 6364136223846793005u + 1442695040888963407u;
            sum += (float)(s >> 40) * 0x1p-23f - 1;
        }
        x[i] = sum;
    }
}

int device_same_in_orders(void (*reset)(void *), void (*run)(void *), void *ctx, const void *p, size_t n)
{
    static const enum emulate_order orders[] = { EMULATE_SHUFFLED, EMULATE_SHUFFLED, EMULATE_SHUFFLED, EMULATE_REVERSE,
                                                 EMULATE_FORWARD };
    void *first = malloc(n);
    int same = first != NULL;
    for (size_t i = 0; same && i < sizeof orders / sizeof *orders; i++) {
        emulate_set_order(orders[i], 17 + i);
        if (reset)
            reset(ctx);
        run(ctx);
        if (i == 0)
            memcpy(first, p, n);
        same = memcmp(first, p, n) == 0;
    }
    emulate_set_order(EMULATE_FORWARD, 0);
    free(first);
    return same;
}
