/* Experiment scripts: sandboxed Lua 5.4 that declares an experiment and runs nothing.
 *
 * A script sees string, table, math and utf8 less what is unsafe or not repeatable (no os, io, modules, load, random,
 * patterns, coroutines, protected calls), pairs() in key order, arg.NAME for each `--set NAME=value`, and the
 * declarations model, voice, ensemble, fit, each, grid, search, experiment.  It is stopped after
 * SCRIPT_INSTRUCTIONS (16 bytes that a library handles count as one), at SCRIPT_BYTES and after SCRIPT_SECONDS.
 *
 * A template may be a function of the prompt's places (p.text, p.instruction, p.context, p.system, p.bos, p.eos, ...):
 * { "Q: ", p.text, "\nA:" }, or with sections for turns { user = { ... }, assistant = { ... }, answer = ... }.  It is called
 * once, while the script runs; what it returns becomes the text of a template (model/template.h).
 *
 * What it declares comes back as JSON; experiments/plan.h gives it meaning.  Declared objects are {"kind": "model" |
 * "voice" | "ensemble" | "fit" | "experiment" | "arm", "at": "file:line", ...fields as written}; lists are flat arrays. */
#ifndef EXPERIMENTS_SCRIPT_H
#define EXPERIMENTS_SCRIPT_H

#include "base/doc.h"

#define SCRIPT_INSTRUCTIONS 20000000
#define SCRIPT_SECONDS      5 /* of processor time: only for what the count does not see */
#define SCRIPT_BYTES        (64u << 20)
#define SCRIPT_MAX_SOURCE   (1u << 20) /* bytes of a script */

/* name: for messages; sets: (n_sets,) "name=value"; a value that reads as a number is one.  The caller's json_t
 * (json_decref), or NULL + ERR_USAGE "name:line: what". */
json_t *script_run(const char *name, const struct text *source, const char *const sets[], size_t n_sets);

/* The bytes of a script into source (cleared first).  0, ERR_USAGE (larger than SCRIPT_MAX_SOURCE) or ERR_IO. */
int script_source(const char *path, struct text *source);

#endif
