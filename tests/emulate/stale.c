#include "tests/emulate/stale.h"
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST ((size_t)1 << 20) /* bytes of what is hidden: a batch, not weights */

struct piece {
    char *at, *truth; /* truth: what is there, while it is hidden */
    size_t n;
    unsigned times;
    uint64_t used;
};

static struct {
    pthread_mutex_t lock;
    struct piece piece[32];
    uint64_t now;
    int hidden;
} s = { .lock = PTHREAD_MUTEX_INITIALIZER };

#define PIECES (sizeof s.piece / sizeof *s.piece)

/* That of a place, or in place of the one that has not been used for longest. */
static struct piece *piece_of(char *at)
{
    struct piece *oldest = s.piece;
    for (struct piece *p = s.piece; p < s.piece + PIECES; p++) {
        if (p->at == at)
            return p;
        oldest = p->used < oldest->used ? p : oldest;
    }
    oldest->at = at;
    oldest->n = oldest->times = 0;
    return oldest;
}

void stale_copy(void *to, const void *from, size_t bytes)
{
    pthread_mutex_lock(&s.lock);
    memmove(to, from, bytes);
    struct piece *p = piece_of(to);
    p->n = bytes > p->n ? bytes : p->n;
    p->times++;
    p->used = ++s.now;
    pthread_mutex_unlock(&s.lock);
}

void stale_forget(const void *p, size_t bytes)
{
    pthread_mutex_lock(&s.lock);
    for (struct piece *own = s.piece; own < s.piece + PIECES; own++)
        if ((uintptr_t)own->at - (uintptr_t)p < bytes) {
            own->at = NULL;
            own->times = 0;
            own->used = 0;
        }
    pthread_mutex_unlock(&s.lock);
}

static int is_hidden(const struct piece *p)
{
    return p->times > 1 && p->n <= MOST;
}

void stale_hide(void)
{
    pthread_mutex_lock(&s.lock);
    for (struct piece *p = s.piece; p < s.piece + PIECES; p++) {
        if (!is_hidden(p))
            continue;
        p->truth = realloc(p->truth, p->n);
        if (!p->truth) {
            fprintf(stderr, "emulator: no memory for what is hidden\n");
            abort();
        }
        memcpy(p->truth, p->at, p->n);
        memset(p->at, 0xff, p->n);
    }
    s.hidden = 1;
}

void stale_show(void)
{
    for (struct piece *p = s.piece + PIECES; p-- > s.piece;) /* pieces may overlap: the first hidden comes back last */
        if (is_hidden(p))
            memcpy(p->at, p->truth, p->n);
    s.hidden = 0;
    pthread_mutex_unlock(&s.lock);
}

void stale_read(void *to, const void *from, size_t bytes)
{
    for (struct piece *p = s.piece; p < s.piece + PIECES; p++)
        if (s.hidden && is_hidden(p) && (uintptr_t)from - (uintptr_t)p->at < p->n)
            from = p->truth + ((uintptr_t)from - (uintptr_t)p->at);
    memcpy(to, from, bytes);
}
