/* See qr.h. */
#include "qr.h"

#include <qrencode.h>
#include <string.h>

#define MARGIN 4 /* light modules on every side (ISO/IEC 18004, 9.1) */

static bool is_dark(const QRcode *qr, int x, int y)
{
	x -= MARGIN;
	y -= MARGIN;
	return x >= 0 && y >= 0 && x < qr->width && y < qr->width && (qr->data[y * qr->width + x] & 1);
}

static void line_draw(const QRcode *qr, int y, bool colours, struct buf *out)
{
	static const char *const blocks[2][2] = { { " ", "\u2584" }, { "\u2580", "\u2588" } };

	buf_add_str(out, colours ? STR("\033[30;107m") : STR(""));
	for (int x = 0; x < qr->width + 2 * MARGIN; x++) {
		bool top = is_dark(qr, x, y), bottom = is_dark(qr, x, y + 1);

		buf_add_str(out, str_of(blocks[top == colours][bottom == colours]));
	}
	buf_add_str(out, colours ? STR("\033[0m\n") : STR("\n"));
}

int qr_draw(struct str text, bool colours, struct buf *out, struct err *err)
{
	QRcode *qr = QRcode_encodeData((int)text.n, (const unsigned char *)text.p, 0, QR_ECLEVEL_L);

	if (!qr)
		return err_set(err, ERR_INPUT, "qr", "the code cannot be drawn");
	for (int y = 0; y < qr->width + 2 * MARGIN; y += 2)
		line_draw(qr, y, colours, out);
	explicit_bzero(qr->data, (size_t)qr->width * (size_t)qr->width);
	QRcode_free(qr);
	return 0;
}
