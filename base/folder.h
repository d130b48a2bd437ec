/* Removing folders of our own making. */
#ifndef BASE_FOLDER_H
#define BASE_FOLDER_H

/* Removes a folder and what lies in it, to `depth` folders below; links are removed, never followed.  What cannot be
 * removed stays, without a word. */
void folder_remove(const char *path, int depth);

#endif
