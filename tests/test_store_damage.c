/* The journal of a real run of four sessions, damaged on the disk: cut at every byte, single bits flipped.  Every whole
 * undamaged frame is still read, the damage is named, and the same command computes again what is gone: the datasets are
 * those of the undisturbed run.  The reader sees every trial, the program a share of them. */
#include "base/hash.h"
#include "experiments/journal.h"
#include "tests/lib/acked.h"
#include "tests/lib/check.h"
#include "tests/lib/disk.h"
#include "tests/lib/h5same.h"
#include "tests/lib/store.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED     20261127u
#define MAX_SEGS 8

struct segment {
    char name[64]; /* "journal/run-000001.seg" */
    struct text bytes;
};

struct place {
    size_t segment, start, end; /* of a frame, with its header */
    uint64_t hash;
};

static struct segment segments[MAX_SEGS];
static size_t n_segments;
static struct place places[ACKED_MAX];
static size_t n_places;
static uint64_t state = SEED;

static size_t draw(size_t below)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (size_t)((state >> 11) % below);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct segment *)a)->name, ((const struct segment *)b)->name);
}

static void load_segments(void)
{
    char path[600];
    snprintf(path, sizeof path, "%s/journal", store_path("base"));
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d)) && n_segments < MAX_SEGS;)
        if (strstr(e->d_name, ".seg"))
            snprintf(segments[n_segments++].name, sizeof segments->name, "journal/%.40s", e->d_name);
    closedir(d);
    qsort(segments, n_segments, sizeof *segments, by_name);
    for (size_t i = 0; i < n_segments; i++)
        segments[i].bytes = disk_read(store_path("base"), segments[i].name);
}

/* Where each frame stands: its payload is looked for in the segments. */
static void find_frames(void)
{
    char path[600];
    snprintf(path, sizeof path, "%s/journal", store_path("base"));
    struct journal_reader *r = journal_read(path);
    const void *payload;
    size_t n, at = 0, segment = 0;
    while (journal_next(r, &payload, &n) > 0) {
        const char *found = NULL;
        while (segment < n_segments) {
            struct text *t = &segments[segment].bytes;
            if ((found = memmem(t->s + at, t->len - at, payload, n)))
                break;
            segment++;
            at = 0;
        }
        check(found != NULL, "frame %zu stands in a segment", n_places);
        if (!found)
            break;
        size_t start = (size_t)(found - segments[segment].bytes.s);
        places[n_places++] = (struct place){ segment, start - JOURNAL_HEADER, start + n, hash_bytes(payload, n, 0) };
        at = start + n;
    }
    journal_read_close(r);
}

/* Four sessions: two interrupted, one killed, one to the end; so three sealed segments and one that is not. */
static void make_base(void)
{
    static const char *const ends[] = { "SHIM_FAULT=int", "SHIM_FAULT=int", "SHIM_FAULT=kill" };
    static const int status[] = { 130, 130, 128 + 9 };
    for (size_t i = 0; i < 3; i++) {
        struct store_end end = store_run(
            "base", STORE_SETTINGS("SHIM_CLOCK_SCALE=1000000", ends[i], "SHIM_MATCH=.seg", "SHIM_AT=5", "--batch=2"));
        check(end.status == status[i], "session %zu of the base: status %d: %s", i + 1, end.status, end.message);
    }
    store_heals("base", "base");
    disk_remove(store_path("base"), "results.h5");
    load_segments();
    find_frames();
    check(n_segments == 4 && n_places > 20, "%zu segments with %zu frames", n_segments, n_places);
}

static size_t n_lost, n_unnamed, n_differ;

/* The reader returns every frame of which [from, to) of the segment takes nothing, and nothing else. */
static void judge_reader(const char *what, size_t segment, size_t from, size_t to)
{
    struct acked now;
    acked_read(&now, store_path("trial"));
    size_t left = 0;
    for (size_t i = 0; i < n_places; i++) {
        const struct place *p = &places[i];
        bool hit = p->segment == segment && p->start < to && from < p->end;
        size_t k = 0;
        while (k < now.n && now.hash[k] != p->hash)
            k++;
        bool there = k < now.n;
        left += there;
        n_lost += !hit && !there;
        check(hit || there, "%s: frame %zu, undamaged, is lost", what, i);
    }
    check(now.n == left, "%s: %zu frames come back that were never written", what, now.n - left);
}

