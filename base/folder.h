/* Folders of our own making: made, synced, removed. */
#ifndef BASE_FOLDER_H
#define BASE_FOLDER_H

/* Removes a folder and what lies in it, to `depth` folders below; links are removed, never followed.  What cannot be
 * removed stays, without a word. */
void folder_remove(const char *path, int depth);

/* Makes it and the folders on the way that are missing; each new name is on the disk when this returns, so that what is
 * later synced inside cannot be lost with it.  0 or ERR_IO; a folder that is there is fine. */
int folder_make(const char *path);

/* ERR_DATA where a symbolic link stands in the place of a folder that we write into, inside of one that may come from
 * anywhere: it would lead out. */
int folder_refuse_link(const char *path);

/* The names in a folder are on the disk, where its file system and its permissions allow that: 0 or ERR_IO.  path "": the
 * present folder. */
int folder_sync(const char *path);
int folder_sync_of(const char *path); /* of the folder that holds path */

/* Removes the files in a folder whose names begin and end so, and are longer than both together. */
void folder_sweep(const char *path, const char *begin, const char *end);

#endif
