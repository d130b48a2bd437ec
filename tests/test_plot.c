/* plots/plot: what users name reaches gnuplot as data, never as a command; failures leave no half-written figure. */
#include "base/err.h"
#include "base/folder.h"
#include "plots/curves.h"
#include "plots/plot.h"
#include "plots/svg.h"
#include "tests/lib/check.h"
#include "tests/lib/results_file.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char home[] = "/tmp/chorale-test-plot-XXXXXX";

static const char *at(const char *folder, const char *name)
{
    static struct text t[4];
    static size_t turn;
    struct text *path = &t[turn++ % 4];
    text_clear(path);
    text_addf(path, "%s/%s", folder, name);
    return text_s(path);
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static void simple_script(struct text *s)
{
    plot_head(s, 320, 200);
    text_add(s, "plot x with lines title 'x'\n");
}

/* Every place where outside text reaches a script: labels, titles, axes, keys, tics. */
static void hostile_script(struct text *s, const char *name)
{
    static const char *const places[] = { "set title ", "set xlabel ", "set ylabel " };
    plot_head(s, 640, 360);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        text_add(s, places[i]);
        plot_string(s, name);
        text_add(s, " noenhanced\n");
    }
    text_add(s, "set ytics (");
    plot_tic(s, name);
    text_add(s, " 0.25) noenhanced\nset label 1 ");
    plot_string(s, name);
    text_add(s, " at screen 0.1,0.5 noenhanced\n$d << EOD\n0 0\n1 ");
    plot_number(s, 0.5);
    text_add(s, "\n2 ");
    plot_number(s, -INFINITY);
    text_add(s, "\nEOD\nplot $d using 1:2 with linespoints title ");
    plot_string(s, name);
    text_add(s, " noenhanced\n");
}

static void hostile_names(const char *folder)
{
    for (size_t i = 0; i < results_file_n_hostile; i++) {
        struct text s = { 0 }, svg = { 0 }, why = { 0 };
        hostile_script(&s, results_file_hostile[i]);
        check(plot_write(folder, "hostile", &s) == 0, "name %zu draws: %s", i, err_text());
        check(text_read_file(&svg, at(folder, "hostile.svg"), 1 << 20) == 0, "the figure is there");
        check(!svg_check(text_s(&svg), svg.len, &why), "name %zu: the figure is whole: %s", i, text_s(&why));
        /* shown as text in all five places (letters only: what is escaped differs) */
        if (strstr(results_file_hostile[i], "touch")) {
            size_t n = 0;
            for (const char *c = text_s(&svg); (c = strstr(c, "touch " RESULTS_FILE_CANARY)); c++)
                n++;
            check(n >= 5, "name %zu is shown %zu times, want 5", i, n);
        }
        check(svg.len < 200000, "name %zu: %zu bytes", i, svg.len);
        check(unlink(at(folder, "hostile.svg")) == 0 && unlink(at(folder, "hostile.gp")) == 0, "both files are there");
        text_free(&s);
        text_free(&svg);
        text_free(&why);
    }
    check(!exists(at(folder, RESULTS_FILE_CANARY)) && !exists(RESULTS_FILE_CANARY), "no name was run");
}

/* A name of 10,000 characters is cut, at a character. */
static void long_name(const char *folder)
{
    struct text name = { 0 }, s = { 0 }, svg = { 0 }, why = { 0 };
    for (int i = 0; i < 10000; i++)
        text_add(&name, "\xe8\xaf\x97");
    hostile_script(&s, text_s(&name));
    check(s.len < 5000, "the script has %zu bytes", s.len);
    check(plot_write(folder, "long", &s) == 0 && text_read_file(&svg, at(folder, "long.svg"), 1 << 20) == 0, "%s",
          err_text());
    check(!svg_check(text_s(&svg), svg.len, &why) && strstr(text_s(&svg), "\xe8\xaf\x97\xe2\x80\xa6"), "cut: %s",
          text_s(&why));
    text_free(&name);
    text_free(&s);
    text_free(&svg);
    text_free(&why);
}

