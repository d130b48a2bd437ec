/* docs/strategies.md: the page of strategies, made of the same tables as `list`. */
#ifndef CLI_LIST_MARKDOWN_H
#define CLI_LIST_MARKDOWN_H

/* Prints the page: every transform with parameters, source, the profiles that change it, and what it does to three rows;
 * profiles and presets.  0 or < 0. */
int list_markdown(void);

#endif
