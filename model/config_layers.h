/* Layers that differ, in a config.json: those with a window of attention, those without experts. */
#ifndef MODEL_CONFIG_LAYERS_H
#define MODEL_CONFIG_LAYERS_H

#include "base/doc.h"
#include "model/architecture.h"

/* Sets window and windowed; sizes are in c already.  0; ERR_DATA: a kind of attention that is unknown or has no window, a
 * list of another length than the layers. */
int config_layers_read_windows(const json_t *o, const char *where, const struct architecture *a, struct config *c);

/* Sets what is about experts.  0 or ERR_DATA. */
int config_layers_read_experts(const json_t *o, const char *where, const struct architecture *a, struct config *c);

/* Every layer, but every `every`-th when that is not 0, has a window. */
void config_layers_set_windows(struct config *c, uint32_t every);

#endif
