/* Where an instance keeps the files of a session, below the root of all storage. Pure. Source: README.md, Storage. */
#ifndef CLEANUP_STORAGE_PATH_H
#define CLEANUP_STORAGE_PATH_H

#include "base/buf.h"
#include "base/str.h"

/* Appends the instance's storage_path ("workspace_{workspace}/session_{session}") with the workspace's and the session's names in place of
 * {workspace} and {session}. False: a name that is empty, has a slash or a NUL, or is a dot or two, would lead elsewhere. */
bool storage_path_expand(struct str storage_path, struct str workspace, struct str session, struct buf *out);

#endif
