/* A figure is a program: a gnuplot script whose data is inline; the script is kept beside the SVG.
 *
 * What comes from outside (names of arms, lms, metrics) reaches gnuplot only through plot_string() and plot_tic(): single
 * quotes become typographic ones, control characters, direction marks and what is no UTF-8 are replaced, long texts are
 * cut, labels are `noenhanced`.  gnuplot runs without a shell (fork, exec, -d), with an environment of our own, in the
 * figure's folder, so that no name of a folder is in the script either.
 *
 * A gnuplot that fails, hangs, floods its stderr or is missing, and a full disk (gnuplot itself would exit with 0), give
 * ERR_IO: the SVG is written aside, checked (plots/svg.h), synced, renamed; nothing half-written stays. */
#ifndef PLOTS_PLOT_H
#define PLOTS_PLOT_H

#include "base/text.h"

#define PLOT_LINES      12
#define PLOT_STRING_MAX 160 /* bytes of a text in a figure; the tables of the report have it whole */

/* A gnuplot string literal of s, appended. */
void plot_string(struct text *script, const char *s);
/* The same for the label of a tic, which gnuplot takes for a format. */
void plot_tic(struct text *script, const char *s);

/* A number that gnuplot reads; NaN for what is not finite. */
void plot_number(struct text *script, double x);

/* The common head of our figures, appended: SVG terminal of the given size in pixels, fonts, colours, grid.  Line
 * types 1..PLOT_LINES have each a shape of point of its own, and colours of a colour-blind safe set (Okabe and Ito
 * 2008), of which the first four come twice; the next is grey. */
void plot_head(struct text *script, int width, int height);

struct plot_tool {
    const char *program; /* absolute path; NULL: gnuplot in /usr/local/bin, /usr/bin, /bin */
    double seconds;      /* what one figure may take */
};

/* The program that $CHORALE_GNUPLOT names, two minutes. */
struct plot_tool plot_tool(void);

/* Writes FOLDER/NAME.gp and runs it into FOLDER/NAME.svg.  0, ERR_IO, or ERR_USAGE ($CHORALE_GNUPLOT). */
int plot_write(const char *folder, const char *name, const struct text *script);
int plot_write_with(const struct plot_tool *tool, const char *folder, const char *name, const struct text *script);

#endif