static void chinese(const char *folder)
{
    struct text s = { 0 }, svg = { 0 };
    hostile_script(&s, "\xe8\xaf\x97\xe4\xb8\x8e\xe6\x95\xa3\xe6\x96\x87");
    check(plot_write(folder, "chinese", &s) == 0 && text_read_file(&svg, at(folder, "chinese.svg"), 1 << 20) == 0, "%s",
          err_text());
    check(strstr(text_s(&svg), "\xe8\xaf\x97\xe4\xb8\x8e\xe6\x95\xa3\xe6\x96\x87") != NULL, "Chinese labels stay");
    text_free(&s);
    text_free(&svg);
}

/* bug: the folder's name was written into the script, with its quotes changed and its end cut */
static void folders(void)
{
    static const char *const names[] = {
        "with space",        "it's \"quoted\"",         "two\nlines", "\xe8\xaf\x97\xe9\x9b\x86",
        "`touch pwned`$(x)", "bytes \xff that are not", "back\\",     "-d"
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct text folder = { 0 }, s = { 0 };
        text_addf(&folder, "%s/%s", home, names[i]);
        simple_script(&s);
        check(mkdir(text_s(&folder), 0777) == 0, "%s: %s", names[i], strerror(errno));
        check(plot_write(text_s(&folder), "x", &s) == 0, "folder '%s': %s", names[i], err_text());
        check(exists(at(text_s(&folder), "x.svg")) && exists(at(text_s(&folder), "x.gp")), "folder '%s'", names[i]);
        check(!exists(at(text_s(&folder), "x.svg.part")), "folder '%s': nothing else stays", names[i]);
        text_free(&folder);
        text_free(&s);
    }
}

/* A program in place of gnuplot. */
static struct plot_tool fake(const char *body, double seconds)
{
    static char path[256];
    struct text t = { 0 };
    text_addf(&t, "#!/bin/sh\n%s\n", body);
    snprintf(path, sizeof path, "%s/fake", home);
    unlink(path);
    check(text_write_file(path, text_s(&t), t.len) == 0 && chmod(path, 0755) == 0, "the fake is written");
    text_free(&t);
    return (struct plot_tool){ .program = path, .seconds = seconds };
}

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fail_with(const char *body, const char *want)
{
    struct plot_tool tool = fake(body, 1);
    struct text s = { 0 };
    double before = seconds_now();
    simple_script(&s);
    unlink(at(home, "f.svg"));
    err_set(ERR_DATA, "none");
    int rc = plot_write_with(&tool, home, "f", &s);
    check(rc == ERR_IO && strstr(err_text(), want), "'%s': %d, %s; want '%s'", body, rc, err_text(), want);
    check(strlen(err_text()) < 2048, "'%s': the message is bounded", body);
    check(!exists(at(home, "f.svg")) && !exists(at(home, "f.svg.part")), "'%s': no figure stays", body);
    check(seconds_now() - before < 20, "'%s': it ends in time", body);
    text_free(&s);
}

