/* What libraries of others do for us with an allocation that fails, each in turn and every one from there: the right
 * value, or mem_exhausted()'s line and status; no crash and no other value.
 *
 * Bugs: libcrypto without memory gave a digest of nothing, and followed a NULL where its first allocation had failed;
 * PCRE2's contexts were used unchecked; zlib without memory gave a wrong number of bytes. */
#include "base/err.h"
#include "base/hash.h"
#include "base/text.h"
#include "evalsets/metric.h"
#include "model/pretoken.h"
#include "tests/lib/check.h"
#include "tests/lib/temp_folder.h"
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char program[4096];

_Noreturn static void give_up(void)
{
    fprintf(stderr, "%s\n", err_text());
    exit(-err_code());
}

static void show_bytes(void)
{
    char hex[65];
    hash_sha256("abc", 3, hex);
    puts(hex);
}

static void show_stream(void)
{
    char hex[65];
    struct hash_sha256_state *s = hash_sha256_begin();
    hash_sha256_add(s, "a", 1);
    hash_sha256_add(s, "bc", 2);
    hash_sha256_end(s, hex);
    puts(hex);
}

static void show_file(void)
{
    char hex[65] = "";
    if (hash_sha256_file("/dev/null", hex) < 0)
        give_up();
    puts(hex);
}

/* A regex that no hand-written scanner knows. */
static void show_pieces(void)
{
    struct pretoken *p = pretoken_alloc();
    struct pieces out;
    if (pretoken_add(p, "regex", "(?:ab)+|[0-9]{1,2}(?!7)|\\s+") < 0)
        give_up();
    if (pretoken_split(p, "ababx 1237", 10, &out) < 0)
        give_up();
    for (size_t i = 0; i < out.n; i++)
        printf("%zu-%zu ", out.span[i].from, out.span[i].to);
    putchar('\n');
    pretoken_free(p);
}

static void show_compression(void)
{
    static const struct sample s = { .text = "to be or not to be or not to be", .n_text = 31 };
    const struct metric_type *m = metric_find("compression");
    if (!m)
        give_up();
    printf("%.17g\n", m->score(&s, 1));
}

static const struct {
    const char *name;
    void (*show)(void);
    const char *value; /* NULL: whatever it is with memory */
} tasks[] = {
    { "sha256", show_bytes, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n" },
    { "sha256 of parts", show_stream, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n" },
    { "sha256 of a file", show_file, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n" },
    { "regex", show_pieces, "0-4 4-5 5-6 6-8 8-10 \n" },
    { "compression", show_compression, NULL },
};

struct end {
    int status; /* minus the signal */
    struct text out, err;
};

static void read_all(int fd, struct text *t)
{
    char block[4096];
    ssize_t n;
    while ((n = read(fd, block, sizeof block)) > 0)
        text_addn(t, block, (size_t)n);
    close(fd);
}

/* This program again, for one task, with allocations that fail from `at` on. */
static struct end call(size_t task, size_t at, const char *times)
{
    int out[2], err[2], status;
    struct end end = { 0 };
    char which[24], where[24];
    snprintf(which, sizeof which, "%zu", task);
    snprintf(where, sizeof where, "%zu", at);
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0)
        abort();
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        setenv("LD_PRELOAD", STORE_SHIMS "/libshim_memory.so", 1);
        setenv("SHIM_MALLOC_AT", where, 1);
        setenv("SHIM_MALLOC_TIMES", times, 1);
        execl(program, program, which, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    close(err[1]);
    read_all(out[0], &end.out);
    read_all(err[0], &end.err);
    waitpid(pid, &status, 0);
    end.status = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    return end;
}

static void end_free(struct end *end)
{
    text_free(&end->out);
    text_free(&end->err);
}

/* How many allocations a task makes. */
static size_t count(size_t task)
{
    struct temp_folder f = temp_folder_make();
    const char *path = temp_folder_path(&f, "census");
    struct stat st = { 0 };
    setenv("SHIM_MALLOC_CENSUS", path, 1);
    struct end end = call(task, 0, "1");
    unsetenv("SHIM_MALLOC_CENSUS");
    check(end.status == 0 && stat(path, &st) == 0, "%s: status %d", tasks[task].name, end.status);
    end_free(&end);
    temp_folder_remove(&f);
    return (size_t)st.st_size / sizeof(uint64_t);
}

/* The first allocations one by one, the later ones ever more sparsely; CHORALE_LONG: one by one. */
static void fail_some(size_t task, size_t n, const char *times, const char *value)
{
    size_t refused = 0, growth = getenv("CHORALE_LONG") ? SIZE_MAX : 6;
    for (size_t at = 1; at <= n; at += 1 + at / growth) {
        struct end end = call(task, at, times);
        bool right = end.status == 0 && strcmp(text_s(&end.out), value) == 0;
        bool said = (end.status == 4 || end.status == 5) && end.err.len > 0;
        check(right || said, "%s, allocation %zu (%s): status %d, '%s', '%s'", tasks[task].name, at, times, end.status,
              text_s(&end.out), text_s(&end.err));
        refused += said;
        end_free(&end);
    }
    check(refused > 0, "%s: none of %zu allocations is refused (%s)", tasks[task].name, n, times);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        tasks[strtoul(argv[1], NULL, 10)].show();
        return fflush(stdout) == 0 ? 0 : 4;
    }
#ifdef CHORALE_SANITIZED
    check_skip("memory_libraries", "the address sanitizer has its own allocator");
#endif
    if (readlink("/proc/self/exe", program, sizeof program - 1) <= 0)
        check_skip("memory_libraries", "/proc is not mounted");
    for (size_t t = 0; t < sizeof tasks / sizeof *tasks; t++) {
        struct end whole = call(t, 0, "1");
        check(whole.status == 0, "%s: status %d: %s", tasks[t].name, whole.status, text_s(&whole.err));
        if (tasks[t].value)
            check(strcmp(text_s(&whole.out), tasks[t].value) == 0, "%s: '%s'", tasks[t].name, text_s(&whole.out));
        size_t n = count(t);
        fail_some(t, n, "1", text_s(&whole.out));
        fail_some(t, n, "0", text_s(&whole.out));
        end_free(&whole);
    }
    return check_done("memory_libraries");
}
