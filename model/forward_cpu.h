/* The forward pass on this machine's processor: the reference of all others. */
#ifndef MODEL_FORWARD_CPU_H
#define MODEL_FORWARD_CPU_H

#include "model/forward.h"

extern const struct forward_type forward_cpu;

#endif
