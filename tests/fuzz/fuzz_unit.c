/* Payloads of journal frames, any bytes: the head and the whole of a result, whose every number can be read. */
#include "experiments/unit.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static double sum_of_trace(const struct unit_trace *t)
{
    double sum = 0;
    for (size_t i = 0; i < t->n * t->n_chain; i++)
        sum += t->kept[i] + (double)t->mass[i] + (double)t->entropy[i] + (double)t->kl[i];
    for (size_t i = 0; i < t->n && t->kind >= TRACE_TOPK; i++)
        sum += t->log_z[i] + (t->kind == TRACE_TOPK ? t->tail[i] + (double)t->chosen[i] : 0);
    for (size_t i = 0; i < t->n * t->width; i++)
        sum += (double)t->score[i] + (t->kind == TRACE_TOPK ? t->id[i] : 0);
    return sum;
}

static double sum_of(const struct unit_record *h)
{
    double sum = sum_of_trace(&h->trace);
    if (h->trace.n > h->n_steps + 1 || h->accepted > h->n_steps || h->accepted > h->proposed)
        abort();
    for (size_t i = 0; i < h->n_text; i++)
        sum += (unsigned char)h->text[i];
    for (size_t i = 0; i < h->n_steps; i++)
        sum += h->symbol[i] + h->kept[i] + (double)h->logp[i] + (double)h->logp_final[i] + (double)h->mass[i];
    for (size_t i = 0; i < h->n_steps; i++)
        sum += (double)(h->data_entropy[i] + h->disagreement[i] + h->epkl[i] + h->rmi[i] + h->agreement[i]);
    for (size_t i = 0; i < h->n_steps * h->n_voices; i++)
        sum += (double)(h->voice_logp[i] + h->voice_share[i] + h->voice_weight[i]);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct unit_head head;
    struct unit_result r;
    double sum = 0;
    bool ours = unit_head(data, n, &head);
    if (unit_decode(data, n, &r) < 0)
        return 0;
    if (!ours || head.frame != UNIT_RESULT || !unit_key_equal(head.key, r.key))
        abort();
    for (size_t i = 0; i < r.n_records; i++)
        sum += sum_of(&r.records[i]);
    for (size_t i = 0; i < r.n_choices; i++)
        sum += r.choice_logp[i] + r.choice_symbols[i];
    for (size_t i = 0; i < r.n_prompt; i++)
        sum += r.prompt[i];
    unit_fini(&r);
    static volatile double read; /* so that the compiler cannot leave the reading out */
    read = sum;
    (void)read;
    return 0;
}
