/* Checkpoint folders made by a stranger: files that are none, links, pipes, devices, emptiness, size, depth, and files that
 * shrink while they are mapped.  Each is refused with its message, at once and in little memory; nothing waits. */
#include "base/err.h"
#include "base/text.h"
#include "model/checkpoint.h"
#include "model/map_file.h"
#include "model/weights.h"
#include "tests/lib/check.h"
#include "tests/lib/temp_folder.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIXTURES CHORALE_HOME "/tests/fixtures/checkpoint/"
#define INDEX    "model.safetensors.index.json"
#define SHARD    "model-00002-of-00004.safetensors"

/* Every file that a folder may have: config.json, ..., a shard. */
static const char *const sharded[] = { "config.json",
                                       "generation_config.json",
                                       "tokenizer_config.json",
                                       "tokenizer.json",
                                       "chat_template.jinja",
                                       INDEX,
                                       "model-00001-of-00004.safetensors",
                                       SHARD,
                                       "model-00003-of-00004.safetensors",
                                       "model-00004-of-00004.safetensors" };
#define N_SHARDED (sizeof sharded / sizeof *sharded)

static struct temp_folder make_sharded(void)
{
    struct temp_folder f = temp_folder_make();
    char from[256];
    for (size_t i = 0; i < N_SHARDED; i++) {
        snprintf(from, sizeof from, FIXTURES "sharded/%s", sharded[i]);
        if (access(from, F_OK) == 0)
            temp_folder_copy(&f, sharded[i], from);
        else
            temp_folder_put(&f, sharded[i], "{{ x }}", 7);
    }
    return f;
}

/* Opens the checkpoint and its weights; the message names the file and says what is wanted. */
static void refused(const struct temp_folder *f, int code, const char *name, const char *message)
{
    struct checkpoint *c = checkpoint_open(f->path);
    struct weights *w = c ? weights_open(c) : NULL;
    check(!w && err_code() == code && strstr(err_text(), message) && strstr(err_text(), name),
          "'%s' says '%s', want '%s'", name, w ? "fine" : err_text(), message);
    weights_close(w);
    checkpoint_close(c);
}

static void accepted(const struct temp_folder *f, const char *what)
{
    struct checkpoint *c = checkpoint_open(f->path);
    struct weights *w = c ? weights_open(c) : NULL;
    check(w != NULL, "%s: %s", what, err_text());
    weights_close(w);
    checkpoint_close(c);
}

static void make_socket(const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    check(strlen(path) < sizeof a.sun_path, "%s", path);
    memcpy(a.sun_path, path, strlen(path));
    check(s >= 0 && bind(s, (const struct sockaddr *)&a, sizeof a) == 0, "a socket %s", path);
    close(s);
}

/* Each file in turn is replaced by what is no file. */
static void no_files(void)
{
    struct temp_folder f = make_sharded();
    accepted(&f, "the folder as it is");
    for (size_t i = 0; i < N_SHARDED; i++) {
        const char *path = temp_folder_path(&f, sharded[i]);
        char aside[512];
        snprintf(aside, sizeof aside, "%s.aside", path);
        check(rename(path, aside) == 0, "%s", path);
        check(mkfifo(path, 0600) == 0, "a pipe");
        refused(&f, ERR_DATA, sharded[i], "a pipe, not a regular file");
        unlink(path);
        check(mkdir(path, 0700) == 0, "a folder");
        refused(&f, ERR_DATA, sharded[i], "a folder, not a regular file");
        rmdir(path);
        make_socket(path);
        refused(&f, ERR_DATA, sharded[i], "a socket, not a regular file");
        unlink(path);
        check(symlink("/dev/zero", path) == 0, "a link");
        refused(&f, ERR_DATA, sharded[i], "a device, not a regular file");
        unlink(path);
        close(open(path, O_CREAT | O_WRONLY, 0600));
        refused(&f, ERR_DATA, sharded[i], "the file is empty");
        unlink(path);
        check(rename(aside, path) == 0, "%s", path);
    }
    temp_folder_remove(&f);
}

