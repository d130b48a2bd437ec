/* A figure is a program: a gnuplot script whose data is inline; the script is kept beside the SVG.
 *
 * What comes from outside (names of arms, lms, metrics) reaches gnuplot only through plot_string(): single quotes become
 * typographic ones, control characters spaces, labels are `noenhanced`; gnuplot runs without a shell (fork, exec, -d).  A
 * gnuplot that fails, a full disk (gnuplot itself would exit with 0) or a missing program give ERR_IO, and no
 * half-written SVG stays: it is written aside, checked for its end, renamed. */
#ifndef PLOTS_PLOT_H
#define PLOTS_PLOT_H

#include "base/text.h"

/* A gnuplot string literal of s, appended. */
void plot_string(struct text *script, const char *s);

/* A number that gnuplot reads; NaN for what is not finite. */
void plot_number(struct text *script, double x);

/* The common head of our figures, appended: SVG terminal of the given size in pixels, fonts, colours, grid.  Colours are
 * a colour-blind safe set (Okabe and Ito 2008), as line types 1..8. */
void plot_head(struct text *script, int width, int height);

/* Writes FOLDER/NAME.gp and runs it into FOLDER/NAME.svg.  0 or ERR_IO. */
int plot_write(const char *folder, const char *name, const struct text *script);

#endif
