/* plots/plot: what users name reaches gnuplot as data, never as a command; failures leave no half-written figure. */
#include "base/err.h"
#include "plots/curves.h"
#include "plots/plot.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const hostile[] = {
    "it's",
    "`touch pwned`",
    "'; system('touch pwned'); '",
    "a\nsystem 'touch pwned'",
    "@macro",
    "|cat",
    "back\\",
    "\"quoted\"",
    "_sub^sup{x}&",
    "<b>&amp;",
    "诗与散文",
};

static void titles(const char *folder)
{
    struct text s = { 0 };
    plot_head(&s, 640, 360);
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        text_addf(&s, "set label %zu ", i + 1);
        plot_string(&s, hostile[i]);
        text_addf(&s, " at screen 0.1,0.%02zu noenhanced\n", 5 + 8 * i);
    }
    text_add(&s, "$d << EOD\n0 0\n1 ");
    plot_number(&s, 0.5);
    text_add(&s, "\n2 ");
    plot_number(&s, (double)-(__builtin_inff()));
    text_add(&s, "\nEOD\nplot $d using 1:2 with linespoints title 'x'\n");
    check(plot_write(folder, "hostile", &s) == 0, "hostile titles draw: %s", err_text());
    struct text svg = { 0 }, path = { 0 };
    text_addf(&path, "%s/hostile.svg", folder);
    check(text_read_file(&svg, text_s(&path), 1 << 20) == 0, "the figure is there");
    check(strstr(text_s(&svg), "诗与散文") != NULL, "Chinese labels stay");
    check(strstr(text_s(&svg), "system(") != NULL, "the command is shown as text");
    struct stat st;
    text_clear(&path);
    text_addf(&path, "%s/pwned", folder);
    check(stat(text_s(&path), &st) != 0 && stat("pwned", &st) != 0, "nothing was run");
    text_free(&s);
    text_free(&svg);
    text_free(&path);
}

static void failures(const char *folder)
{
    struct text s = { 0 }, path = { 0 };
    struct stat st;
    text_add(&s, "set terminal svg\nplot nonsense nonsense\n");
    check(plot_write(folder, "bad", &s) == ERR_IO && strstr(err_text(), "gnuplot failed"), "a bad script: %s",
          err_text());
    text_addf(&path, "%s/bad.svg", folder);
    check(stat(text_s(&path), &st) != 0, "no figure of it stays");
    check(plot_write("/nonexistent/folder", "x", &s) == ERR_IO, "a missing folder: %s", err_text());
    text_free(&s);
    text_free(&path);
}

/* bug: two metrics that no arm has both of were a figure without points, on which gnuplot and the report failed */
static void no_points(void)
{
    const struct results_metric metric = { .name = "m" };
    struct interval none = { .mean = NAN, .low = NAN, .high = NAN };
    struct summary_metric m = { .metric = &metric, .arms = &none };
    struct summary s = { .n_arms = 1 };
    struct figure_data d = { .summary = &s };
    struct text script = { 0 };
    check(curves_draw(&d, &m, &m, &script) == 1, "no arm has both values: nothing to draw");
    text_free(&script);
}

/* bug: long names were cut inside a character */
static void short_names(void)
{
    struct text t = { 0 };
    figure_short(&t, "\xe8\xaf\x97\xe8\xaf\x97", 4);
    check(strcmp(text_s(&t), "\xe8\xaf\x97") == 0, "cut at a whole character, got %zu bytes", t.len);
    text_clear(&t);
    figure_short(&t, "prose", 5);
    check(strcmp(text_s(&t), "prose") == 0, "what fits stays");
    text_free(&t);
}

int main(void)
{
    char folder[] = "/tmp/chorale-test-plot-XXXXXX";
    if (!mkdtemp(folder))
        return 1;
    no_points();
    short_names();
    if (system("command -v gnuplot >/dev/null 2>&1") != 0)
        check_skip("plot", "gnuplot is not installed");
    titles(folder);
    failures(folder);
    struct text rm = { 0 };
    text_addf(&rm, "rm -rf '%s'", folder);
    check(system(rm.s) == 0, "the folder goes");
    text_free(&rm);
    return check_done("plot");
}