static void judge_program(const char *what, bool must_be_named, const char *segment)
{
    struct store_end end = store_run("trial", STORE_PLAIN);
    const char *name = strrchr(segment, '/') + 1;
    check(end.status == 0, "%s: the same command again: status %d: %s", what, end.status, end.message);
    bool same = end.status == 0 && store_same("trial"), named = strstr(end.message, name) != NULL;
    n_differ += !same;
    n_unnamed += must_be_named && !named;
    check(same, "%s: other datasets: %s", what, end.status == 0 ? h5same_difference() : "none");
    check(!must_be_named || named, "%s: no word about %s on stderr: '%s'", what, name, end.message);
}

static void trial_again(bool *dirty)
{
    if (*dirty)
        store_copy("base", "trial");
    *dirty = false;
}

static void cut_everywhere(void)
{
    size_t all = 0, n = 0, ran = 0;
    char what[128];
    bool dirty = true;
    for (size_t i = 0; i < n_segments; i++)
        all += segments[i].bytes.len;
    size_t runs = store_trials(16, all);
    n_lost = n_differ = 0;
    for (size_t i = 0; i < n_segments; i++) {
        const struct segment *s = &segments[i];
        for (size_t cut = 0; cut < s->bytes.len; cut++, n++) {
            snprintf(what, sizeof what, "%.63s cut at %zu", s->name, cut);
            trial_again(&dirty);
            disk_write(store_path("trial"), s->name, s->bytes.s, cut);
            judge_reader(what, i, cut, s->bytes.len);
            if (runs >= all || n * runs / all != (n + 1) * runs / all) {
                judge_program(what, false, s->name);
                dirty = true;
                ran++;
            }
        }
        store_copy("base", "trial");
        dirty = false;
    }
    printf("cuts: %zu places, %zu undamaged frames lost; %zu resumed, %zu differ\n", n, n_lost, ran, n_differ);
}

/* The length of a segment's last frame, with no seal behind it: another length looks as a torn end does, which is no
 * damage but what a kill leaves. */
static bool looks_torn(size_t segment, size_t at)
{
    for (size_t i = 0; i < n_places; i++)
        if (places[i].segment == segment && places[i].end == segments[segment].bytes.len)
            return at >= places[i].start + 4 && at < places[i].start + 8;
    return false;
}

static void flip_bits(void)
{
    enum { FLIPS = 1500 };
    size_t runs = store_trials(24, FLIPS), ran = 0, all = 0;
    char what[128];
    bool dirty = true;
    n_lost = n_unnamed = n_differ = 0;
    for (size_t i = 0; i < n_segments; i++)
        all += segments[i].bytes.len;
    for (size_t t = 0; t < FLIPS; t++) {
        size_t at = draw(all), bit = draw(8), i = 0;
        for (; at >= segments[i].bytes.len; i++)
            at -= segments[i].bytes.len;
        struct segment *s = &segments[i];
        snprintf(what, sizeof what, "%.63s, bit %zu of byte %zu", s->name, bit, at);
        trial_again(&dirty);
        s->bytes.s[at] = (char)(s->bytes.s[at] ^ 1 << bit);
        disk_write(store_path("trial"), s->name, s->bytes.s, s->bytes.len);
        s->bytes.s[at] = (char)(s->bytes.s[at] ^ 1 << bit);
        judge_reader(what, i, at, at + 1);
        if (t * runs / FLIPS != (t + 1) * runs / FLIPS) {
            judge_program(what, !looks_torn(i, at), s->name);
            dirty = true;
            ran++;
        }
        disk_write(store_path("trial"), s->name, s->bytes.s, s->bytes.len);
    }
    printf("bit flips: %d, %zu undamaged frames lost; %zu resumed, %zu without a word, %zu differ\n", FLIPS, n_lost,
           ran, n_unnamed, n_differ);
}

int main(void)
{
    store_open("store_damage");
    make_base();
    cut_everywhere();
    flip_bits();
    for (size_t i = 0; i < n_segments; i++)
        text_free(&segments[i].bytes);
    store_close();
    return check_done("store_damage");
}
