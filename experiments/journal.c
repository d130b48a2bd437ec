#include "base/err.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/mem.h"
#include "experiments/frame.h"
#include "experiments/journal_inside.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define MAX_DIGITS 9 /* of a number in the name of a segment */

struct journal {
    char *folder, *prefix;
    int fd;               /* the open segment, -1: none yet */
    uint32_t segment;     /* number of the open or last segment tried */
    uint64_t limit, size; /* bytes of a segment; of the open one */
    uint64_t sequence;
    uint64_t n_frames;  /* in the open segment */
    struct text index;  /* of the open segment, for its seal */
    struct text name;   /* of the open segment */
    struct text buffer; /* frames not yet written */
    uint64_t n_buffered;
    bool failed;
};

/* The number at the beginning of s, from 1 on, as "%0*u" writes it with this width; *n: its digits.  0: none. */
static uint32_t leading_number(const char *s, size_t width, size_t *n)
{
    *n = strspn(s, "0123456789");
    bool ours = *n >= width && *n <= MAX_DIGITS && (*n == width || s[0] != '0');
    return ours ? (uint32_t)strtoul(s, NULL, 10) : 0;
}

uint32_t journal_segment_number(const char *name, size_t *n_prefix)
{
    size_t n;
    if (strncmp(name, "run", 3) == 0)
        *n_prefix = 3;
    else if (strncmp(name, "shard", 5) == 0 && leading_number(name + 5, 3, &n) > 0)
        *n_prefix = 5 + n;
    else
        return 0;
    const char *end = name + *n_prefix;
    uint32_t number = *end == '-' ? leading_number(end + 1, 6, &n) : 0;
    return number > 0 && strcmp(end + 1 + n, ".seg") == 0 ? number : 0;
}

/* A new segment comes behind those that are there, not into the gaps that a sweep left.  0, ERR_IO. */
static int skip_segments(struct journal *j)
{
    struct journal_reader *r = journal_read(j->folder);
    for (size_t i = 0, n; r && i < r->n_names; i++) {
        uint32_t number = journal_segment_number(r->names[i], &n);
        if (number > j->segment && n == strlen(j->prefix) && memcmp(r->names[i], j->prefix, n) == 0)
            j->segment = number;
    }
    int rc = r ? 0 : ERR_IO;
    journal_read_close(r);
    return rc;
}

static void journal_free(struct journal *j)
{
    if (j->fd >= 0)
        close(j->fd);
    text_free(&j->name);
    text_free(&j->buffer);
    text_free(&j->index);
    free(j->folder);
    free(j->prefix);
    free(j);
}

struct journal *journal_open(const char *folder, const char *prefix)
{
    if (folder_refuse_link(folder) < 0 || folder_make(folder) < 0)
        return NULL;
    struct journal *j = mem_alloc(1, sizeof *j);
    j->folder = mem_string(folder);
    j->prefix = mem_string(prefix);
    j->fd = -1;
    j->limit = JOURNAL_SEGMENT;
    if (skip_segments(j) == 0)
        return j;
    journal_free(j);
    return NULL;
}

void journal_set_segment(struct journal *j, uint64_t bytes)
{
    j->limit = bytes > 0 ? bytes : JOURNAL_SEGMENT;
}

static int journal_fail(struct journal *j, const char *what)
{
    j->failed = true;
    return err_set(ERR_IO, "%s: cannot %s %llu bytes: %s; what was acknowledged is safe", text_s(&j->name), what,
                   (unsigned long long)j->buffer.len, strerror(errno));
}

static int segment_open(struct journal *j)
{
    do {
        text_clear(&j->name);
        text_addf(&j->name, "%s/%s-%06u.seg", j->folder, j->prefix, ++j->segment);
        j->fd = file_open(text_s(&j->name), O_WRONLY | O_CREAT | O_EXCL | O_APPEND);
    } while (j->fd < 0 && errno == EEXIST);
    if (j->fd < 0)
        return journal_fail(j, "create a segment for");
    /* the folder must know the new name before a frame in it is acknowledged */
    if (folder_sync(j->folder) < 0) {
        j->failed = true;
        return ERR_IO;
    }
    j->size = j->n_frames = 0;
    return 0;
}