static void bad_gnuplots(void)
{
    fail_with("exit 1", "gnuplot failed");
    fail_with("echo 'line 3: nonsense' >&2; exit 1", "line 3: nonsense");
    fail_with("kill -SEGV $$", "ended by a signal: Segmentation fault");
    fail_with("kill -9 $$", "ended by a signal: Killed");
    fail_with("exit 0", "wrote no figure");
    fail_with("printf '<svg><g>half' > f.svg.part", "no whole figure");
    fail_with(": > f.svg.part", "left 0 bytes");
    fail_with("printf '<svg><script>alert(1)</script></svg>' > f.svg.part", "element 'script'");
    fail_with("printf '<svg><g>hole \\000 here</g></svg>' > f.svg.part", "character that XML does not have");
    fail_with("sleep 100", "did not end in 1 s");
    fail_with("exec 2>&- >&-; sleep 100", "did not end in 1 s");
    fail_with("sleep 100 & sleep 100; wait", "did not end in 1 s");
    fail_with("trap '' TERM INT; printf '<svg>' > f.svg.part; while :; do :; done", "did not end in 1 s");
    fail_with("head -c 3000000 /dev/zero | tr '\\0' 'x' >&2; exit 1", "gnuplot failed: xxxx");
    fail_with("while :; do echo flood; done >&2", "did not end in 1 s");
    struct text s = { 0 };
    simple_script(&s);
    struct plot_tool none = { .program = "/nonexistent/gnuplot", .seconds = 2 };
    check(plot_write_with(&none, home, "f", &s) == ERR_IO && strstr(err_text(), "CHORALE_GNUPLOT"), "missing: %s",
          err_text());
    none.program = "gnuplot";
    check(plot_write_with(&none, home, "f", &s) == ERR_USAGE && strstr(err_text(), "want an absolute path"), "%s",
          err_text());
    /* a child that outlives its parent's end but not its own keeps nothing waiting */
    struct plot_tool tool = fake("sleep 60 & printf '<svg></svg>' > f.svg.part", 30);
    double before = seconds_now();
    check(plot_write_with(&tool, home, "f", &s) == 0, "%s", err_text());
    check(seconds_now() - before < 20, "who else holds stderr is not waited for");
    text_free(&s);
}

/* The disk full: no file may grow beyond `bytes`.  In a child: the limit cannot be taken back by all. */
static void full_disk(void)
{
    static const rlim_t sizes[] = { 0, 100, 1000, 4096, 6000 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unlink(at(home, "full.svg"));
        pid_t child = fork();
        if (child == 0) {
            struct text s = { 0 };
            signal(SIGXFSZ, SIG_IGN);
            setrlimit(RLIMIT_FSIZE, &(struct rlimit){ sizes[i], sizes[i] });
            simple_script(&s);
            int rc = plot_write(home, "full", &s);
            text_free(&s);
            _exit(rc == ERR_IO && strlen(err_text()) > 0 ? 0 : 1);
        }
        int status;
        check(waitpid(child, &status, 0) == child && status == 0, "%zu bytes: status %x, want ERR_IO", (size_t)sizes[i],
              (unsigned)status);
        check(!exists(at(home, "full.svg")) && !exists(at(home, "full.svg.part")), "%zu bytes: no figure stays",
              (size_t)sizes[i]);
    }
}

static void failures(const char *folder)
{
    struct text s = { 0 };
    text_add(&s, "set terminal svg\nplot nonsense nonsense\n");
    check(plot_write(folder, "bad", &s) == ERR_IO && strstr(err_text(), "gnuplot failed"), "a bad script: %s",
          err_text());
    check(!exists(at(folder, "bad.svg")) && !exists(at(folder, "bad.svg.part")), "no figure of it stays");
    check(plot_write("/nonexistent/folder", "x", &s) == ERR_IO, "a missing folder: %s", err_text());
    check(plot_write(at(folder, "fake"), "x", &s) == ERR_IO, "a folder that is a file: %s", err_text());
    text_free(&s);
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
    check(curves_draw(&d, &m, &m, 560, &script) == 1, "no arm has both values: nothing to draw");
    text_free(&script);
}

