/* The file to which a server writes its port, for the process that started it with port 0. */
#ifndef HTTP_PORT_FILE_H
#define HTTP_PORT_FILE_H

#include "base/err.h"

/* Writes the port and a newline, and renames the file into place: a reader finds the whole port or no file. No effect
 * when path is NULL or "". ERR_FATAL. */
int port_file_write(const char *path, int port, struct err *err) ERR_MUST_USE;

#endif
