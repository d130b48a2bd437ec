#include "experiments/results.h"
#include "base/err.h"
#include "base/mem.h"
#include "experiments/results_inside.h"
#include "experiments/run.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static int open_file(struct results *r, const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return err_set(ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode)) /* a pipe would be waited for */
        return err_set(ERR_DAMAGED, "%s: no regular file, want a results.h5 or a run folder", path);
    TRY(h5_quiet());
    hid_t access_list = H5Pcreate(H5P_FILE_ACCESS);
    H5PLset_loading_state(0); /* a file must not choose code to load */
    /* damaged metadata otherwise keeps the library retrying for minutes */
    H5Pset_metadata_read_attempts(access_list, 1);
    r->file = H5Fopen(path, H5F_ACC_RDONLY, access_list);
    H5Pclose(access_list);
    return r->file >= 0 ? 0 : err_set(ERR_DAMAGED, "%s: not a results file that can be opened", path);
}

/* A folder of our own for what is compacted aside; a guessable name in a folder of everyone's is another's to plant. */
static int make_aside(struct text *folder)
{
    const char *base = getenv("TMPDIR");
    text_addf(folder, "%s/chorale-XXXXXX", base && *base ? base : "/tmp");
    return mkdtemp(folder->s) ? 0 : err_set(ERR_IO, "%s: cannot make a folder: %s", folder->s, strerror(errno));
}

/* Compacts a run that has no results.h5 yet into aside/results.h5 and opens it; the name goes at once. */
static int open_aside(struct results *r, const char *run)
{
    struct text aside = { 0 }, path = { 0 };
    struct run_compacted c;
    int rc = make_aside(&aside);
    if (rc == 0) {
        text_addf(&path, "%s/results.h5", text_s(&aside));
        rc = run_compact(run, text_s(&path), NULL, &c);
        rc = rc < 0 ? rc : open_file(r, text_s(&path));
        unlink(text_s(&path));
        rmdir(text_s(&aside));
    }
    text_free(&aside);
    text_free(&path);
    return rc;
}

/* Opens what `path` means: itself, a folder's results.h5, or what the folder's journal holds so far. */
static int find_file(struct results *r, const char *path)
{
    struct stat st;
    struct text t = { 0 };
    if (stat(path, &st) < 0)
        return err_set(ERR_IO, "%s: no such results", path);
    text_addf(&t, S_ISDIR(st.st_mode) ? "%s/results.h5" : "%s", path);
    r->path = mem_string(text_s(&t));
    int rc = !S_ISDIR(st.st_mode) || exists(r->path) ? open_file(r, r->path) : open_aside(r, path);
    text_free(&t);
    return rc;
}

static json_t *read_doc(struct results *r, const char *name)
{
    char *s;
    if (h5_get_text(r->file, "/", name, &s) < 0)
        return NULL;
    json_t *doc = doc_read(name, s, strlen(s));
    free(s);
    return doc;
}

/* Names out of the plan; a plan that was tampered with may hold anything. */
static const char *name_of(const json_t *value)
{
    const char *name = json_string_value(value);
    return name ? name : "?";
}

static void read_names(struct results *r)
{
    const json_t *what = json_object_get(r->plan, "what");
    static const char *const axes[] = { "creativity", "control" };
    for (size_t a = 0; a < 2; a++) {
        const json_t *list = json_object_get(what, axes[a]);
        size_t n = json_array_size(list);
        const char **out = mem_alloc(n, sizeof *out);
        for (size_t i = 0; i < n; i++)
            out[i] = name_of(json_array_get(list, i));
        *(a == 0 ? &r->creativity : &r->control) = out;
        *(a == 0 ? &r->n_creativity : &r->n_control) = n;
    }
}

static void read_arm_voices(struct results_arm_voices *out, const json_t *voices)
{
    out->n = json_array_size(voices);
    out->names = mem_alloc(out->n, sizeof *out->names);
    for (size_t v = 0; v < out->n; v++)
        out->names[v] = name_of(json_object_get(json_array_get(voices, v), "name"));
}

static void read_voices(struct results *r)
{
    const json_t *lms = json_object_get(json_object_get(r->plan, "what"), "lms");
    json_t *places = doc_places(lms, "id"); /* ids are unique in a plan that this program wrote */
    r->voices = mem_alloc(r->n_arms, sizeof *r->voices);
    for (size_t i = 0; i < r->n_arms; i++) {
        const json_t *node = json_array_get(lms, doc_place(places, r->arms[i].lm));
        read_arm_voices(&r->voices[i], json_object_get(node, "voices"));
    }
    json_decref(places);
}

static int read_all(struct results *r)
{
    r->plan = read_doc(r, "plan");
    r->provenance = r->plan ? read_doc(r, "provenance") : NULL;
    if (!r->provenance && err_code() == ERR_MEMORY)
        return ERR_MEMORY;
    if (!r->provenance || !json_is_object(json_object_get(r->plan, "what")))
        return err_set(ERR_DAMAGED, "%s: it holds no plan; was it written by this program?", r->path);
    TRY(results_read_axes(r));
    read_names(r);
    read_voices(r);
    TRY(results_read_metrics(r));
    TRY(results_read_records(r));
    TRY(results_read_spaces(r));
    TRY(results_read_fits(r));
    return results_read_cost(r);
}

void results_watch(struct results *r, const struct results_watch *w)
{
    r->watch = w;
}

struct results *results_open(const char *path)
{
    struct results *r = mem_alloc(1, sizeof *r);
    r->file = -1;
    if (find_file(r, path) == 0 && read_all(r) == 0)
        return r;
    results_close(r);
    return NULL;
}

static void free_metrics(struct results *r)
{
    for (size_t i = 0; i < r->n_metrics; i++) {
        free((void *)(uintptr_t)r->metrics[i].name);
        free((void *)(uintptr_t)r->metrics[i].unit);
        free((void *)(uintptr_t)r->metrics[i].meaning);
        free((void *)(uintptr_t)r->metrics[i].value);
    }
    free(r->metrics);
}

static void free_lists(struct results *r)
{
    for (size_t i = 0; i < r->n_columns; i++) {
        for (size_t k = 0; k < r->columns[i].n; k++)
            free(r->columns[i].list[k]);
        free(r->columns[i].list);
    }
    for (size_t i = 0; i < r->n_arms && r->voices; i++)
        free(r->voices[i].names);
    for (size_t i = 0; i < r->n_spaces; i++) {
        free(r->spaces[i].hash);
        free(r->spaces[i].bytes);
        free(r->spaces[i].offsets);
    }
    results_free_fits(r);
}

void results_close(struct results *r)
{
    if (!r)
        return;
    results_free_tokens(r);
    free_metrics(r);
    free_lists(r);
    if (r->watch)
        r->watch->begins(r->watch->ctx);
    if (r->file >= 0)
        H5Fclose(r->file);
    if (r->watch)
        r->watch->ends(r->watch->ctx);
    void *const all[] = { r->path,
                          r->columns,
                          r->voices,
                          r->spaces,
                          r->fits,
                          r->arms,
                          r->items,
                          r->creativity,
                          r->control,
                          r->records,
                          r->record_voices,
                          r->unit_record,
                          r->unit_count,
                          r->text,
                          r->text_offsets,
                          r->token_offsets,
                          r->voice_offsets,
                          r->choice_offsets,
                          r->choice_logp,
                          r->arm_space,
                          (void *)(uintptr_t)r->cost.arm_symbols,
                          (void *)(uintptr_t)r->cost.arm_seconds };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    json_decref(r->plan);
    json_decref(r->provenance);
    free(r);
}
