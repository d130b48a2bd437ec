/* What the address sanitizer's programs are started with, linked into each of them; ASAN_OPTIONS goes over it.
 *
 * Freed memory is kept aside, 256 MB by default, and copied page by page in each process that one of ours forks: half of
 * the time of tests that fork much.  4 MB are more than most of them free in all. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "quarantine_size_mb=4:thread_local_quarantine_size_kb=64";
}
