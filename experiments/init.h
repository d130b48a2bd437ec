/* One call before anything of experiments/ or plots/ is used: GSL must not print or abort on its own, jansson not leave halves. */
#ifndef EXPERIMENTS_INIT_H
#define EXPERIMENTS_INIT_H

void init_libraries(void); /* from the main thread, once; repeating it is harmless */

#endif