/* What links may do: a download cache, which is made of them, opens; one that leads nowhere or round is refused. */
static void links(void)
{
    struct temp_folder blobs = make_sharded(), cache = temp_folder_make();
    char target[512];
    for (size_t i = 0; i < N_SHARDED; i++) {
        snprintf(target, sizeof target, "%s", temp_folder_path(&blobs, sharded[i]));
        check(symlink(target, temp_folder_path(&cache, sharded[i])) == 0, "a link");
    }
    accepted(&cache, "a folder of links");
    temp_folder_take(&cache, SHARD);
    check(symlink(SHARD, temp_folder_path(&cache, SHARD)) == 0, "a link to itself");
    refused(&cache, ERR_IO, SHARD, "cannot open: Too many levels of symbolic links");
    temp_folder_take(&cache, SHARD);
    check(symlink("/nowhere/at/all", temp_folder_path(&cache, SHARD)) == 0, "a link to nowhere");
    refused(&cache, ERR_IO, SHARD, "cannot open: No such file");
    temp_folder_take(&cache, SHARD);
    check(symlink("/etc/passwd", temp_folder_path(&cache, SHARD)) == 0, "a link to a text");
    refused(&cache, ERR_DATA, SHARD, "the header claims");
    temp_folder_remove(&cache);
    temp_folder_remove(&blobs);
}

/* Files that are sparse and so take nothing to make: refused by their size alone. */
static void large(void)
{
    static const struct {
        const char *name;
        off_t size;
        const char *message;
    } cases[] = {
        { "config.json", 2 << 20, "2097152 bytes of JSON, want at most 1048576" },
        { "generation_config.json", (off_t)1 << 40, "1099511627776 bytes of JSON" },
        { "tokenizer_config.json", (off_t)1 << 30, "1073741824 bytes of JSON, want at most 16777216" },
        { "tokenizer.json", (off_t)1 << 30, "1073741824 bytes of JSON, want at most 134217728" },
        { "chat_template.jinja", (off_t)1 << 30, "1073741824 bytes, want a text of at most 1048576" },
        { INDEX, (off_t)1 << 30, "1073741824 bytes of JSON, want at most 33554432" },
        { SHARD, (off_t)1 << 40, "does not begin with '{'" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct temp_folder f = make_sharded();
        temp_folder_put(&f, cases[i].name, "", 0);
        check(truncate(temp_folder_path(&f, cases[i].name), cases[i].size) == 0, "%s", cases[i].name);
        refused(&f, ERR_DATA, cases[i].name, cases[i].message);
        temp_folder_remove(&f);
    }
}

/* A text of n times a piece. */
static struct text repeated(const char *before, const char *piece, size_t n, const char *after)
{
    struct text t = { 0 };
    text_add(&t, before);
    for (size_t i = 0; i < n; i++)
        text_add(&t, piece);
    text_add(&t, after);
    return t;
}

/* JSON that is deep or wide, in every place where JSON is read. */
static void bombs(void)
{
    static const char *const names[] = { "config.json", "generation_config.json", "tokenizer_config.json",
                                         "tokenizer.json", INDEX };
    static const struct {
        const char *before, *piece, *after;
        size_t n;
        const char *message;
    } cases[] = {
        { "", "[", "", 500000, "maximum parsing depth reached" },
        { "", "{\"a\":", "", 100000, "maximum parsing depth reached" },
        { "{", "\"a\":1,", "\"a\":2}", 1, "uplicate" },
        { "[\"", "\\u0000", "\"]", 3, "\\u0000" },
        { "[\"", "\xff", "\"]", 3, "unable to decode byte 0xff" },
        { "[", "1e400,", "1]", 1, "real number overflow" },
        { "\xef\xbb\xbf{", "", "}", 1, "1:" },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
            struct temp_folder f = make_sharded();
            struct text t = repeated(cases[k].before, cases[k].piece, cases[k].n, cases[k].after);
            temp_folder_put(&f, names[i], t.s, t.len);
            refused(&f, ERR_DATA, names[i], cases[k].message);
            text_free(&t);
            temp_folder_remove(&f);
        }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct temp_folder f = make_sharded();
        struct text t = repeated("{\"a\":", "[", 70, "1"), close = repeated("", "]", 70, "}");
        text_addn(&t, close.s, close.len);
        temp_folder_put(&f, names[i], t.s, t.len);
        if (strcmp(names[i], "tokenizer_config.json") != 0) /* most of it is not looked at */
            refused(&f, ERR_DATA, names[i], "nested deeper than 64 levels");
        else
            accepted(&f, names[i]);
        text_free(&t);
        text_free(&close);
        temp_folder_remove(&f);
    }
    /* 25 MB of empty arrays would be a gigabyte once parsed */
    struct temp_folder f = make_sharded();
    struct text t = repeated("[", "[],", 1u << 23, "[]]");
    temp_folder_put(&f, "tokenizer.json", t.s, t.len);
    refused(&f, ERR_DATA, "tokenizer.json", "values of JSON, want at most 8388608");
    text_free(&t);
    temp_folder_remove(&f);
}

