/* A report is old or new, never half: failing figures, a full disk, interruptions, two at once. */
#include "base/err.h"
#include "base/folder.h"
#include "experiments/init.h"
#include "plots/report.h"
#include "tests/lib/check.h"
#include "tests/lib/program.h"
#include "tests/lib/results_file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char home[] = "/tmp/chorale-test-whole-XXXXXX";

static const char *at(const char *name)
{
    static struct text t[8];
    static size_t turn;
    struct text *path = &t[turn++ % 8];
    text_clear(path);
    text_addf(path, "%s/%s", home, name);
    return text_s(path);
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static void put(const char *name, const char *s)
{
    check(text_write_file(at(name), s, strlen(s)) == 0, "%s", err_text());
}

static void put_program(const char *name, const char *s)
{
    put(name, s);
    chmod(at(name), 0755);
}

static bool holds(const char *name, const char *want)
{
    struct text t = { 0 };
    bool ok = text_read_file(&t, at(name), 64 << 20) == 0 && strcmp(text_s(&t), want) == 0;
    text_free(&t);
    return ok;
}

/* An old report: files that can be told from any new one's. */
static void old_report(void)
{
    folder_remove(at("report"), 3);
    mkdir(at("report"), 0777);
    mkdir(at("report/figures"), 0777);
    put("report/index.html", "old page");
    put("report/arms.csv", "old table");
    put("report/arms.md", "old table too");
    put("report/figures/frontier.svg", "old figure");
    put("report/figures/mine.txt", "not of the report");
    put("report/notes.txt", "not of the report");
}

static size_t count(const char *folder)
{
    size_t n = 0;
    DIR *d = opendir(folder);
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n > 2 ? n - 2 : 0;
}

static void is_old(const char *when)
{
    check(holds("report/index.html", "old page") && holds("report/arms.csv", "old table") &&
              holds("report/arms.md", "old table too") && holds("report/figures/frontier.svg", "old figure"),
          "%s: the old report stays whole", when);
    check(count(at("report")) == 5 && count(at("report/figures")) == 2, "%s: %zu and %zu files, want 5 and 2", when,
          count(at("report")), count(at("report/figures")));
}

static void is_new(const char *when)
{
    struct text t = { 0 };
    check(text_read_file(&t, at("report/index.html"), 64 << 20) == 0 && t.len > 10000 &&
              strcmp(text_s(&t) + t.len - 15, "</body></html>\n") == 0,
          "%s: a whole page", when);
    check(count(at("report")) == 5 && count(at("report/figures")) == 11, "%s: %zu and %zu files, want 5 and 11", when,
          count(at("report")), count(at("report/figures")));
    check(holds("report/notes.txt", "not of the report") && holds("report/figures/mine.txt", "not of the report"),
          "%s: other files are not touched", when);
    text_free(&t);
}

static const char *const command[] = { "report", NULL, "--out", NULL, NULL };

static void start(struct program *p)
{
    const char *argv[5];
    memcpy(argv, command, sizeof command);
    argv[1] = at("small.h5");
    argv[3] = at("report");
    program_start(p, argv);
}

static void run(const char *when, int code, const char *want)
{
    struct program p;
    start(&p);
    program_wait(&p, 120);
    check(p.code == code && strstr(text_s(&p.said), want), "%s: %d, %s; want %d, %s", when, p.code, text_s(&p.said),
          code, want);
    program_free(&p);
}

static void failing_figures(void)
{
    static const struct {
        const char *program, *want;
    } cases[] = { { "#!/bin/sh\nexit 3\n", "gnuplot failed" },
                  { "#!/bin/sh\nkill -SEGV $$\n", "ended by a signal" },
                  { "#!/bin/sh\nprintf '<svg>' > frontier.svg.part\n", "no whole figure" },
                  /* the first figure succeeds, the second does not */
                  { "#!/bin/sh\nprintf '<svg></svg>' > frontier.svg.part\n", "figure quality: " } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_program("fake", cases[i].program);
        setenv("CHORALE_GNUPLOT", at("fake"), 1);
        old_report();
        run(cases[i].want, 4, cases[i].want);
        is_old(cases[i].want);
    }
    setenv("CHORALE_GNUPLOT", "/nonexistent", 1);
    run("missing", 4, "which CHORALE_GNUPLOT names");
    is_old("missing");
    setenv("CHORALE_GNUPLOT", "gnuplot", 1);
    run("relative", 2, "want an absolute path");
    is_old("relative");
    unsetenv("CHORALE_GNUPLOT");
}

/* No file may grow beyond a size: the tables, the first figure, a later one, the page. */
static void full_disk(void)
{
    static const size_t sizes[] = { 100, 2000, 6000, 20000, 30000, 60000 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        old_report();
        program_limit_files(sizes[i]);
        run("full disk", 4, "chorale: ");
        program_limit_files(0);
        is_old("full disk");
    }
}

static void bad_folders(void)
{
    put("file", "a file");
    struct results *r = results_open(at("small.h5"));
    check(r && report_write(r, at("file")) == ERR_IO, "a file for a folder: %s", err_text());
    check(holds("file", "a file"), "it stays");
    check(r && report_write(r, at("no/such/folder")) == 0 && exists(at("no/such/folder/index.html")),
          "folders on the way are made: %s", err_text());
    folder_remove(at("no"), 4);
    check(r && report_write(r, "/proc/chorale") == ERR_IO, "/proc: %s", err_text());
    old_report();
    unlink(at("report/index.html"));
    mkdir(at("report/index.html"), 0777);
    check(r && report_write(r, at("report")) == ERR_IO && !exists(at("report/.part")), "a folder for the page: %s",
          err_text());
    rmdir(at("report/index.html"));
    results_close(r);
    setenv("CHORALE_GNUPLOT", "/bin/false", 1);
    struct program p;
    program_run(&p, (const char *const[]){ "report", at("small.h5"), "--out", at("fresh"), NULL });
    check(p.code == 4 && !exists(at("fresh")), "a folder made for a report that failed goes");
    unsetenv("CHORALE_GNUPLOT");
    program_free(&p);
}

/* bug: a run folder from a stranger with a link in place of its report, or of the figures in it: files of ours were
 * overwritten, and others removed, wherever it led. */
static void links_lead_out(void)
{
    struct program p;
    mkdir(at("elsewhere"), 0777);
    put("elsewhere/index.html", "mine");
    put("elsewhere/tasks.csv", "mine too");
    check(symlink(at("elsewhere"), at("small.h5.report")) == 0, "%s", strerror(errno));
    program_run(&p, (const char *const[]){ "report", at("small.h5"), NULL });
    check(p.code == 3 && strstr(text_s(&p.said), "small.h5.report: a symbolic link, want a folder"), "%d, %s", p.code,
          text_s(&p.said));
    program_free(&p);
    unlink(at("small.h5.report"));
    old_report();
    check(rename(at("report/figures"), at("figures")) == 0 && symlink(at("elsewhere"), at("report/figures")) == 0, "%s",
          strerror(errno));
    run("linked figures", 3, "report/figures: a symbolic link, want a folder");
    check(holds("report/index.html", "old page"), "the old page stays");
    unlink(at("report/figures"));
    check(count(at("elsewhere")) == 2 && holds("elsewhere/index.html", "mine"), "nothing is written through a link");
    folder_remove(at("figures"), 1);
    folder_remove(at("report"), 2);
    unlink(at("elsewhere/tasks.csv"));
    check(symlink(at("elsewhere"), at("report")) == 0, "%s", strerror(errno));
    run("a link of the reader's own", 0, "index.html"); /* --out */
    unlink(at("report"));
    folder_remove(at("elsewhere"), 2);
}

static void two_at_once(void)
{
    old_report();
    int fd = open(at("report"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check(flock(fd, LOCK_EX) == 0, "held");
    run("two at once", 6, "another report is being written there");
    is_old("two at once");
    close(fd);
}

static void wait_for(const char *path)
{
    for (int i = 0; i < 6000 && !exists(path); i++)
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    check(exists(path), "%s comes", path);
}

/* The process whose id the fake gnuplot wrote is gone. */
static void is_gone(const char *when)
{
    struct text t = { 0 };
    uint64_t pid = 0;
    check(text_read_file(&t, at("pid"), 100) == 0, "%s: %s", when, err_text());
    if (t.len > 0)
        t.s[--t.len] = '\0';
    check(text_u64(text_s(&t), &pid), "%s: a process id", when);
    for (int i = 0; i < 500 && kill((pid_t)pid, 0) == 0; i++) {
        struct text stat = { 0 }, path = { 0 };
        text_addf(&path, "/proc/%llu/stat", (unsigned long long)pid);
        bool zombie = text_read_file(&stat, text_s(&path), 4096) == 0 && strstr(text_s(&stat), ") Z");
        text_free(&stat);
        text_free(&path);
        if (zombie) /* ended; whoever adopted it has not looked yet */
            break;
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
        check(i < 499, "%s: gnuplot's process %llu goes with the report", when, (unsigned long long)pid);
    }
    text_free(&t);
}

static void interrupted(int number, int code)
{
    struct program p;
    old_report();
    unlink(at("pid"));
    start(&p);
    wait_for(at("pid"));
    kill(p.pid, number);
    program_wait(&p, 30);
    check(p.code == code, "signal %d: %d in %.1f s, want %d: %s", number, p.code, p.seconds, code, text_s(&p.said));
    is_gone(strsignal(number));
    program_free(&p);
}

/* bug: under nohup a closed terminal ended the report */
static void nohup(void)
{
    struct program p;
    void (*before)(int) = signal(SIGHUP, SIG_IGN);
    old_report();
    unlink(at("pid"));
    start(&p);
    wait_for(at("pid"));
    kill(p.pid, SIGHUP);
    nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    kill(p.pid, SIGINT);
    program_wait(&p, 30);
    check(p.code == 130, "SIGHUP under nohup, then SIGINT: %d: %s", p.code, text_s(&p.said));
    is_gone("nohup");
    program_free(&p);
    signal(SIGHUP, before);
}

static void interruptions(void)
{
    struct text t = { 0 };
    text_addf(&t, "#!/bin/sh\nprintf '<svg>' > frontier.svg.part\necho $$ > %s.new; mv %s.new %s\nexec sleep 1000\n",
              at("pid"), at("pid"), at("pid"));
    put_program("fake", text_s(&t));
    text_free(&t);
    setenv("CHORALE_GNUPLOT", at("fake"), 1);
    interrupted(SIGINT, 130);
    is_old("SIGINT");
    interrupted(SIGTERM, 143);
    is_old("SIGTERM");
    interrupted(SIGHUP, 143);
    is_old("SIGHUP");
    nohup();
    is_old("nohup");
    interrupted(SIGKILL, 128 + SIGKILL); /* what it left, the next report removes */
    unsetenv("CHORALE_GNUPLOT");
    check(exists(at("report/.part")) && holds("report/index.html", "old page"),
          "SIGKILL leaves .part and the old report");
    run("after SIGKILL", 0, "index.html");
    is_new("after SIGKILL");
    check(!exists(at("report/.part")), "the next report removes what was left");
}

/* A reader that has gone is no error of the report. */
static void gone_reader(void)
{
    struct program p;
    old_report();
    program_close_stdout(true);
    start(&p);
    program_wait(&p, 120);
    program_close_stdout(false);
    check(p.code == 4 && p.said.len == 0, "a gone reader: %d, '%s'", p.code, text_s(&p.said));
    is_new("a gone reader");
    program_free(&p);
}

/* The same bytes twice; figures that the new results have no data for go. */
static void twice(void)
{
    struct text first = { 0 }, second = { 0 };
    old_report();
    put("report/figures/reliability.svg", "of an old run");
    run("once", 0, "index.html");
    is_new("once");
    text_read_file(&first, at("report/index.html"), 64 << 20);
    run("twice", 0, "index.html");
    text_read_file(&second, at("report/index.html"), 64 << 20);
    check(first.len > 0 && strcmp(text_s(&first), text_s(&second)) == 0, "the same results give the same page");
    struct results_file f = { .n_arms = 4, .n_items = 3, .n_draws = 1, .n_lms = 2, .symbols = 4 };
    check(results_file_write(at("small.h5"), &f) == 0, "%s", err_text());
    run("without fits", 0, "index.html");
    check(!exists(at("report/figures/reliability.svg")) && !exists(at("report/figures/reliability.gp")),
          "a figure without data is not the old one");
    text_free(&first);
    text_free(&second);
}

int main(void)
{
    struct results_file f = {
        .n_arms = 6, .n_items = 5, .n_draws = 2, .n_lms = 3, .symbols = 12, .voices = 2, .n_fits = 2
    };
    setenv("ASAN_OPTIONS", "detect_leaks=0", 0);
    init_libraries();
    if (system("command -v gnuplot >/dev/null 2>&1") != 0)
        check_skip("report_whole", "gnuplot is not installed");
    if (!mkdtemp(home))
        return 1;
    setenv("TMPDIR", home, 1); /* a report that is killed leaves an empty folder there */
    check(results_file_write(at("small.h5"), &f) == 0, "%s", err_text());
    failing_figures();
    full_disk();
    bad_folders();
    links_lead_out();
    two_at_once();
    interruptions();
    gone_reader();
    twice();
    folder_remove(home, 4);
    return check_done("report_whole");
}
