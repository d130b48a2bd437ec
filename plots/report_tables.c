#include "plots/report_tables.h"
#include <ctype.h>
#include <math.h>
#include <string.h>

/* Valid UTF-8 without controls: what tables and their readers can hold.  */
static void clean(struct text *out, const char *s)
{
    for (size_t n = strlen(s); n > 0;) {
        uint32_t c = 0;
        int length = text_utf8(s, n, &c);
        size_t step = length > 0 ? (size_t)length : 1;
        if (length <= 0)
            text_add(out, "\xef\xbf\xbd");
        else if (c == 0x7f || (c < 0x20 && c != '\n' && c != '\t' && c != '\r'))
            text_add(out, " ");
        else
            text_addn(out, s, step);
        s += step;
        n -= step;
    }
}

void report_csv_cell(struct text *out, const char *s)
{
    struct text t = { 0 };
    clean(&t, s);
    text_add(out, "\"");
    if (t.len > 0 && strchr("=+-@\t\r", t.s[0]))
        text_add(out, "'"); /* a spreadsheet would compute it */
    for (size_t i = 0; i < t.len; i++)
        if (t.s[i] == '"')
            text_add(out, "\"\"");
        else
            text_addn(out, t.s + i, 1);
    text_add(out, "\"");
    text_free(&t);
}

void report_csv_head(struct text *out)
{
    text_add(out, "arm,lm,chain,search,metric,mean,low,high,items\n");
}

void report_csv(struct text *out, const struct figure_data *d)
{
    report_csv_head(out);
    report_csv_rows(out, d, NULL);
}

void report_csv_rows(struct text *out, const struct figure_data *d, const char *first)
{
    size_t n;
    const struct results_arm *arms = results_arms(d->results, &n);
    for (size_t arm = 0; arm < n; arm++)
        for (size_t m = 0; m < d->summary->n_metrics; m++) {
            const struct interval *i = &d->summary->metrics[m].arms[arm];
            const char *const fields[] = { arms[arm].name, arms[arm].lm, arms[arm].chain, arms[arm].search,
                                           d->summary->metrics[m].metric->name };
            const double values[] = { i->mean, i->low, i->high };
            if (first) {
                report_csv_cell(out, first);
                text_add(out, ",");
            }
            for (size_t k = 0; k < sizeof fields / sizeof *fields; k++) {
                report_csv_cell(out, fields[k]);
                text_add(out, ",");
            }
            for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
                if (isfinite(values[k]))
                    text_add_real(out, values[k]);
                else if (!isnan(values[k]))
                    text_add(out, values[k] > 0 ? "inf" : "-inf");
                text_add(out, ",");
            }
            text_addf(out, "%zu\n", i->n);
        }
}

static bool is_plain(const char *s)
{
    for (const unsigned char *c = (const unsigned char *)s; *c; c++)
        if (*c < 0x80 && !isalnum(*c) && !strchr(" ._:/=+-,;()%", *c))
            return false;
    return *s && strncmp(s, "http", 4) != 0 && strncmp(s, "www.", 4) != 0;
}

/* A code span: a fence longer than any run of backticks inside, no new lines; a bar ends a cell even in a code span. */
static void code_span(struct text *out, const char *s)
{
    size_t longest = 0, run = 0;
    for (const char *c = s; *c; c++) {
        run = *c == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    for (size_t i = 0; i <= longest; i++)
        text_add(out, "`");
    text_add(out, longest > 0 ? " " : "");
    for (const char *c = s; *c; c++)
        if (*c == '|')
            text_add(out, "\\|");
        else
            text_addn(out, strchr("\n\r\t", *c) ? " " : c, 1);
    text_add(out, longest > 0 ? " " : "");
    for (size_t i = 0; i <= longest; i++)
        text_add(out, "`");
}

static void code_cell(struct text *out, const char *s)
{
    struct text t = { 0 };
    clean(&t, s);
    code_span(out, *s ? text_s(&t) : " ");
    text_free(&t);
}

void report_markdown_cell(struct text *out, const char *s)
{
    struct text t = { 0 };
    clean(&t, s);
    if (is_plain(text_s(&t)))
        text_add(out, text_s(&t));
    else
        code_span(out, *s ? text_s(&t) : " ");
    text_free(&t);
}

static void markdown_interval(struct text *out, const struct figure_data *d, const struct summary_metric *m, size_t arm)
{
    const struct interval *i = &m->arms[arm];
    text_add(out, " ");
    if (!isnan(i->mean))
        text_addf(out, "%.4g", i->mean);
    if (isfinite(i->mean) && isfinite(i->low))
        text_addf(out, " [%.4g, %.4g]", i->low, i->high);
    figure_items(out, d, m, arm, ", ");
    text_add(out, isnan(i->mean) ? "|" : " |");
}

void report_markdown(struct text *out, const struct figure_data *d)
{
    size_t n, n_metrics = d->summary->n_metrics;
    const struct results_arm *arms = results_arms(d->results, &n);
    text_add(out, "| lm | setting |");
    for (size_t m = 0; m < n_metrics; m++) {
        text_add(out, " ");
        report_markdown_cell(out, d->summary->metrics[m].metric->name);
        text_add(out, " |");
    }
    text_add(out, "\n|---|---|");
    for (size_t m = 0; m < n_metrics; m++)
        text_add(out, "---|");
    for (size_t arm = 0; arm < n; arm++) {
        text_add(out, "\n| ");
        report_markdown_cell(out, arms[arm].lm);
        text_add(out, " | ");
        code_cell(out, figure_setting(d, arm));
        text_add(out, " |");
        for (size_t m = 0; m < n_metrics; m++)
            markdown_interval(out, d, &d->summary->metrics[m], arm);
    }
    text_add(out, "\n");
}
