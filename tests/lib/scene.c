#include "tests/lib/scene.h"
#include "base/err.h"
#include "decode/chain.h"
#include "tests/lib/check.h"
#include "tests/lib/dist_case.h"
#include <math.h>
#include <string.h>

static struct rng_key key;
static uint32_t drawn;
static struct row_work *work;

void scene_open(uint64_t seed)
{
    struct rng_address a = { .seed = seed, .purpose = RNG_TEST };
    key = rng_key(&a);
    drawn = 0;
    work = row_work_alloc(SCENE_V);
}

void scene_close(void)
{
    row_work_free(work);
}

uint32_t scene_below(uint32_t n)
{
    uint32_t words[4];
    rng_words(&key, drawn++, words);
    return words[0] % n;
}

sym_t scene_said(const struct scene *s, size_t i)
{
    return i < s->n_prompt ? s->prompt[i] : s->made[i - s->n_prompt];
}

struct scene scene_random(uint32_t n, uint32_t alphabet, const struct space *space)
{
    struct scene s = {
        .space = space, .n = n, .n_prompt = scene_below(SCENE_SAID / 2), .n_made = scene_below(SCENE_SAID)
    };
    for (uint32_t v = 0; v < n; v++)
        s.score[v] = scene_below(8) == 0 ? -INFINITY : (float)((int)scene_below(512) - 256) / 64;
    for (size_t i = 0; i < SCENE_SAID; i++) {
        s.prompt[i] = scene_below(alphabet);
        s.made[i] = scene_below(alphabet);
    }
    return s;
}

struct transform_at scene_at(const struct scene *s)
{
    static struct rng_address address = { .seed = 1, .purpose = RNG_DRAW };
    return (struct transform_at){ .space = s->space,
                                  .prompt = s->prompt,
                                  .n_prompt = s->n_prompt,
                                  .made = s->made,
                                  .n_made = s->n_made,
                                  .address = &address,
                                  .work = work };
}

int scene_apply(const char *text, const struct scene *s, float score[], struct row *r)
{
    _Alignas(16) unsigned char state[256];
    struct chain *c = chain_parse(text);
    check(c && chain_state_size(c) <= sizeof state, "%s: %s", text, err_text());
    if (!c)
        return ERR_USAGE;
    int rc = s->space ? chain_bind(c, s->space) : 0;
    struct transform_at at = scene_at(s);
    memcpy(score, s->score, s->n * sizeof *score);
    *r = row_over(score, s->n);
    check(row_measure(r) == 0, "measured");
    chain_start(c, state);
    if (rc == 0)
        rc = chain_apply(c, state, r, &at, NULL);
    chain_free(c);
    return rc;
}

void scene_compare(const char *text, const struct scene *s, const double want[])
{
    float score[SCENE_V];
    struct row r;
    check(scene_apply(text, s, score, &r) == 0, "%s: %s", text, err_text());
    for (uint32_t v = 0; v < s->n; v++)
        check_near((double)score[v], s->score[v] > -INFINITY ? want[v] : MASKED, 1e-4 * (1 + fabs(want[v])),
                   "%s: symbol %u of %u, %zu said", text, v, s->n, s->n_prompt + s->n_made);
}

struct space *scene_space(uint32_t n, char bytes[], uint64_t offsets[])
{
    uint8_t special[SCENE_V] = { 0 };
    sym_t end = n - 1;
    offsets[0] = 0;
    for (uint32_t v = 0; v < n; v++) {
        uint32_t len = v == end ? 0 : v < 3 ? 1 : 1 + scene_below(4);
        for (uint32_t k = 0; k < len; k++)
            bytes[offsets[v] + k] = (char)('a' + (v < 3 ? v : scene_below(3)));
        offsets[v + 1] = offsets[v] + len;
    }
    special[end] = 1;
    return space_alloc(SPACE_TOKEN, n, (const uint8_t *)bytes, offsets, special, &end, 1);
}

size_t scene_text(const struct scene *s, char text[], size_t ends[])
{
    size_t n = 0, all = s->n_prompt + s->n_made;
    for (size_t i = 0; i < all; i++) {
        size_t len;
        const uint8_t *bytes = space_text(s->space, scene_said(s, i), &len);
        memcpy(text + n, bytes, len);
        n += len;
        ends[i] = n;
    }
    text[n] = '\0';
    return n;
}
