/* Selections over texts of any bytes: the first line is the selection, each further line a text.  What is chosen is one of
 * them, scores are numbers or -inf, and choosing again gives the same. */
#include "base/err.h"
#include "decode/select.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MOST = 24, MOST_BYTES = 300 };

static void choose(const char *how, const struct select_text texts[], size_t n)
{
    double score[MOST];
    struct select *s = select_open(how);
    if (!s) {
        if (!*err_text() || err_code() != ERR_USAGE)
            abort();
        return;
    }
    struct select *same = select_open(select_canonical(s));
    struct select_choice a = select_choose(s, texts, n, score);
    if (!same || a.utilities > n * n || (a.chosen != SELECT_NONE && a.chosen >= n))
        abort();
    struct select_choice b = select_choose(same, texts, n, NULL);
    if (a.chosen != b.chosen || a.utilities != b.utilities)
        abort();
    for (size_t i = 0; i < n; i++)
        if (isnan(score[i]) || (a.chosen != SELECT_NONE && score[i] > score[a.chosen]))
            abort();
    select_close(same);
    select_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const all[] = { "best(mean)",        "vote(number)", "vote(boxed)",
                                       "vote(letter)",      "vote(line)",   "mbr(prune=0.9)",
                                       "mbr(bleu)",         "mbr(rouge_l)", "mbr(exact, weight=model)",
                                       "vote(weight=model)" };
    struct select_text texts[MOST];
    size_t n_texts = 0, at = 0;
    const uint8_t *end = memchr(data, '\n', n);
    size_t first = end ? (size_t)(end - data) : n;
    char *how = malloc(first + 1);
    if (!how)
        abort();
    memcpy(how, data, first);
    how[first] = '\0';
    for (at = first + 1; at < n && n_texts < MOST; n_texts++) {
        const uint8_t *stop = memchr(data + at, '\n', n - at);
        size_t length = stop ? (size_t)(stop - data) - at : n - at;
        texts[n_texts] = (struct select_text){ .text = (const char *)data + at,
                                               .n = length < MOST_BYTES ? length : MOST_BYTES,
                                               .logp = -(double)(length % 7),
                                               .length = (double)(length % 5),
                                               .log_weight = (double)(length % 3),
                                               .judge = NAN,
                                               .reward = NAN };
        at += length + 1;
    }
    choose(how, texts, n_texts);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        choose(all[i], texts, n_texts);
    free(how);
    return 0;
}