/* bug: a curve joined the last setting of one strategy with the first of the next */
static void lines_within_a_strategy(void)
{
    static const char *const settings[] = { "temperature=0.5", "temperature=1", "temperature=1 | top_p=0.9",
                                            "top_p=0.95" };
    static const size_t lm[4] = { 0 }, setting[4] = { 0, 1, 2, 3 };
    static const bool frontier[4] = { false };
    static const char *const lms[] = { "prose" };
    const struct results_metric metric = { .name = "m" };
    struct interval values[4] = { { 1, 1, 1, 1 }, { 2, 2, 2, 1 }, { 3, 3, 3, 1 }, { 4, 4, 4, 1 } };
    struct summary_metric m = { .metric = &metric, .arms = values };
    struct summary s = { .n_arms = 4 };
    struct figure_data d = { .summary = &s,
                             .lms = lms,
                             .n_lms = 1,
                             .settings = settings,
                             .n_settings = 4,
                             .arm_lm = lm,
                             .arm_setting = setting,
                             .frontier = frontier };
    struct text script = { 0 };
    check(curves_draw(&d, &m, &m, 560, &script) == 0, "a figure");
    check(strstr(text_s(&script), "1 1 1 1 1 1 1\n2 2 2 2 2 2 2\n\n3 3 3 3 3 3 3\n\n4 4 4 4 4 4 4\nEOD"),
          "one line for the two temperatures, none between strategies: %s", text_s(&script));
    text_free(&script);
    static const char *const others[] = { "mirostat1(1, 0.1)", "mirostat2(1, 0.1)", "skew=-0.5", "skew=1e-05" };
    d.settings = others;
    check(curves_draw(&d, &m, &m, 560, &script) == 0, "a figure");
    check(strstr(text_s(&script), "1 1 1 1 1 1 1\n\n2 2 2 2 2 2 2\n\n3 3 3 3 3 3 3\n4 4 4 4 4 4 4\nEOD"),
          "digits of names tell strategies apart, signs and exponents do not: %s", text_s(&script));
    text_free(&script);
}

/* bug: the ninth lm had the colour and the points of the first */
static void lines_differ(void)
{
    struct text head = { 0 };
    plot_head(&head, 640, 360);
    for (int i = 1; i <= PLOT_LINES; i++)
        for (int k = 1; k < i; k++) {
            char a[32], b[32];
            snprintf(a, sizeof a, "set linetype %d lc", i);
            snprintf(b, sizeof b, "set linetype %d lc", k);
            const char *x = strstr(text_s(&head), a), *y = strstr(text_s(&head), b);
            check(x && y && strncmp(strstr(x, " lc"), strstr(y, " lc"), strlen(" lc rgb '#0072B2' lw 1.6 pt 14")) != 0,
                  "lines %d and %d", k, i);
        }
    check(FIGURE_LMS <= PLOT_LINES, "each curve has one");
    text_free(&head);
}

/* bug: numbers of settings whose points coincide were printed one over the other */
static void numbers_of_one_point(void)
{
    static const char *const settings[] = { "a", "b", "c" };
    static const size_t lm[3] = { 0 }, setting[3] = { 0, 1, 2 };
    static const bool frontier[3] = { false };
    static const char *const lms[] = { "prose" };
    const struct results_metric metric = { .name = "m" };
    struct interval values[3] = { { 1, 1, 1, 1 }, { 2, 2, 2, 1 }, { 1, 1, 1, 1 } };
    struct summary_metric m = { .metric = &metric, .arms = values };
    struct summary s = { .n_arms = 3 };
    struct figure_data d = { .summary = &s, .lms = lms, .n_lms = 1, .settings = settings, .n_settings = 3 };
    struct text script = { 0 };
    d.arm_lm = lm;
    d.arm_setting = setting;
    d.frontier = frontier;
    check(curves_draw(&d, &m, &m, 560, &script) == 0 && strstr(text_s(&script), " << EOD\n1 1 1,3\n2 2 2\nEOD"), "%s",
          text_s(&script));
    text_free(&script);
}

/* bug: long names were cut inside a character, and looked whole */
static void short_names(void)
{
    struct text t = { 0 };
    figure_short(&t, "\xe8\xaf\x97\xe8\xaf\x97", 4);
    check(strcmp(text_s(&t), "\xe8\xaf\x97\xe2\x80\xa6") == 0, "cut at a whole character, got %zu bytes", t.len);
    text_clear(&t);
    figure_short(&t, "prose", 5);
    check(strcmp(text_s(&t), "prose") == 0, "what fits stays");
    text_free(&t);
}

