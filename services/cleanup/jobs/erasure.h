/* Erases contacts, as erasures asks for, an action a step:
 *
 *   start ──► identity ──► wait ──► bulk ──► rest ──► verify ──► done
 *     │          │                   ▲  │      │        │
 *     │          └─ again            │  └──────┴────────┴──► bulk or verify again, while anything is found
 *     └─ until chat-sync has consumed what was in its topics at the request
 *
 * What chat-sync writes it erases itself, in contact_erase events; cleanup finds it, and erases what is stored beside. Invariant: every action may be
 * repeated, and an erasure is done only after a search that has found nothing. Source: README.md, Erasure. */
#ifndef CLEANUP_ERASURE_H
#define CLEANUP_ERASURE_H

#include "cleanup/jobs/rows.h"

row_step_fn erasure_step;

#endif
