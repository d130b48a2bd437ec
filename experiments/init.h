/* One call before anything of experiments/ or plots/ is used: GSL and HDF5 must not print or abort on their own. */
#ifndef EXPERIMENTS_INIT_H
#define EXPERIMENTS_INIT_H

void init_libraries(void); /* from the main thread, once; repeating it is harmless */

#endif
