/* What the commands about instances and accounts share. */
#ifndef INSTANCES_H
#define INSTANCES_H

#include "ctl.h"
#include "store/instance_definitions.h"

/* Parses the index of an instance. ERR_USAGE. */
int instance_index(const char *text, int64_t *out, struct err *err) ERR_MUST_USE;
/* What the operator has to configure at a bridge of this kind, to standard error. */
void instance_advise(enum bridge_kind kind);

#endif
