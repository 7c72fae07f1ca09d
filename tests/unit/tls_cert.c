/* See tls_cert.h. */
#include "tls_cert.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

SSL_CTX *tls_cert_new(const char *name, int days, FILE *file)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_EXTENSION *names_extension;
	char alternative[80];

	snprintf(alternative, sizeof(alternative), "DNS:%s", name);
	names_extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternative);
	X509_set_version(cert, X509_VERSION_3);
	X509_gmtime_adj(X509_getm_notBefore(cert), -2L * 86400);
	X509_gmtime_adj(X509_getm_notAfter(cert), (days - 2L) * 86400);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
		0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_add_ext(cert, names_extension, -1);
	if (X509_sign(cert, key, EVP_sha256()) <= 0 || SSL_CTX_use_certificate(ctx, cert) != 1 ||
		SSL_CTX_use_PrivateKey(ctx, key) != 1 || PEM_write_X509(file, cert) != 1)
		abort();
	X509_EXTENSION_free(names_extension);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}
