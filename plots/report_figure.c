#include "plots/report_figure.h"
#include "plots/page.h"
#include "plots/plot.h"

#define SVG_MAX ((size_t)64 << 20)

int report_figure(struct text *page, const struct figure_type *f, const struct figure_data *d, const char *folder)
{
    struct text script = { 0 }, path = { 0 }, svg = { 0 };
    int rc = f->draw(d, &script);
    if (rc == 0)
        rc = plot_write(folder, f->name, &script);
    if (rc == 0) {
        text_addf(&path, "%s/%s.svg", folder, f->name);
        rc = text_read_file(&svg, text_s(&path), SVG_MAX);
        if (rc == 0)
            page_figure(page, f, text_s(&svg));
    }
    text_free(&script);
    text_free(&path);
    text_free(&svg);
    return rc;
}
