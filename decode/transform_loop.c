/* loop(window, period, count, ends): ends a text that goes round in circles.
 *
 * A loop is a text (the prompt left out) whose last `window` symbols repeat with a period of at most `period` symbols; or,
 * with count > 0, one that ends in a block of at most `period` symbols said `count` times in a row within the window.
 * Then every symbol but the end symbols is masked, so that the next draw ends the text; where none of them is left, the
 * distribution is dead and ends the hypothesis as that.  period = 0 is a third of the window.
 *
 * window may be at most ROW_WORK_TAIL.  Other systems: vLLM's repetition_detection is the form with count, ExLlama's
 * LoopDetector the one without; both end generation. */
#include "base/err.h"
#include "decode/transforms.h"
#include <math.h>

/* tail[k] is how far the last n symbols agree with themselves k places on. */
static bool looping(const struct transform *t, const struct transform_at *at)
{
    uint32_t window = transform_count(t, 0), count = transform_count(t, 2);
    uint32_t period = transform_count(t, 1) > 0 ? transform_count(t, 1) : window / 3;
    struct transform_at text = *at;
    text.n_prompt = 0;
    if (at->n_made < window && count == 0)
        return false;
    size_t n = transform_tail(&text, window);
    for (size_t p = 1; p <= period && p < n; p++) {
        if (count == 0 ? p + at->work->tail[p] >= n : p * count <= p + at->work->tail[p])
            return true;
    }
    return false;
}

static int loop_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    (void)state;
    if (!looping(t, at))
        return 0;
    return transform_only_ends(t->extra, r, at);
}

static const struct param loop_params[] = {
    { .name = "window",
      .kind = PARAM_INT,
      .min = 2,
      .max = ROW_WORK_TAIL,
      .value = 1000,
      .meaning = "last symbols of the text that are looked at" },
    { .name = "period",
      .kind = PARAM_INT,
      .max = ROW_WORK_TAIL,
      .meaning = "longest block in symbols; 0 is a third of the window" },
    { .name = "count",
      .kind = PARAM_INT,
      .max = ROW_WORK_TAIL,
      .meaning = "times that a block is said in a row; 0: all through the window" },
    { .name = "ends", .kind = PARAM_LIST, .meaning = "symbols that end the text besides the space's own" },
};

const struct transform_type transform_loop = {
    .name = "loop",
    .params = loop_params,
    .n_params = 4,
    .meaning = "ends a text that repeats one block over and over",
    .domain = "logits",
    .source = "ExLlamaV3 LoopDetector, vLLM RepetitionDetectionParams",
    .shown = { "loop(8, count=2, ends=[7])" },
    .start = transform_start_none,
    .apply = loop_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .prepare = transform_prepare_ends,
    .release = transform_release_phrases,
};