static void say(const char *s)
{
    ssize_t ignored = write(STDERR_FILENO, s, strlen(s));
    (void)ignored;
}

/* As cli/ does it. */
static void lost(const char *path)
{
    say("chorale: ");
    say(path);
    say(MAP_FILE_LOST "\n");
    _exit(3);
}

/* What a child that reads byte `at` of a mapped file does once the file has been cut to `size`: its status, its words.
 * SIZE_MAX: it gets a SIGBUS of another kind. */
static int read_cut(const struct temp_folder *f, off_t size, size_t at, struct text *said)
{
    int ends[2];
    check(pipe(ends) == 0, "a pipe");
    const char *path = temp_folder_path(f, "weights");
    pid_t child = fork();
    if (child == 0) {
        struct map_file m;
        struct rlimit none = { 0, 0 };
        setrlimit(RLIMIT_CORE, &none);
        dup2(ends[1], STDERR_FILENO);
        map_file_guard(lost);
        if (map_file_open(&m, path) < 0 || truncate(path, size) != 0)
            _exit(99);
        if (at == SIZE_MAX)
            raise(SIGBUS); /* not of a mapped file */
        volatile uint8_t byte = m.bytes[at];
        (void)byte;
        map_file_close(&m);
        _exit(0);
    }
    close(ends[1]);
    char block[1024];
    ssize_t n;
    while ((n = read(ends[0], block, sizeof block)) > 0)
        text_addn(said, block, (size_t)n);
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* A file that shrinks while it is mapped: one line, status 3; no crash. */
static void shrinking(void)
{
    struct temp_folder f = temp_folder_make();
    struct text bytes = repeated("", "0123456789abcdef", 65536, ""), said = { 0 };
    temp_folder_put(&f, "weights", bytes.s, bytes.len);
    check(read_cut(&f, (off_t)bytes.len, bytes.len - 1, &said) == 0 && said.len == 0, "a file that stays: %s",
          text_s(&said));
    int status = read_cut(&f, 4096, bytes.len - 1, &said);
    check(status == 3, "a file that shrinks: status %d", status);
    check(strstr(text_s(&said), "/weights: became shorter, or could not be read, while it was in use") &&
              strncmp(text_s(&said), "chorale: ", 9) == 0 && strchr(said.s, '\n') == said.s + said.len - 1,
          "says '%s'", text_s(&said));
    text_clear(&said);
    status = read_cut(&f, 4096, SIZE_MAX, &said);
    check(status == -SIGBUS && said.len == 0, "another SIGBUS: status %d, says '%s'", status, text_s(&said));
    text_free(&bytes);
    text_free(&said);
    temp_folder_remove(&f);
}

int main(void)
{
    alarm(280); /* nothing here may wait */
    no_files();
    links();
    large();
    bombs();
    shrinking();
    return check_done("hostile_files");
}
