/* report and compare on damaged and hostile results files: a message and exit status 7, whatever the HDF5 library does.
 *
 * A real small results.h5 is damaged by bit flips, truncations, overwrites of 16 bytes and stretches moved elsewhere; the
 * program reads each.  120 trials, under the sanitizers 40; CHORALE_LONG: 4,000 and 1,500. */
#include "base/err.h"
#include "base/folder.h"
#include "base/rng.h"
#include "experiments/init.h"
#include "tests/lib/check.h"
#include "tests/lib/program.h"
#include "tests/lib/results_file.h"
#include <errno.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char home[] = "/tmp/chorale-test-guard-XXXXXX";

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

/* A run of two exact tables and their pool. */
static void make_run(void)
{
    struct text set = { 0 };
    struct program p;
    mkdir(at("letters"), 0777);
    put("letters/README.md", "# Letters\n");
    put("letters/evalset.json",
        "{\"name\":\"letters\",\"kind\":\"generate\",\"lang\":[\"en\"],\"metrics\":[\"distinct_1\"]}\n");
    put("letters/items.jsonl",
        "{\"id\":\"ab\",\"lang\":\"en\",\"text\":\"ab\"}\n{\"id\":\"c\",\"lang\":\"en\",\"text\":\"c\"}\n");
    text_addf(&set, "dir=%s", home);
    program_run(&p, (const char *const[]){ "run", CHORALE_HOME "/tests/fixtures/interop/tables.lua", "--set",
                                           text_s(&set), "--out", at("run"), "--no-report", "--quiet", NULL });
    check(p.code == 0, "the run: %d, %s", p.code, text_s(&p.said));
    program_free(&p);
    text_free(&set);
}

/* A stack of a sanitizer's report: whose fault?  Frames of the library near its top are the library's. */
static bool is_library(const char *report)
{
    const char *frame = strstr(report, "#0 ");
    for (int i = 0; frame && i < 6; i++) {
        const char *end = strchr(frame, '\n');
        size_t n = end ? (size_t)(end - frame) : strlen(frame);
        if (memmem(frame, n, "libhdf5", 7))
            return true;
        frame = end ? end + 1 : NULL;
    }
    return false;
}

struct tally {
    size_t trials, fine, refused, crashed, hung, memory, most_kb;
    double longest;
};

static void judge(struct tally *t, const struct program *p, const char *what, size_t trial)
{
    const char *said = text_s(&p->said), *sanitizer = strstr(said, "AddressSanitizer");
    bool crashed = strstr(said, "crashed") != NULL, hung = strstr(said, "did not end in") != NULL;
    t->trials++;
    t->fine += p->code == 0;
    t->crashed += crashed;
    t->hung += hung;
    t->memory += p->code == 5;
    t->refused += p->code == 7 && !crashed && !hung;
    t->most_kb = p->most_kb > t->most_kb ? p->most_kb : t->most_kb;
    t->longest = p->seconds > t->longest ? p->seconds : t->longest;
    check(p->code == 0 || p->code == 2 || p->code == 3 || p->code == 5 || p->code == 7, "%s %zu: %d in %.1f s: %s",
          what, trial, p->code, p->seconds, said);
    check(p->code == 0 || strstr(said, "chorale: "), "%s %zu: %d without a message: %s", what, trial, p->code, said);
    check(!strstr(said, "runtime error") && (!sanitizer || is_library(sanitizer)), "%s %zu: a fault of ours: %s", what,
          trial, said);
    check(!strstr(said, "after reading it"), "%s %zu: it crashed after reading: %s", what, trial, said);
}

static uint32_t below(const struct rng_key *k, uint32_t index, size_t n)
{
    uint32_t words[4];
    rng_words(k, index, words);
    return (uint32_t)(((uint64_t)words[0] * n) >> 32);
}

static const char *damage(struct text *file, size_t trial)
{
    struct rng_address address = { .seed = 4, .item = trial, .purpose = RNG_TEST };
    struct rng_key k = rng_key(&address);
    size_t n = file->len, place = below(&k, 0, n), other = below(&k, 1, n);
    switch (trial % 4) {
    case 0:
        for (uint32_t i = 0; i <= below(&k, 2, 4); i++)
            file->s[below(&k, 10 + i, n)] ^= (char)(1u << below(&k, 20 + i, 8));
        return "bits";
    case 1: file->len = place; return "cut";
    case 2:
        for (uint32_t i = 0; i < 16 && place + i < n; i++)
            file->s[place + i] = (char)below(&k, 30 + i, 256);
        return "bytes";
    default:
        for (size_t i = 0; i < 64 && place + i < n && other + i < n; i++)
            file->s[place + i] = file->s[other + i];
        return "moved";
    }
}

