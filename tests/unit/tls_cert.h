/* Servers' certificates for tests over TLS. */
#ifndef TLS_CERT_H
#define TLS_CERT_H

#include <openssl/ssl.h>
#include <stdio.h>

/* A server context with a self-signed certificate for `name`, valid for `days` days from two days ago; writes its PEM to `file`. */
SSL_CTX *tls_cert_new(const char *name, int days, FILE *file);

#endif
