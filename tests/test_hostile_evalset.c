/* Evalset folders from anywhere: links, pipes and folders in place of files, sizes, numbers, encodings, names; and stored
 * plans.  Each ends in a message that names file and line and in ERR_DATA.  (test_evalset breaks every rule of the schema.) */
#include "base/doc.h"
#include "base/err.h"
#include "base/text.h"
#include "evalsets/evalset.h"
#include "experiments/plan.h"
#include "tests/lib/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/chorale-hostile-XXXXXX";
static const char meta[] = "{\"name\":\"t\",\"kind\":\"choice\",\"lang\":[\"en\"],\"metrics\":[\"brier\"]}";
#define GOOD "{\"id\":\"good\",\"lang\":\"en\",\"text\":\"a\",\"choices\":[\"b\",\"c\"],\"gold\":0}\n"

static const char *path_of(const char *name)
{
    static struct text path;
    text_clear(&path);
    text_addf(&path, "%s/%s", folder, name);
    return text_s(&path);
}

static void write_file(const char *name, const char *bytes, size_t n)
{
    unlink(path_of(name));
    FILE *f = fopen(path_of(name), "wb");
    check(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0, "write %s", name);
}

static void refused(int code, const char *what)
{
    struct evalset *e = evalset_open(folder);
    check(!e && err_code() == code, "refused with %d (%s), got %d", code, what, err_code());
    check(e || strstr(err_text(), what), "want '%s' in '%.300s'", what, err_text());
    evalset_close(e);
}

static void refused_items(const char *items, size_t n, const char *what)
{
    write_file("items.jsonl", items, n);
    refused(ERR_DATA, what);
}

static void usual(void)
{
    write_file("evalset.json", meta, strlen(meta));
    write_file("items.jsonl", GOOD, strlen(GOOD));
    write_file("README.md", "# T\n\nWhat it is.\n", 17);
}

/* A name in the folder that is no plain file. */
static void replaced(const char *name, const char *what)
{
    unlink(path_of(name));
    check(symlink("/etc/passwd", path_of(name)) == 0, "a link");
    refused(ERR_DATA, "a symbolic link, want a regular file");
    unlink(path_of(name));
    check(mkfifo(path_of(name), 0600) == 0, "a pipe");
    refused(ERR_DATA, what); /* bug: waited for ever for somebody to write */
    unlink(path_of(name));
    check(mkdir(path_of(name), 0700) == 0, "a folder");
    refused(ERR_DATA, what);
    rmdir(path_of(name));
    check(symlink("/dev/zero", path_of(name)) == 0, "a device");
    refused(ERR_DATA, "a symbolic link");
    unlink(path_of(name));
    usual();
}

static void test_files(void)
{
    usual();
    struct evalset *e = evalset_open(folder);
    check(e && strcmp(e->readme, "What it is.") == 0, "the usual opens: %s", e ? e->readme : err_text());
    evalset_close(e);
    replaced("items.jsonl", "items.jsonl: no plain file, want a regular file");
    replaced("README.md", "README.md: no plain file, want a regular file");
    unlink(path_of("evalset.json"));
    check(symlink("/etc/passwd", path_of("evalset.json")) == 0, "a link");
    refused(ERR_DATA, "a symbolic link");
    unlink(path_of("evalset.json"));
    check(mkfifo(path_of("evalset.json"), 0600) == 0, "a pipe");
    refused(ERR_DATA, "no evalset.json in this folder");
    usual();
    unlink(path_of("items.jsonl"));
    refused(ERR_IO, "items.jsonl: cannot open: No such file");
    usual();
}

static void test_numbers(void)
{
    static const char *const numbers[][2] = {
        { "NaN", "invalid token near 'NaN'" },
        { "Infinity", "invalid token near 'Infinity'" },
        { "1e400", "real number overflow" },
        { "-1", "'gold' is -1, want 0 to 1" },
        { "2", "'gold' is 2, want 0 to 1" },
        { "0.0", "'gold' is a number, want an integer" },
        { "9223372036854775807", "'gold' is 9223372036854775807, want 0 to 1" },
        { "9223372036854775808", "too big integer" },
        { "\"0\"", "'gold' is a string, want an integer" },
        { "null", "'gold' is missing" },
        { "true", "'gold' is true, want an integer" },
        { "[0]", "'gold' is an array" },
    };
    struct text t = { 0 };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        text_clear(&t);
        text_addf(&t, GOOD "{\"id\":\"x\",\"lang\":\"en\",\"text\":\"a\",\"choices\":[\"b\",\"c\"],\"gold\":%s}\n",
                  numbers[i][0]);
        refused_items(text_s(&t), t.len, "items.jsonl:2:");
        check(strstr(err_text(), numbers[i][1]) != NULL, "want '%s' in '%s'", numbers[i][1], err_text());
    }
    text_free(&t);
}

