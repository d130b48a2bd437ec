/* Whether an SVG is whole and harmless enough to stand inside our page: well-formed, UTF-8, only the drawing elements
 * that gnuplot writes, no script, no event attributes, no references out of itself.  A full disk leaves a figure without
 * its end or with a hole, and gnuplot says nothing. */
#ifndef PLOTS_SVG_H
#define PLOTS_SVG_H

#include "base/text.h"

/* NULL, or what is wrong and where, as "byte 812: element 'script'"; valid until text_free(why), whose text it is. */
const char *svg_check(const char *s, size_t n, struct text *why);

#endif
