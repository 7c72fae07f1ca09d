/* What a stub knew before it was killed: the messages that the journal's file says were accepted. */
#ifndef PROVIDER_STUB_JOURNAL_LOAD_H
#define PROVIDER_STUB_JOURNAL_LOAD_H

#include "known_ids.h"

/* Adds the ids of the file's accepted messages, and sets *next_seq to the number behind its last line. A missing file has no
 * lines; lines that are not whole, as a kill may leave the last one, are skipped. ERR_FATAL. */
int stub_journal_load(const char *file, struct known_ids *ids, uint64_t *next_seq, struct err *err) ERR_MUST_USE;

#endif
