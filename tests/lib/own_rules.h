/* The canonical text of steps under a system's profile, as the preset @checkpoint has them; where no such profile is known,
 * of the steps alone. */
#ifndef TESTS_LIB_OWN_RULES_H
#define TESTS_LIB_OWN_RULES_H

/* profile: "@hf"; for free(); NULL: the steps are no chain. */
char *own_rules(const char *profile, const char *steps);

#endif
