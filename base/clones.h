/* CLONES before a static function: it is compiled for several instruction sets, and the machine's best one is called.  For loops of
 * integers and of exact doubles, whose results are the same bits on each; the kernels of rows choose by hand.
 * Static, and of a name that no other file has: clang 14 calls the choice by another name, which it shows to all. */
#ifndef BASE_CLONES_H
#define BASE_CLONES_H

#if defined(__x86_64__) && defined(__gnu_linux__) && (!defined(__clang__) || __clang_major__ >= 14)
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONES
#endif

#endif
