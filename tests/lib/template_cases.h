/* Conversations and the ids that transformers' apply_chat_template gives for them (tests/fixtures/template/make.py). */
#ifndef TESTS_LIB_TEMPLATE_CASES_H
#define TESTS_LIB_TEMPLATE_CASES_H

#include <stdbool.h>

/* Runs all of a fixture ("bytes", "spm") through the templates and checks ids, failures, and that each Jinja text is
 * recognised.  false: this program does not read such tokenizers; err_text() says why. */
bool template_cases_run(const char *fixture);

#endif