static void read_damaged(struct tally *t, size_t trial)
{
    static const char *const compare[] = { "compare",      NULL, "--arm", "a: temperature=0", "--arm", "b: top_p=0.9",
                                           "--open-limit", "5",  NULL };
    static const char *const report[] = { "report", NULL, "--quiet", "--open-limit", "5", NULL };
    const char *argv[10];
    struct text file = { 0 };
    struct program p;
    bool is_report = trial % 10 == 9;
    check(text_read_file(&file, at("run/results.h5"), 64 << 20) == 0, "%s", err_text());
    const char *what = damage(&file, trial);
    check(text_write_file(at("damaged.h5"), text_s(&file), file.len) == 0, "%s", err_text());
    memcpy(argv, is_report ? report : compare, is_report ? sizeof report : sizeof compare);
    argv[1] = at("damaged.h5");
    program_run(&p, argv);
    judge(t, &p, what, trial);
    check(!exists(at("damaged.h5.report/.part")), "%s %zu: nothing half-written stays", what, trial);
    program_free(&p);
    text_free(&file);
}

static void campaign(void)
{
    struct tally t = { 0 };
    size_t n = getenv("CHORALE_LONG") ? 4000 : 120;
#ifdef CHORALE_SANITIZED
    n = n == 120 ? 40 : 1500;
#endif
    for (size_t trial = 0; trial < n; trial++)
        read_damaged(&t, trial);
    printf("report_guard: %zu damaged files: %zu read, %zu refused, %zu crashes and %zu hangs of the library caught, "
           "%zu out "
           "of memory; longest %.1f s, most memory %zu MB\n",
           t.trials, t.fine, t.refused, t.crashed, t.hung, t.memory, t.longest, t.most_kb >> 10);
    check(t.fine > 0 && t.refused > 0, "some are read, some refused");
}

static void expect(int code, const char *want, const char *const argv[])
{
    struct program p;
    program_run(&p, argv);
    check(p.code == code && strstr(text_s(&p.said), want), "%s %s: %d, %s; want %d, %s", argv[0], argv[1], p.code,
          text_s(&p.said), code, want);
    check(p.seconds < 60, "%s: %.1f s", argv[1], p.seconds);
    program_free(&p);
}

static void copy(const char *to)
{
    struct text file = { 0 };
    check(text_read_file(&file, at("run/results.h5"), 64 << 20) == 0 &&
              text_write_file(at(to), text_s(&file), file.len) == 0,
          "%s", err_text());
    text_free(&file);
}

static const char secret[] = "a text of the reader's own that a report must not show to others";

/* What leads out of the file: in place of /text/bytes, an array somewhere else. */
static void leads_out(const char *name, const char *want, void (*lead)(hid_t file, hsize_t n))
{
    copy(name);
    hid_t file = H5Fopen(at(name), H5F_ACC_RDWR, H5P_DEFAULT), set = H5Dopen2(file, "/text/bytes", H5P_DEFAULT);
    hid_t space = H5Dget_space(set);
    hsize_t n = 0;
    H5Sget_simple_extent_dims(space, &n, NULL);
    H5Sclose(space);
    H5Dclose(set);
    check(H5Ldelete(file, "/text/bytes", H5P_DEFAULT) >= 0, "%s: the old array goes", name);
    lead(file, n);
    check(H5Fclose(file) >= 0, "%s is written", name);
    expect(7, want, (const char *const[]){ "report", at(name), NULL });
    struct text page = { 0 };
    text_addf(&page, "%s.report/index.html", at(name));
    check(!exists(text_s(&page)), "%s: no report", name);
    text_free(&page);
}

static void lead_storage(hid_t file, hsize_t n)
{
    hid_t create = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, &n, NULL);
    H5Pset_external(create, at("secret"), 0, n);
    hid_t set = H5Dcreate2(file, "/text/bytes", H5T_STD_U8LE, space, H5P_DEFAULT, create, H5P_DEFAULT);
    check(set >= 0, "external storage");
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(create);
}

static void lead_link(hid_t file, hsize_t n)
{
    (void)n;
    check(H5Lcreate_external(at("run/results.h5"), "/text/bytes", file, "/text/bytes", H5P_DEFAULT, H5P_DEFAULT) >= 0,
          "an external link");
}

static void lead_soft(hid_t file, hsize_t n)
{
    (void)n;
    check(H5Lcreate_soft("/tokens/ids", file, "/text/bytes", H5P_DEFAULT, H5P_DEFAULT) >= 0, "a soft link");
}

static void lead_virtual(hid_t file, hsize_t n)
{
    hid_t create = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, &n, NULL);
    H5Pset_virtual(create, space, at("run/results.h5"), "/text/bytes", space);
    hid_t set = H5Dcreate2(file, "/text/bytes", H5T_STD_U8LE, space, H5P_DEFAULT, create, H5P_DEFAULT);
    check(set >= 0, "a virtual array");
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(create);
}