static void test_lines(void)
{
    struct text t = { 0 };
    refused_items("", 0, "items.jsonl: no items");
    refused_items("\n", 1, "items.jsonl:1:");
    refused_items("\xef\xbb\xbf" GOOD, strlen(GOOD) + 3, "items.jsonl:1:1:1: begins with a byte order mark");
    refused_items(GOOD "\0", strlen(GOOD) + 1, "items.jsonl:2:");
    refused_items(GOOD GOOD, 2 * strlen(GOOD), "items.jsonl:2: id 'good' is that of line 1 already");
    refused_items(GOOD "{\"id\":\"a\\u0000\"}", strlen(GOOD) + 15, "\\u0000 is not allowed");
    static const char *const names[] = { "..", ".", ".x", "-rf", "a/b", "../../etc/passwd", "a b", "a\\n", "\xc3\xa4" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        text_clear(&t);
        text_addf(&t, "{\"id\":\"%s\",\"lang\":\"en\",\"text\":\"a\",\"choices\":[\"b\",\"c\"],\"gold\":0}", names[i]);
        refused_items(text_s(&t), t.len, "items.jsonl:1: 'id' is");
        text_clear(&t);
        text_addf(&t, "{\"name\":\"%s\",\"kind\":\"choice\",\"lang\":[\"en\"],\"metrics\":[\"brier\"]}", names[i]);
        write_file("evalset.json", text_s(&t), t.len);
        refused(ERR_DATA, "evalset.json: 'name' is");
        usual();
    }
    text_free(&t);
    static const char crlf[] =
        "{\"id\":\"good\",\"lang\":\"en\",\"text\":\"a\",\"choices\":[\"b\",\"c\"],\"gold\":0}\r\n";
    write_file("items.jsonl", crlf, strlen(crlf));
    struct evalset *e = evalset_open(folder);
    check(e && e->n_items == 1, "lines may end in CR LF: %s", e ? "" : err_text());
    evalset_close(e);
}

static void repeated(const char *before, const char *part, size_t n, const char *what)
{
    struct text t = { 0 };
    text_add(&t, before);
    for (size_t i = 0; i < n; i++)
        text_add(&t, part);
    refused_items(text_s(&t), t.len, what);
    text_free(&t);
}

static void test_sizes(void)
{
    bool all = getenv("CHORALE_LONG") != NULL;
    repeated(GOOD, "x", all ? 100000000 : 2000000, "bytes in one line, want at most 1048576");
    repeated(GOOD "{\"id\":", "[", 1000000, "maximum parsing depth");
    repeated(GOOD "{\"id\":\"x\",\"lang\":\"en\",\"text\":\"a\",\"gold\":0,\"choices\":[", "\"c\",", 100,
             "items.jsonl:2:");
    repeated(GOOD "{\"", "x", 1000000, "items.jsonl:2:");
    struct text t = { 0 };
    text_add(&t, GOOD "{\"id\":\"x\",\"lang\":\"en\",\"text\":\"a\",\"gold\":0,\"choices\":[\"0\"");
    for (int i = 1; i < 65; i++)
        text_addf(&t, ",\"%d\"", i);
    text_add(&t, "]}");
    refused_items(text_s(&t), t.len, "items.jsonl:2: 'choices' has 65 elements, want 1 to 64");
    text_free(&t);
    usual();
    check(truncate(path_of("items.jsonl"), (off_t)300 << 20) == 0, "a file of 300 MB, mostly holes");
    refused(ERR_DATA, "larger than 268435456 bytes");
    usual();
    check(truncate(path_of("evalset.json"), (off_t)2 << 20) == 0, "evalset.json of 2 MB");
    refused(ERR_DATA, "larger than 1048576 bytes");
    usual();
}

static void test_names(void)
{
    static const char *const names[] = {
        "../../etc/passwd", "/etc/passwd", "/dev/zero", "", "/", "..", "a\nb", "\xff"
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct evalset *e = evalset_open(names[i]);
        check(!e && err_code() == ERR_DATA && strstr(err_text(), "evalset"), "'%s': %s", names[i], err_text());
        evalset_close(e);
    }
}

/* --- stored plans ------------------------------------------------------------------------------------------------- */

#define TABLE(id, n)                                                                                                   \
    "{\"id\":\"" id "\",\"key\":\"k" id "\",\"kind\":\"table\",\"name\":\"t\",\"space\":\"0\",\"n\":" n                \
    ",\"length\":3,\"seed\":1,\"sharpness\":1}"
