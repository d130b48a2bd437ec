/* Scanners of DeepSeek's first tokenizer; see model/pretoken_scan.h.  Each: the next match at or behind from, false:
 * none. */
#ifndef MODEL_PRETOKEN_SCAN_RUNS_H
#define MODEL_PRETOKEN_SCAN_RUNS_H

#include "model/pretoken.h"

bool pretoken_scan_runs_letters(const char *s, size_t n, size_t from, struct span *found);
bool pretoken_scan_runs_marks(const char *s, size_t n, size_t from, struct span *found);
bool pretoken_scan_runs_han(const char *s, size_t n, size_t from, struct span *found);
bool pretoken_scan_runs_line_end(const char *s, size_t n, size_t from, struct span *found);

#endif
