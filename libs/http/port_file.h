/* The file in which a server says which port it got, for what started it with port 0. */
#ifndef HTTP_PORT_FILE_H
#define HTTP_PORT_FILE_H

#include "base/err.h"

/* Writes the port and a newline, by rename: a reader finds the whole port or no file. path NULL or "": nothing to do. ERR_FATAL. */
int port_file_write(const char *path, int port, struct err *err) ERR_MUST_USE;

#endif
