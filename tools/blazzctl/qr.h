/* QR codes in a terminal. */
#ifndef QR_H
#define QR_H

#include "base/buf.h"
#include "base/err.h"

/* Appends lines of half blocks, two modules high. With colours it is black on white in every terminal; without, it is right in
 * one that shows light text on a dark ground. ERR_INPUT "qr" when the text does not fit into a code. */
int qr_draw(struct str text, bool colours, struct buf *out, struct err *err) ERR_MUST_USE;

#endif
