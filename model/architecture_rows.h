/* The rows of the table of architectures. */
#ifndef MODEL_ARCHITECTURE_ROWS_H
#define MODEL_ARCHITECTURE_ROWS_H

#include "model/architecture.h"

extern const struct architecture architecture_rows[];
extern const size_t architecture_rows_n;

#endif
