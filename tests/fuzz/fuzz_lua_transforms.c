/* The body of a transform of a script, on a small row: whatever it says, the row is left measured or the step fails. */
#include "base/err.h"
#include "experiments/lua_transforms.h"
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

enum { N = 24 };

static void apply(const struct lua_transforms *s)
{
    static const sym_t said[] = { 1, 2, 3 };
    struct chain *c = lua_transforms_chain(s, "fuzz=0.5");
    struct row_work *work = row_work_alloc(N);
    struct rng_address address = { .seed = 1, .purpose = RNG_TEST };
    struct transform_at at = { .made = said, .n_made = 3, .address = &address, .work = work };
    double state[2] = { 0 };
    float score[N];
    struct row r = row_over(score, N);
    for (uint32_t v = 0; v < N; v++)
        score[v] = v % 7 == 3 ? -INFINITY : (float)(v * 5 % 11) * .3f;
    int ok = row_measure(&r);
    assert(ok == 0 && c);
    chain_start(c, state);
    if (chain_apply(c, state, &r, &at, NULL) == 0) {
        double log_z = r.log_z;
        ok = row_measure(&r);
        assert(ok == 0 && (log_z == r.log_z || fabs(log_z - r.log_z) <= 1e-5 * (1 + fabs(log_z))));
        for (uint32_t v = 3; v < N; v += 7)
            assert(score[v] == -INFINITY);
    }
    chain_free(c);
    row_work_free(work);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct text source = { 0 };
    text_add(&source, "local a, t = 1, { 1, 2 }\ntransform { name = 'fuzz', params = { 'p' }, state = { x = 1 },\n"
                      "function(row, p, s)\n");
    text_addn(&source, data, n);
    text_add(&source, "\nend }\n");
    struct lua_transforms *s = lua_transforms_open("fuzz.lua", &source, NULL, 0);
    struct chain *c = s ? lua_transforms_chain(s, "fuzz=0.5") : NULL;
    if (c)
        apply(s);
    chain_free(c);
    lua_transforms_close(s);
    text_free(&source);
    return 0;
}
