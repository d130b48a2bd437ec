/* The report of results whose every name and text is hostile: nothing in them runs, nothing becomes markup. */
#include "base/err.h"
#include "base/folder.h"
#include "experiments/init.h"
#include "plots/report.h"
#include "plots/report_tables.h"
#include "plots/svg.h"
#include "tests/lib/check.h"
#include "tests/lib/results_file.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char home[] = "/tmp/chorale-test-hostile-XXXXXX";

static bool exists(const char *folder, const char *name)
{
    struct text t = { 0 };
    struct stat st;
    text_addf(&t, "%s/%s", folder, name);
    bool there = lstat(text_s(&t), &st) == 0;
    text_free(&t);
    return there;
}

static void read_file(struct text *out, const char *folder, const char *name)
{
    struct text path = { 0 };
    text_addf(&path, "%s/%s", folder, name);
    check(text_read_file(out, text_s(&path), 64 << 20) == 0, "%s: %s", name, err_text());
    text_free(&path);
}

static struct results *open_hostile(const char *folder)
{
    struct results_file f = { .n_arms = 40,
                              .n_items = 12,
                              .n_draws = 2,
                              .n_lms = 20,
                              .symbols = 12,
                              .voices = 2,
                              .n_fits = 9,
                              .n_tasks = 3,
                              .names = results_file_hostile,
                              .n_names = results_file_n_hostile };
    struct text path = { 0 };
    text_addf(&path, "%s/hostile.h5", folder);
    check(results_file_write(text_s(&path), &f) == 0, "the file is written: %s", err_text());
    struct results *r = results_open(text_s(&path));
    check(r != NULL, "it opens: %s", err_text());
    text_free(&path);
    return r;
}

/* A parser that is not ours, where there is one. */
static void parse(const char *folder)
{
    pid_t child = fork();
    if (child == 0) {
        execl("/usr/bin/python3", "python3", CHORALE_HOME "/tests/fixtures/report/page.py", folder, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    waitpid(child, &status, 0);
    check(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 127), "%s parses as it should",
          folder);
}

/* bug: names of metrics stood on the page as they were */
static void page_of(const char *folder)
{
    struct text page = { 0 };
    read_file(&page, folder, "index.html");
    check(strstr(text_s(&page), "<img src=x") == NULL, "no markup out of a name");
    check(strstr(text_s(&page), "&lt;img src=x onerror=alert(1)&gt;") != NULL, "it is shown as text");
    size_t scripts = 0;
    for (const char *c = text_s(&page); (c = strstr(c, "<script")); c++)
        scripts++;
    check(scripts == 2, "%zu scripts, want the page's own and its JSON", scripts);
    text_free(&page);
}

static void figures_of(const char *folder)
{
    static const char *const names[] = { "frontier",    "quality",         "bars",
                                         "reliability", "frontier-task-1", "frontier-task-3" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct text path = { 0 }, svg = { 0 }, why = { 0 };
        text_addf(&path, "figures/%s.svg", names[i]);
        read_file(&svg, folder, text_s(&path));
        check(!svg_check(text_s(&svg), svg.len, &why), "%s: %s", names[i], text_s(&why));
        check(i == 1 || strstr(text_s(&svg), "touch " RESULTS_FILE_CANARY), "%s shows the names", names[i]);
        text_free(&path);
        text_free(&svg);
        text_free(&why);
    }
}

static void report_into(struct results *r, const char *name)
{
    struct text folder = { 0 };
    text_addf(&folder, "%s/%s", home, name);
    check(report_write(r, text_s(&folder)) == 0, "report into '%s': %s", name, err_text());
    check(!exists(text_s(&folder), ".part"), "nothing else stays");
    page_of(text_s(&folder));
    figures_of(text_s(&folder));
    parse(text_s(&folder));
    check(!exists(text_s(&folder), RESULTS_FILE_CANARY) && !exists(home, RESULTS_FILE_CANARY) &&
              !exists(".", RESULTS_FILE_CANARY),
          "no name was run");
    text_clear(&folder);
    text_addf(&folder, "%s/%s/figures", home, name);
    check(!exists(text_s(&folder), RESULTS_FILE_CANARY), "no name was run");
    text_free(&folder);
}

/* bug: names out of a file could steer the terminal */
static void summary_lines(struct results *r)
{
    struct summary s;
    struct text t = { 0 };
    summary_of(r, &s);
    report_summary(r, &s, &t);
    size_t controls = 0, lines = 0;
    for (size_t i = 0; i < t.len; i++) {
        controls += (unsigned char)t.s[i] < 0x20 && t.s[i] != '\n';
        lines += t.s[i] == '\n';
    }
    check(controls == 0 && lines == 12 && t.len < 8000, "%zu controls, %zu lines, %zu bytes", controls, lines, t.len);
    check(!strstr(text_s(&t), "\xe2\x80\xae") && !strstr(text_s(&t), "\xc2\x9b"), "it steers: %s", text_s(&t));
    summary_fini(&s);
    text_free(&t);
}

static void cells(void)
{
    static const struct {
        const char *s, *csv, *markdown;
    } cases[] = { { "plain", "\"plain\"", "plain" },
                  { "=1+1", "\"'=1+1\"", "=1+1" },
                  { "+1", "\"'+1\"", "+1" },
                  { "-1", "\"'-1\"", "-1" },
                  { "@llamacpp | top_k=40", "\"'@llamacpp | top_k=40\"", "`@llamacpp \\| top_k=40`" },
                  { "\t=1", "\"'\t=1\"", "` =1`" },
                  { "a\"b,c\nd", "\"a\"\"b,c\nd\"", "`a\"b,c d`" },
                  { "a|b", "\"a|b\"", "`a\\|b`" },
                  { "a`b``c", "\"a`b``c\"", "``` a`b``c ```" },
                  { "<b>", "\"<b>\"", "`<b>`" },
                  { "http://x", "\"http://x\"", "`http://x`" },
                  { "\xff\x1b[0m", "\"\xef\xbf\xbd [0m\"", "`\xef\xbf\xbd [0m`" },
                  { "", "\"\"", "` `" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text t = { 0 };
        report_csv_cell(&t, cases[i].s);
        check(strcmp(text_s(&t), cases[i].csv) == 0, "CSV %zu: %s", i, text_s(&t));
        text_clear(&t);
        report_markdown_cell(&t, cases[i].s);
        check(strcmp(text_s(&t), cases[i].markdown) == 0, "Markdown %zu: %s", i, text_s(&t));
        text_free(&t);
    }
}

int main(void)
{
    init_libraries();
    if (!mkdtemp(home) || chdir(home) != 0)
        return 1;
    cells();
    if (system("command -v gnuplot >/dev/null 2>&1") != 0)
        check_skip("report_hostile", "gnuplot is not installed");
    struct results *r = open_hostile(home);
    if (r) {
        summary_lines(r);
        report_into(r, "report");
        report_into(r, "it's a \"folder\"\n`touch " RESULTS_FILE_CANARY "` \xe8\xaf\x97\xe9\x9b\x86");
    }
    results_close(r);
    folder_remove(home, 4);
    return check_done("report_hostile");
}
