/* CLONES before a static function: it is compiled for several instruction sets, and the machine's best one is called.  For loops of
 * integers and of exact doubles, whose results are the same bits on each; the kernels of rows choose by hand.
 * Static: clang 14 gives the choice another name than other files call. */
#ifndef BASE_CLONES_H
#define BASE_CLONES_H

#if defined(__x86_64__) && defined(__gnu_linux__) && (!defined(__clang__) || __clang_major__ >= 14)
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONES
#endif

#endif
