/* What the host has sent to the same place again, as a batch each pass: a kernel that begins early may find what was
 * there before, by plain reads, until it has waited for the kernel in front.  It finds 0xff here. */
#ifndef EMULATE_STALE_H
#define EMULATE_STALE_H

#include <stddef.h>

void stale_copy(void *to, const void *from, size_t bytes); /* from the host: noted */
void stale_forget(const void *p, size_t bytes);            /* memory that is given back */

/* Between these the calling thread's kernel has not waited; copies of other threads wait. */
void stale_hide(void);
void stale_show(void);

/* What is there indeed: of the thread that has called stale_hide(), or where nothing is hidden. */
void stale_read(void *to, const void *from, size_t bytes);

#endif
