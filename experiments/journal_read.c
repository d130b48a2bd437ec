#include "base/err.h"
#include "base/mem.h"
#include "experiments/frame.h"
#include "experiments/journal.h"
#include "experiments/pack.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct journal_reader {
    char *folder;
    char **names; /* (n_names,) segments, sorted */
    size_t n_names, cap_names;
    size_t next;       /* segment to open next */
    struct text bytes; /* the open segment */
    uint64_t at;       /* place in it */
    uint64_t n_frames; /* whole frames of it so far */
    struct journal_damage *damage;
    size_t n_damage, cap_damage;
};

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
    DIR *d = opendir(folder);
    if (!d && errno != ENOENT) {
        err_set(ERR_IO, "%s: cannot read the folder: %s", folder, strerror(errno));
        journal_read_close(r);
        return NULL;
    }
    for (struct dirent *e; d && (e = readdir(d));) {
        if (!name_is_segment(e->d_name))
            continue;
        mem_grow(&r->names, &r->cap_names, r->n_names + 1, sizeof *r->names);
        r->names[r->n_names++] = mem_string(e->d_name);
    }
    if (d)
        closedir(d);
    if (r->n_names > 1)
        qsort(r->names, r->n_names, sizeof *r->names, name_order);
    return r;
}

static void damage_add(struct journal_reader *r, uint64_t offset, uint64_t bytes, const char *reason)
{
    mem_grow(&r->damage, &r->cap_damage, r->n_damage + 1, sizeof *r->damage);
    r->damage[r->n_damage++] = (struct journal_damage){
        .segment = mem_string(r->names[r->next - 1]), .offset = offset, .bytes = bytes, .reason = reason
    };
}

static int segment_load(struct journal_reader *r)
{
    struct text path = { 0 };
    text_addf(&path, "%s/%s", r->folder, r->names[r->next++]);
    int rc = text_read_file(&r->bytes, text_s(&path), (size_t)JOURNAL_MAX_FRAME * 2);
    text_free(&path);
    r->at = r->n_frames = 0;
    return rc;
}

/* A seal says how many frames stood before it: more than were found means that some were cut out or damaged. */
static void seal_check(struct journal_reader *r, const struct frame *f)
{
    struct unpack u = unpack_over(f->payload, f->n);
    uint64_t n = unpack_u64(&u);
    if (!unpack_done(&u) || n != r->n_frames)
        damage_add(r, r->at, 0, "frames are missing before the seal");
}

/* Something at r->at is no frame: names it and goes to the next place where a whole frame stands, or to the end. */
static void resynchronise(struct journal_reader *r, enum frame_state state)
{
    const uint8_t *s = (const uint8_t *)r->bytes.s;
    uint64_t start = r->at, n = r->bytes.len;
    struct frame f;
    while (++r->at < n)
        if (frame_read(s + r->at, n - r->at, &f) == FRAME_WHOLE)
            break;
    static const char *const reason[] = {
        [FRAME_WHOLE] = "", [FRAME_NONE] = "no frame here", [FRAME_TORN] = "torn end", [FRAME_CHECKSUM] = "checksum"
    };
    bool whole_after = r->at < n;
    damage_add(r, start, r->at - start, state == FRAME_TORN && whole_after ? "checksum" : reason[state]);
}

int journal_next(struct journal_reader *r, const void **payload, size_t *n)
{
    for (;;) {
        if (r->at >= r->bytes.len) {
            if (r->next == r->n_names)
                return 0;
            TRY(segment_load(r));
            continue;
        }
        struct frame f;
        enum frame_state state = frame_read((const uint8_t *)r->bytes.s + r->at, r->bytes.len - r->at, &f);
        if (state != FRAME_WHOLE) {
            resynchronise(r, state);
            continue;
        }
        if (f.magic == FRAME_SEAL)
            seal_check(r, &f);
        r->at += JOURNAL_HEADER + f.n;
        if (f.magic == FRAME_SEAL)
            continue;
        r->n_frames++;
        *payload = f.payload;
        *n = f.n;
        return 1;
    }
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
    text_free(&r->bytes);
    free(r->folder);
    free(r);
}
