#include "base/err.h"
#include "base/mem.h"
#include "experiments/journal_inside.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A frame is looked for at every byte after damage; what a segment may cost then, in times its size, so that a file made
 * of beginnings of frames cannot keep a reader busy. */
#define LOOKS 16u

static int name_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool name_is_segment(const char *name)
{
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".seg") == 0;
}

struct journal_reader *journal_read(const char *folder)
{
    struct journal_reader *r = mem_alloc(1, sizeof *r);
    r->folder = mem_string(folder);
    for (size_t i = 0; i < JOURNAL_FDS; i++)
        r->open[i].fd = -1;
    DIR *d = opendir(folder);
    if (!d && errno != ENOENT) {
        err_set(ERR_IO, "%s: cannot read the folder: %s", folder, strerror(errno));
        journal_read_close(r);
        return NULL;
    }
    errno = 0; /* readdir() tells an error from the end by it alone */
    for (struct dirent *e; d && (e = readdir(d)); errno = 0) {
        if (!name_is_segment(e->d_name))
            continue;
        mem_grow(&r->names, &r->cap_names, r->n_names + 1, sizeof *r->names);
        r->names[r->n_names++] = mem_string(e->d_name);
    }
    bool listed = !d || errno == 0;
    if (!listed)
        err_set(ERR_IO, "%s: cannot read the folder: %s", folder, strerror(errno));
    if (d)
        closedir(d);
    if (!listed) {
        journal_read_close(r);
        return NULL;
    }
    if (r->n_names > 1)
        qsort(r->names, r->n_names, sizeof *r->names, name_order);
    return r;
}

struct text journal_segment_path(const struct journal_reader *r, size_t segment)
{
    struct text path = { 0 };
    text_addf(&path, "%s/%s", r->folder, r->names[segment]);
    return path;
}

static struct journal_damage *damage_add(struct journal_reader *r, uint64_t offset, uint64_t bytes, const char *reason)
{
    mem_grow(&r->damage, &r->cap_damage, r->n_damage + 1, sizeof *r->damage);
    struct journal_damage *d = &r->damage[r->n_damage++];
    *d = (struct journal_damage){
        .segment = mem_string(r->names[r->next - 1]), .offset = offset, .bytes = bytes, .reason = reason
    };
    return d;
}

int journal_segment_load(struct journal_reader *r)
{
    struct text path = journal_segment_path(r, r->next++);
    int rc = text_read_regular(&r->bytes, text_s(&path), (size_t)JOURNAL_MAX_FRAME * 2);
    if (rc == ERR_IO && access(text_s(&path), F_OK) < 0 && errno == ENOENT)
        rc = 0; /* listed, then swept by a run that began: it held nothing */
    text_free(&path);
    r->at = r->n_frames = r->looked_at = 0;
    r->sealed = false;
    r->n_damage_before = r->n_damage;
    return rc;
}

/* A seal says how many frames stood before it: more than were found means that some were cut out or damaged. */
static void seal_check(struct journal_reader *r, const struct frame *f)
{
    uint64_t n;
    struct unpack u;
    r->sealed = true;
    bool named = r->n_damage > r->n_damage_before; /* what is damaged is missing too: once is enough */
    if (!named && (!frame_seal_read(f, &n, &u) || n != r->n_frames))
        damage_add(r, r->at, 0, "frames are missing before the seal");
}

/* Whether a whole frame stands at r->at; looking for one has its price. */
static bool frame_found(struct journal_reader *r)
{
    struct frame f;
    enum frame_state state = frame_read((const uint8_t *)r->bytes.s + r->at, r->bytes.len - r->at, &f);
    if (state == FRAME_CHECKSUM)
        r->looked_at += f.n;
    return state == FRAME_WHOLE;
}

/* Whether the segment ends as sealed ones do: then it was never cut, whatever its seal looks like now. */
static bool ends_sealed(const struct journal_reader *r)
{
    if (r->bytes.len < FRAME_TRAILER)
        return false;
    struct unpack u = unpack_over(r->bytes.s + r->bytes.len - 4, 4);
    return unpack_u32(&u) == FRAME_END;
}

/* The next place at which a frame may begin: all of them begin with the same byte. */
static uint64_t next_beginning(const struct journal_reader *r)
{
    uint64_t at = r->at + 1;
    const char *c = at < r->bytes.len ? memchr(r->bytes.s + at, FRAME_FIRST_BYTE, r->bytes.len - at) : NULL;
    return c ? (uint64_t)(c - r->bytes.s) : r->bytes.len;
}

/* Something at r->at is no frame: names it and goes to the next place where a whole frame stands, or to the end. */
static void resynchronise(struct journal_reader *r, enum frame_state state)
{
    static const char *const reason[] = {
        [FRAME_WHOLE] = "", [FRAME_NONE] = "no frame here", [FRAME_TORN] = "torn end", [FRAME_CHECKSUM] = "checksum"
    };
    uint64_t start = r->at, n = r->bytes.len;
    while ((r->at = next_beginning(r)) < n && !frame_found(r))
        if (r->looked_at / LOOKS > n)
            r->at = n - 1;
    bool last = r->at >= n;
    struct journal_damage *d =
        damage_add(r, start, r->at - start, state == FRAME_TORN && !last ? "checksum" : reason[state]);
    d->torn = last && !r->sealed && !ends_sealed(r) && state == FRAME_TORN;
}

int journal_segment_next(struct journal_reader *r, struct frame *f)
{
    while (r->at < r->bytes.len) {
        enum frame_state state = frame_read((const uint8_t *)r->bytes.s + r->at, r->bytes.len - r->at, f);
        if (state != FRAME_WHOLE) {
            resynchronise(r, state);
            continue;
        }
        if (f->magic == FRAME_SEAL)
            seal_check(r, f);
        uint64_t start = r->at;
        r->at += JOURNAL_HEADER + f->n;
        if (f->magic == FRAME_SEAL)
            continue;
        r->n_frames++;
        r->place = (struct journal_place){ .segment = (uint32_t)(r->next - 1), .n = f->n, .offset = start };
        return 1;
    }
    return 0;
}

int journal_next(struct journal_reader *r, const void **payload, size_t *n)
{
    struct frame f;
    while (journal_segment_next(r, &f) == 0) {
        if (r->next == r->n_names)
            return 0;
        TRY(journal_segment_load(r));
    }
    *payload = f.payload;
    *n = f.n;
    return 1;
}

struct journal_place journal_place(const struct journal_reader *r)
{
    return r->place;
}

const struct journal_damage *journal_damage(const struct journal_reader *r, size_t *n)
{
    *n = r->n_damage;
    return r->damage;
}

void journal_read_close(struct journal_reader *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n_names; i++)
        free(r->names[i]);
    for (size_t i = 0; i < r->n_damage; i++)
        free(r->damage[i].segment);
    free(r->names);
    free(r->damage);
    for (size_t i = 0; i < JOURNAL_FDS; i++)
        if (r->open[i].fd >= 0)
            close(r->open[i].fd);
    text_free(&r->bytes);
    text_free(&r->fetched);
    free(r->folder);
    free(r);
}
