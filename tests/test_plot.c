/* plots/plot: what users name reaches gnuplot as data, never as a command; failures leave no half-written figure. */
#include "base/err.h"
#include "plots/plot.h"
#include "tests/lib/check.h"
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

int main(void)
{
    char folder[] = "/tmp/chorale-test-plot-XXXXXX";
    if (!mkdtemp(folder))
        return 1;
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
