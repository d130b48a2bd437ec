/* Quality against entropy: decoders are compared at equal entropy, not at equal knobs (Zhang et al., arXiv 2004.10450).
 * Both per byte, since lms over tokens, bytes and letters stand in one figure. */
#include "plots/curves.h"

static int draw(const struct figure_data *d, struct text *script)
{
    const struct summary_metric *entropy = summary_find(d->summary, "sampler_bpb");
    const struct summary_metric *quality = summary_find(d->summary, "judge_bpb");
    if (!entropy || !quality)
        return 1;
    return curves_draw(d, entropy, quality, 460, script);
}

const struct figure_type figure_quality = {
    .name = "quality",
    .title = "Quality against entropy",
    .about =
        "The judge's bits per byte of a draw against those under the distributions that it was drawn from: how "
        "freely a strategy draws. Compare lms and settings at equal entropy. Very likely text is not the best text. "
        "One colour an lm; the numbers are those of the table of settings; bars are 95 % bootstrap intervals over "
        "items.",
    .draw = draw,
};