#define PAIR(id, of)                                                                                                   \
    "{\"id\":\"" id "\",\"key\":\"k" id                                                                                \
    "\",\"kind\":\"ensemble\",\"rule\":\"linear\",\"space\":\"0\",\"weights\":[1,1],"                                  \
    "\"voices\":[{\"lm\":\"" of "\",\"name\":\"x\"},{\"lm\":\"" of "\",\"name\":\"y\"}]}"
#define ARM "{\"name\":\"a\",\"lm\":\"a\",\"chain\":\"\",\"search\":\"sample\",\"repeats\":false}"

/* The plan of such members, with the hash that fits. */
static void plan_refused(const char *lms, const char *arms, const char *more, const char *what)
{
    struct text t = { 0 };
    text_addf(
        &t,
        "{\"format\":%d,\"name\":\"p\",\"seed\":1,\"draws\":1,\"limit\":{\"bytes\":9},\"stop\":[],\"log\":\"token\","
        "\"mode\":\"f32\",\"kernels\":\"\",\"lms\":[%s],\"fits\":[],\"arms\":[%s],\"evalsets\":[],\"items\":[],"
        "\"judge\":null,\"creativity\":[],\"control\":[]%s}",
        PLAN_FORMAT, lms, arms, more);
    json_t *w = json_loads(text_s(&t), 0, NULL); /* without the limits of doc_read() */
    check(w != NULL, "a plan: %.300s", text_s(&t));
    char hash[65];
    doc_hash(w, hash);
    struct plan *p = plan_load(json_pack("{s:o, s:{}, s:s}", "what", w, "from", "hash", hash), "plan.json");
    check((p == NULL) == (*what != 0), "%s: %s", what, p ? "taken" : err_text());
    check(p || strstr(err_text(), what), "want '%s' in '%.200s'", what, err_text());
    check(p || (err_code() == ERR_DATA && strncmp(err_text(), "plan.json: ", 11) == 0), "%d, %.200s", err_code(),
          err_text());
    plan_free(p);
    text_free(&t);
}

static void test_plans(void)
{
    plan_refused(TABLE("a", "3"), ARM, "", "");
    plan_refused(TABLE("a", "1000"), ARM, "", "want n in 2..27"); /* bug: an assertion failed */
    plan_refused(TABLE("a", "-3"), ARM, "", "want n in 2..27");
    plan_refused(TABLE("a", "\"3\""), ARM, "", "'n' is a string, want an integer");
    plan_refused("{\"id\":\"a\",\"key\":\"k\",\"kind\":\"modell\"}", ARM, "", "did you mean 'model'?");
    plan_refused(PAIR("a", "a"), ARM, "", "nothing in 'lms' is 'a'");
    plan_refused("7", ARM, "", "an entry of 'lms' is no object");
    plan_refused(TABLE("a", "3"), "{}", "", "'name' is missing");
    plan_refused(TABLE("b", "3"), ARM, "", "nothing in 'lms' is 'a'");
    /* bug: sixty lines that name each other twice are 2^60 voices */
    struct text lms = { 0 };
    text_add(&lms, TABLE("a", "3"));
    char of[16] = "a", id[16];
    for (int i = 0; i < 60; i++) {
        snprintf(id, sizeof id, "e%d", i);
        text_addf(&lms,
                  ",{\"id\":\"%s\",\"key\":\"%s\",\"kind\":\"ensemble\",\"rule\":\"linear\",\"space\":\"0\","
                  "\"weights\":[1,1],"
                  "\"voices\":[{\"lm\":\"%s\",\"name\":\"x\"},{\"lm\":\"%s\",\"name\":\"y\"}]}",
                  id, id, of, of);
        memcpy(of, id, sizeof of);
    }
    plan_refused(text_s(&lms), ARM, "", "'e12' has more than 4096 voices below it");
    text_clear(&lms);
    for (int i = 0; i < 4097; i++)
        text_addf(&lms, "%s{\"id\":\"e%d\",\"key\":\"e%d\",\"kind\":\"ensemble\"}", i > 0 ? "," : "", i, i);
    plan_refused(text_s(&lms), ARM, "", "4097 lms, want at most 4096");
    text_free(&lms);
}

int main(void)
{
    check(mkdtemp(folder) != NULL, "a folder");
    test_files();
    test_numbers();
    test_lines();
    test_sizes();
    test_names();
    test_plans();
    unlink(path_of("items.jsonl"));
    unlink(path_of("evalset.json"));
    unlink(path_of("README.md"));
    rmdir(folder);
    return check_done("hostile_evalset");
}
