/* Servers' certificates for tests over TLS. */
#ifndef TLS_CERT_H
#define TLS_CERT_H

#include <openssl/ssl.h>
#include <stdio.h>

/* A self-signed certificate for a name, valid from now - 2 days for so many days, in a context of a server; its PEM goes to `file`. */
SSL_CTX *tls_cert_new(const char *name, int days, FILE *file);

#endif
