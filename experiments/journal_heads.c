/* Reading a journal by its seals: heads of all frames without the frames, and single frames from their places. */
#include "base/err.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/mem.h"
#include "experiments/journal_inside.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The descriptor of a segment, opened when it is not yet; -1 + errno. */
static int segment_fd(struct journal_reader *r, uint32_t segment)
{
    size_t slot = segment % JOURNAL_FDS;
    if (r->open[slot].fd >= 0 && r->open[slot].segment == segment)
        return r->open[slot].fd;
    if (r->open[slot].fd >= 0)
        close(r->open[slot].fd);
    struct text path = journal_segment_path(r, segment);
    r->open[slot].fd =
        file_open(text_s(&path), O_RDONLY | O_NONBLOCK | O_NOFOLLOW); /* a pipe must not keep us waiting */
    r->open[slot].segment = segment;
    text_free(&path);
    return r->open[slot].fd;
}

static int read_at(int fd, char *out, uint64_t n, uint64_t offset)
{
    while (n > 0) {
        ssize_t k = pread(fd, out, n, (off_t)offset);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return k < 0 ? ERR_IO : ERR_DAMAGED;
        out += k;
        n -= (uint64_t)k;
        offset += (uint64_t)k;
    }
    return 0;
}

/* n bytes from a place of a segment into out (cleared first): 0, ERR_IO, or ERR_DAMAGED when it is shorter. */
static int read_part(struct journal_reader *r, uint32_t segment, uint64_t offset, uint64_t n, struct text *out)
{
    int fd = segment_fd(r, segment);
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(ERR_DATA, "%s/%s: not a regular file", r->folder, r->names[segment]);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_set(ERR_IO, "%s/%s: cannot open: %s", r->folder, r->names[segment], strerror(errno));
    uint64_t size = st.st_size > 0 ? (uint64_t)st.st_size : 0;
    int rc = offset <= size && n <= size - offset ? 0 : ERR_DAMAGED;
    text_clear(out);
    if (rc == 0) {
        mem_grow(&out->s, &out->cap, (size_t)n + 1, 1);
        rc = read_at(fd, out->s, n, offset);
        out->len = rc == 0 ? (size_t)n : 0;
        out->s[out->len] = '\0';
    }
    if (rc == ERR_IO)
        return err_set(ERR_IO, "%s/%s: cannot read: %s", r->folder, r->names[segment], strerror(errno));
    return rc == 0 ? 0
                   : err_set(ERR_DAMAGED, "%s/%s: ends before byte %llu", r->folder, r->names[segment],
                             (unsigned long long)(offset + n));
}

/* The seal at the end of a segment into r->bytes; false: it has none, or none that is whole. */
static bool seal_load(struct journal_reader *r, uint32_t segment)
{
    int fd = segment_fd(r, segment);
    struct stat st;
    struct frame f;
    uint64_t n_frames,
        size = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 ? (uint64_t)st.st_size : 0;
    if (size < JOURNAL_HEADER + FRAME_TRAILER ||
        read_part(r, segment, size - FRAME_TRAILER, FRAME_TRAILER, &r->bytes) < 0)
        return false;
    struct unpack u = unpack_over(r->bytes.s, FRAME_TRAILER);
    uint64_t offset = unpack_u64(&u);
    if (unpack_u32(&u) != FRAME_END || offset >= size || read_part(r, segment, offset, size - offset, &r->bytes) < 0)
        return false;
    r->index_end = offset;
    return frame_read((const uint8_t *)r->bytes.s, r->bytes.len, &f) == FRAME_WHOLE && f.magic == FRAME_SEAL &&
           f.n == r->bytes.len - JOURNAL_HEADER && frame_seal_read(&f, &n_frames, &r->index);
}

/* The next segment: its seal's index, or the whole of it. */
static int segment_open(struct journal_reader *r)
{
    if (!seal_load(r, (uint32_t)r->next)) {
        r->index = (struct unpack){ 0 };
        return journal_segment_load(r);
    }
    r->next++;
    r->at = r->bytes.len;
    return 0;
}

static bool index_next(struct journal_reader *r, const void **head, size_t *n)
{
    struct frame_entry e;
    if (!frame_index_next(&r->index, r->index_end, &e)) {
        r->index = (struct unpack){ 0 };
        return false;
    }
    r->place = (struct journal_place){ .segment = (uint32_t)(r->next - 1), .n = e.n, .offset = e.offset };
    *head = e.head;
    *n = e.n_head;
    return true;
}

int journal_next_head(struct journal_reader *r, const void **head, size_t *n)
{
    struct frame f;
    for (;;) {
        if (index_next(r, head, n))
            return 1;
        if (journal_segment_next(r, &f) == 1) {
            *head = f.payload;
            *n = f.n_head;
            return 1;
        }
        if (r->next == r->n_names)
            return 0;
        TRY(segment_open(r));
    }
}

int journal_fetch(struct journal_reader *r, struct journal_place at, const void **payload, size_t *n)
{
    struct frame f;
    TRY(read_part(r, at.segment, at.offset, (uint64_t)JOURNAL_HEADER + at.n, &r->fetched));
    if (frame_read((const uint8_t *)r->fetched.s, r->fetched.len, &f) != FRAME_WHOLE || f.magic != FRAME_MAGIC ||
        f.n != at.n)
        return err_set(ERR_DAMAGED, "%s/%s: no whole frame at byte %llu", r->folder, r->names[at.segment],
                       (unsigned long long)at.offset);
    *payload = f.payload;
    *n = f.n;
    return 0;
}

static int settle_segment(struct journal_reader *r, uint32_t i)
{
    struct stat st;
    int fd = segment_fd(r, i);
    if (fd < 0 && (errno == ENOENT || errno == ELOOP)) /* swept meanwhile, or a link, which whoever reads it refuses */
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_set(ERR_IO, "%s/%s: cannot open: %s", r->folder, r->names[i], strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size == 0 || seal_load(r, i) || file_sync_data(fd) == 0)
        return 0;
    return err_set(ERR_IO, "%s/%s: cannot sync: %s", r->folder, r->names[i], strerror(errno));
}

int journal_settle(const char *folder)
{
    struct journal_reader *r = journal_read(folder);
    int rc = r ? 0 : ERR_IO;
    for (uint32_t i = 0; rc == 0 && i < r->n_names; i++)
        rc = settle_segment(r, i);
    if (rc == 0 && r->n_names > 0)
        rc = folder_sync(folder);
    journal_read_close(r);
    return rc;
}

void journal_sweep(const char *folder)
{
    struct journal_reader *r = journal_read(folder);
    for (size_t i = 0, n; r && i < r->n_names; i++) {
        struct text path = journal_segment_path(r, i);
        struct stat st;
        if (journal_segment_number(r->names[i], &n) > 0 && lstat(text_s(&path), &st) == 0 && S_ISREG(st.st_mode) &&
            st.st_size == 0)
            unlink(text_s(&path));
        text_free(&path);
    }
    journal_read_close(r);
}
