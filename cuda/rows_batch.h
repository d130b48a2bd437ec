/* Rows measured, and whole rounds of decisions: what the library's table offers (model/device.h). */
#ifndef CUDA_ROWS_BATCH_H
#define CUDA_ROWS_BATCH_H

#include "cuda/card.h"
#include "cuda/rows_launch.h"

int rows_batch_open(struct device_context *c, uint32_t n, struct device_rows **out, struct device_error *error);
void rows_batch_close(struct device_rows *r);
int rows_batch_measure(struct device_rows *r, void *const rows[], uint64_t n_rows, struct device_measured out[],
                       struct device_error *error);
int rows_batch_decide(struct device_rows *r, const struct device_decisions *d, const struct device_answers *out,
                      struct device_error *error);

#endif