static void literals(void)
{
    static const struct {
        const char *s, *want, *tic;
    } cases[] = {
        { "plain", "'plain'", "'plain'" },   { "it's", "'it\xe2\x80\x99s'", "'it\xe2\x80\x99s'" },
        { "a\nb\x7f", "'a b '", "'a b '" },  { "5%", "'5%'", "'5%%'" },
        { "x\\", "'x\\ '", "'x\\ '" },       { "\xff\xc3", "'\xef\xbf\xbd\xef\xbf\xbd'", "'\xef\xbf\xbd\xef\xbf\xbd'" },
        { "\xe2\x80\xaex", "' x'", "' x'" }, { "", "''", "''" }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text t = { 0 };
        plot_string(&t, cases[i].s);
        check(strcmp(text_s(&t), cases[i].want) == 0, "literal %zu is %s", i, text_s(&t));
        text_clear(&t);
        plot_tic(&t, cases[i].s);
        check(strcmp(text_s(&t), cases[i].tic) == 0, "tic %zu is %s", i, text_s(&t));
        text_free(&t);
    }
}

static void svg_cases(void)
{
    static const struct {
        const char *s, *want; /* NULL: fine */
    } cases[] = {
        { "<?xml version=\"1.0\"?>\n<!DOCTYPE svg>\n<svg a=\"b\">\n<g id='x'><path d='M0'/>t &amp; &#169; "
          "&#xA9;</g></svg>\n",
          NULL },
        { "<svg><!-- <script> --></svg>", NULL },
        { "<svg><use xlink:href='#a'/></svg>", NULL },
        { "", "no end" },
        { "<svg>", "no end" },
        { "<svg><g></svg>", "closing of 'svg'" },
        { "<svg></svg><svg></svg>", "element 'svg'" },
        { "<svg></svg>text", "outside" },
        { "<g></g>", "element 'g'" },
        { "<svg><foreignObject/></svg>", "element 'foreignObject'" },
        { "<svg onload='x'></svg>", "attribute 'onload'" },
        { "<svg ONload='x'></svg>", "attribute 'ONload'" },
        { "<svg><use href='javascript:x'/></svg>", "reference out" },
        { "<svg><use xlink:href='http://x'/></svg>", "reference out" },
        { "<svg a=b></svg>", "without quotes" },
        { "<svg a></svg>", "without a value" },
        { "<svg a='</svg>", "'<' in the value" },
        { "<svg>&nbsp;</svg>", "entity" },
        { "<svg>a & b</svg>", "entity" },
        { "<svg>]]></svg>", "text ']]>'" },
        { "<svg>\x01</svg>", "character" },
        { "<svg>\xff</svg>", "character" },
        { "<svg><!-- </svg>", "no end of" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text why = { 0 };
        const char *got = svg_check(cases[i].s, strlen(cases[i].s), &why);
        check(cases[i].want ? got && strstr(got, cases[i].want) : !got, "svg %zu: %s, want %s", i, got ? got : "fine",
              cases[i].want ? cases[i].want : "fine");
        text_free(&why);
    }
}

int main(void)
{
    if (!mkdtemp(home))
        return 1;
    no_points();
    lines_differ();
    numbers_of_one_point();
    lines_within_a_strategy();
    short_names();
    literals();
    svg_cases();
    bad_gnuplots();
    if (system("command -v gnuplot >/dev/null 2>&1") == 0) {
        hostile_names(home);
        long_name(home);
        chinese(home);
        folders();
        full_disk();
        failures(home);
    } else {
        check_skip("plot", "gnuplot is not installed");
    }
    folder_remove(home, 1);
    return check_done("plot");
}
