#include "model/device_open.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const known[] = { "cpu", "cuda" };
#define N_KNOWN (sizeof known / sizeof *known)

/* Of the tests: the backend over an emulated card. */
#define EMULATED "emulated"

#define MOST_CARDS 1024u

/* "cuda:1" taken apart. */
struct device_name {
    char library[16];
    uint32_t ordinal;
};

bool device_is_cpu(const char *text)
{
    return !text || !*text || strcmp(text, "cpu") == 0;
}

static int parse(const char *text, struct device_name *name)
{
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    snprintf(name->library, sizeof name->library, "%.*s", (int)(len < 15 ? len : 15), text);
    name->ordinal = 0;
    if (strcmp(name->library, "cuda") != 0 && strcmp(name->library, EMULATED) != 0)
        return err_unknown(ERR_USAGE, "device", text, known, N_KNOWN);
    char *end = NULL;
    unsigned long n = colon ? strtoul(colon + 1, &end, 10) : 0;
    if (colon && (colon[1] < '0' || colon[1] > '9' || *end || n >= MOST_CARDS))
        return err_set(ERR_USAGE, "device '%s': want cuda, or cuda:N with the number of a card, 0 to %u", text,
                       MOST_CARDS - 1);
    name->ordinal = (uint32_t)n;
    return 0;
}

int device_check(const char *text)
{
    struct device_name name;
    return device_is_cpu(text) ? 0 : parse(text, &name);
}

/* The folder of the program, or "". */
static void program_folder(char out[4096])
{
    ssize_t n = readlink("/proc/self/exe", out, 4095);
    out[n > 0 ? n : 0] = 0;
    char *slash = strrchr(out, '/');
    if (slash)
        *slash = 0;
}

/* The library's handle.  One that is there but cannot be loaded ends the search: its reason is the message. */
static void *load(const char *file)
{
    static const char *const places[] = { "", "lib/", "../lib/" };
    char folder[4096];
    struct text path = { 0 }, looked = { 0 };
    void *library = NULL;
    bool there = false;
    program_folder(folder);
    for (size_t i = 0; i < 3 && !there; i++) {
        text_clear(&path);
        text_addf(&path, "%s/%s%s", folder, places[i], file);
        text_addf(&looked, "%s%s/%s", i > 0 ? ", " : "", folder, places[i]);
        there = access(text_s(&path), F_OK) == 0;
    }
    library = dlopen(there ? text_s(&path) : file, RTLD_NOW | RTLD_LOCAL);
    const char *why = library ? "" : dlerror();
    if (!library && there)
        err_set(ERR_MEMORY, "%s cannot be loaded: %s", text_s(&path), why);
    else if (!library)
        err_set(ERR_MEMORY,
                "no %s in %s, nor where the system looks: it is built where CUDA's compiler nvcc is found; without "
                "--device the processor computes",
                file, text_s(&looked));
    text_free(&path);
    text_free(&looked);
    return library;
}

static int find_api(struct device *d, const char *file)
{
    void *symbol = dlsym(d->library, DEVICE_SYMBOL);
    device_function *function;
    if (!symbol)
        return err_set(ERR_MEMORY, "%s has no function %s: it is not a device library", file, DEVICE_SYMBOL);
    memcpy(&function, &symbol, sizeof function); /* what POSIX asks of dlsym(), past C11's silence */
    d->api = function();
    if (d->api->version != DEVICE_VERSION || d->api->bytes != sizeof *d->api)
        return err_set(ERR_MEMORY,
                       "%s is of version %u (%u bytes) of the device seam, this program of %u (%zu bytes): build both "
                       "together",
                       file, d->api->version, d->api->bytes, DEVICE_VERSION, sizeof *d->api);
    return 0;
}

int device_fail(const struct device *d, int result, const struct device_error *e)
{
    return err_set(result == DEVICE_NUMBERS ? ERR_DATA : ERR_MEMORY, "device %s: %s", d->name, e->text);
}

static int open_all(struct device *d, const char *text, enum device_order order)
{
    struct device_name name;
    char file[48];
    TRY(parse(text, &name));
    snprintf(file, sizeof file, "libchorale-%s.so", name.library);
    snprintf(d->name, sizeof d->name, "%s:%u", name.library, name.ordinal);
    d->deterministic = order == DEVICE_DETERMINISTIC;
    d->library = load(file);
    if (!d->library)
        return err_code();
    TRY(find_api(d, file));
    struct device_error e = { 0 };
    int rc = d->api->open(&(struct device_open){ name.ordinal, d->deterministic }, &d->context, &e);
    if (rc == DEVICE_OK)
        rc = d->api->info(d->context, &d->info, &e);
    return rc == DEVICE_OK ? 0 : device_fail(d, rc, &e);
}

struct device *device_open(const char *text, enum device_order order)
{
    struct device *d = mem_alloc(1, sizeof *d);
    if (open_all(d, text, order) < 0) {
        device_close(d);
        return NULL;
    }
    return d;
}

/* The library stays: what a runtime has registered with the process would outlive it. */
void device_close(struct device *d)
{
    if (!d)
        return;
    if (d->context)
        d->api->close(d->context);
    free(d);
}
