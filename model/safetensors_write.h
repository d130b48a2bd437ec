/* Writing safetensors files as model/safetensors.h reads them. */
#ifndef MODEL_SAFETENSORS_WRITE_H
#define MODEL_SAFETENSORS_WRITE_H

#include "model/recast.h"

/* The tensors, of types F32, F16 and BF16, those of wider types first, then by name; sorts the list so.
 * signal: as save_file_open()'s.
 * 0; ERR_DATA, ERR_IO, ERR_SIGINT, ERR_SIGTERM. */
int safetensors_write_file(const char *path, struct recast_list *tensors, interrupt_t *signal);

#endif
