/* vote: the answer that has the most weight; of the texts that give it, the most probable stands for it. */
#include "base/err.h"
#include "base/mem.h"
#include "decode/answer.h"
#include "decode/select.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER, WEIGHT };

static const struct answer_type *answer_of(const struct spec_value value[])
{
    return answer_type(value[ANSWER].text ? value[ANSWER].text : "text");
}

static int vote_check(const struct spec_value value[])
{
    return answer_of(value) ? select_weights(value[WEIGHT].text, NULL, 0, NULL) : ERR_USAGE;
}

/* first[i]: the first text with the answer of text i; n: it has none. */
static void group(const struct answer_type *answer, const struct select_text texts[], size_t n, size_t first[])
{
    struct text *found = mem_alloc(n, sizeof *found);
    for (size_t i = 0; i < n; i++) {
        first[i] = n;
        if (!answer->find(texts[i].text, texts[i].n, &found[i]))
            continue;
        size_t k = 0;
        while (k < i && (first[k] == n || found[k].len != found[i].len ||
                         memcmp(text_s(&found[k]), text_s(&found[i]), found[i].len) != 0))
            k++;
        first[i] = k;
    }
    for (size_t i = 0; i < n; i++)
        text_free(&found[i]);
    free(found);
}

/* The representative of an answer scores the answer's weight; its other texts are not chosen. */
static size_t vote_rank(const struct spec_value value[], const struct select_text texts[], size_t n, double score[])
{
    size_t *first = mem_alloc(n, sizeof *first), *best = mem_alloc(n, sizeof *best);
    double *weight = mem_alloc(n, sizeof *weight), *sum = mem_alloc(n, sizeof *sum);
    int rc = select_weights(value[WEIGHT].text, texts, n, weight);
    group(answer_of(value), texts, n, first);
    for (size_t i = 0; i < n && rc == 0; i++) {
        score[i] = -INFINITY;
        if (first[i] == n)
            continue;
        sum[first[i]] += weight[i];
        if (first[i] == i || texts[i].logp > texts[best[first[i]]].logp)
            best[first[i]] = i;
    }
    for (size_t i = 0; i < n && rc == 0; i++)
        if (first[i] == i)
            score[best[i]] = sum[i];
    free(first);
    free(best);
    free(weight);
    free(sum);
    return 0;
}

static const struct param params[] = {
    [ANSWER] = { .name = "answer",
                 .kind = PARAM_TEXT,
                 .meaning = "what is voted on: text (default), line, number, boxed, letter" },
    [WEIGHT] = { .name = "weight", .kind = PARAM_TEXT, .meaning = "of a text: uniform (default) or model" },
};

const struct select_type select_vote = {
    .name = "vote",
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .meaning = "the answer that most texts give, or the most probable ones",
    .source = "self-consistency: Wang et al. 2023, arXiv 2203.11171",
    .check = vote_check,
    .rank = vote_rank,
};