int journal_add(struct journal *j, const void *payload, size_t n, size_t n_head)
{
    if (j->failed)
        return err_set(ERR_IO, "%s: an earlier write failed", text_s(&j->name));
    if (n > JOURNAL_MAX_FRAME)
        return err_set(ERR_DATA, "a journal frame of %zu bytes, want at most %u", n, JOURNAL_MAX_FRAME);
    assert(n_head <= n);
    struct frame f = { .magic = FRAME_MAGIC,
                       .n = (uint32_t)n,
                       .n_head = (uint32_t)n_head,
                       .sequence = j->sequence++,
                       .payload = payload };
    frame_index_add(&j->index, &(struct frame_entry){ j->size + j->buffer.len, f.n, f.n_head, payload });
    frame_write(&j->buffer, &f);
    j->n_buffered++;
    return 0;
}

static int buffer_flush(struct journal *j)
{
    if (file_write(j->fd, j->buffer.s, j->buffer.len) < 0)
        return journal_fail(j, "write");
    if (file_sync_data(j->fd) < 0)
        return journal_fail(j, "sync");
    j->size += j->buffer.len;
    j->n_frames += j->n_buffered;
    j->n_buffered = 0;
    text_clear(&j->buffer);
    return 0;
}

/* Everything buffered is in the open segment. */
static int segment_seal(struct journal *j)
{
    frame_write_seal(&j->buffer, j->size, j->n_frames, &j->index);
    text_clear(&j->index);
    int rc = buffer_flush(j);
    close(j->fd);
    j->fd = -1;
    j->size = 0; /* what is added next begins a segment */
    return rc;
}

bool journal_full(const struct journal *j)
{
    return j->size + j->buffer.len >= j->limit;
}

int journal_commit(struct journal *j)
{
    if (j->failed)
        return err_set(ERR_IO, "%s: an earlier write failed", text_s(&j->name));
    if (j->buffer.len == 0)
        return 0;
    if (j->fd < 0)
        TRY(segment_open(j));
    TRY(buffer_flush(j));
    return j->size >= j->limit ? segment_seal(j) : 0;
}

int journal_close(struct journal *j)
{
    if (!j)
        return 0;
    int rc = j->failed ? 0 : journal_commit(j);
    if (rc == 0 && !j->failed && j->fd >= 0)
        rc = segment_seal(j);
    journal_free(j);
    return rc;
}

static int lock_take(const char *folder, const char *name, int how)
{
    TRY(folder_make(folder));
    struct text path = { 0 };
    text_addf(&path, "%s/%s", folder, name);
    int fd = file_open(text_s(&path), O_RDWR | O_CREAT | O_NOFOLLOW); /* a link would have us make files elsewhere */
    if (fd < 0 && errno == ELOOP)
        fd = err_set(ERR_DATA, "%s: a symbolic link, want a regular file", text_s(&path));
    else if (fd < 0)
        fd = err_set(ERR_IO, "%s: cannot open the lock: %s", text_s(&path), strerror(errno));
    else if (flock(fd, how | LOCK_NB) < 0) {
        int rc = errno == EWOULDBLOCK ? err_set(ERR_LOCKED, "%s: another process is at work on this run", folder)
                                      : err_set(ERR_IO, "%s: cannot lock: %s", text_s(&path), strerror(errno));
        close(fd);
        fd = rc;
    }
    text_free(&path);
    return fd;
}

int journal_lock(const char *folder, const char *name)
{
    return lock_take(folder, name, LOCK_EX);
}

int journal_lock_shared(const char *folder, const char *name)
{
    return lock_take(folder, name, LOCK_SH);
}