/* An array that claims more than the file has bytes for: 2^40 elements, none stored. */
static void lead_nowhere(hid_t file, hsize_t n)
{
    hsize_t most = (hsize_t)1 << 40, chunk = 65536;
    hid_t create = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, &most, NULL);
    (void)n;
    H5Pset_chunk(create, 1, &chunk);
    hid_t set = H5Dcreate2(file, "/text/bytes", H5T_STD_U8LE, space, H5P_DEFAULT, create, H5P_DEFAULT);
    check(set >= 0, "a huge array");
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(create);
}

/* bug: a plan without names, as a tampered one may be, was a crash of our own */
static void tampered_plan(void)
{
    static const char *const plans[] = {
        "{\"what\":{\"lms\":[{}],\"creativity\":[1],\"control\":[null]}}",
        "{\"what\":{\"lms\":[{\"id\":\"a\",\"voices\":[{},3,{\"name\":4}]}],\"fits\":[1,2,3],\"evalsets\":[7]}}",
        "{\"what\":{\"name\":[],\"lms\":{},\"creativity\":{},\"fits\":7},\"from\":{\"script\":{\"text\":{}}}}",
    };
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        const char *value = plans[i];
        copy("plan.h5");
        hid_t file = H5Fopen(at("plan.h5"), H5F_ACC_RDWR, H5P_DEFAULT), type = H5Tcopy(H5T_C_S1);
        hid_t space = H5Screate(H5S_SCALAR);
        H5Tset_size(type, H5T_VARIABLE);
        H5Tset_cset(type, H5T_CSET_UTF8);
        H5Adelete(file, "plan");
        hid_t a = H5Acreate2(file, "plan", type, space, H5P_DEFAULT, H5P_DEFAULT);
        check(H5Awrite(a, type, &value) >= 0, "plan %zu is written", i);
        H5Aclose(a);
        H5Sclose(space);
        H5Tclose(type);
        H5Fclose(file);
        expect(0, "index.html", (const char *const[]){ "report", at("plan.h5"), NULL });
    }
}

static void no_files(void)
{
    check(mkfifo(at("fifo.h5"), 0666) == 0, "%s", strerror(errno));
    expect(7, "no regular file", (const char *const[]){ "report", at("fifo.h5"), NULL });
    expect(7, "no regular file", (const char *const[]){ "compare", "/dev/zero", at("run"), NULL });
    expect(4, "no such results", (const char *const[]){ "report", at("none"), NULL });
    put("empty.h5", "");
    expect(7, "not a results file", (const char *const[]){ "report", at("empty.h5"), NULL });
    struct results_file f = { .n_arms = 10, .n_items = 3000, .n_draws = 4, .n_lms = 2, .symbols = 8 };
    check(results_file_write(at("slow.h5"), &f) == 0, "%s", err_text());
    expect(7, "did not end in 0.001 s (--open-limit gives it more)",
           (const char *const[]){ "compare", at("slow.h5"), at("slow.h5"), "--open-limit", "0.001", NULL });
    expect(2, "open-limit", (const char *const[]){ "report", at("run"), "--open-limit", "soon", NULL });
}

/* A run that has no results.h5 yet is compacted aside, and nothing of that stays. */
static void unfinished(void)
{
    check(rename(at("run/results.h5"), at("kept.h5")) == 0, "%s", strerror(errno));
    expect(0, "B - A", (const char *const[]){ "compare", at("run"), at("kept.h5"), NULL });
    check(rename(at("kept.h5"), at("run/results.h5")) == 0, "%s", strerror(errno));
}

int main(void)
{
    setenv("ASAN_OPTIONS", "allocator_may_return_null=1:detect_leaks=0:abort_on_error=0", 0);
    init_libraries();
    if (!mkdtemp(home))
        return 1;
    setenv("TMPDIR", home, 1); /* so that what is left there is seen */
    make_run();
    put("secret", secret);
    leads_out("storage.h5", "keeps its data in another file", lead_storage);
    leads_out("link.h5", "is a link to elsewhere", lead_link);
    leads_out("soft.h5", "is a link to elsewhere", lead_soft);
    leads_out("virtual.h5", "keeps its data in another file", lead_virtual);
    leads_out("huge.h5", "cannot read '/text/bytes'", lead_nowhere);
    if (system("command -v gnuplot >/dev/null 2>&1") == 0)
        tampered_plan();
    no_files();
    unfinished();
    campaign();
    check(system("ls -d \"$TMPDIR\"/chorale-?????? >/dev/null 2>&1") != 0, "no temporary folder stays");
    folder_remove(home, 4);
    return check_done("report_guard");
}
