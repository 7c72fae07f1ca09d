/* What is drawn has the modules of the code, each once, and a light margin. */
#include "unit.h"

#include <qrencode.h>
#include <string.h>

#include "qr.h"

#define MARGIN 4

/* Removes the next block from *text: which of its two modules are drawn. */
static void block_next(const char **text, bool *top, bool *bottom)
{
	static const struct {
		const char *text;
		bool top, bottom;
	} blocks[] = {
		{ " ", false, false },
		{ "\u2580", true, false },
		{ "\u2584", false, true },
		{ "\u2588", true, true },
	};

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
		if (strncmp(*text, blocks[i].text, strlen(blocks[i].text)) == 0) {
			*top = blocks[i].top;
			*bottom = blocks[i].bottom;
			*text += strlen(blocks[i].text);
			return;
		}
	fail_msg("no block: %.20s", *text);
}

static void expect(const char **text, const char *what)
{
	if (strncmp(*text, what, strlen(what)) != 0)
		fail_msg("not %s: %.20s", what, *text);
	*text += strlen(what);
}

static bool module_at(const QRcode *qr, int x, int y)
{
	x -= MARGIN;
	y -= MARGIN;
	return x >= 0 && y >= 0 && x < qr->width && y < qr->width && (qr->data[y * qr->width + x] & 1);
}

/* Without colours the light modules are drawn. */
static void assert_drawn(const char *text, const QRcode *qr, bool colours)
{
	for (int y = 0; y < qr->width + 2 * MARGIN; y += 2) {
		expect(&text, colours ? "\033[30;107m" : "");
		for (int x = 0; x < qr->width + 2 * MARGIN; x++) {
			bool top = false, bottom = false;

			block_next(&text, &top, &bottom);
			assert_int_equal(top == colours, module_at(qr, x, y));
			assert_int_equal(bottom == colours, module_at(qr, x, y + 1));
		}
		expect(&text, colours ? "\033[0m\n" : "\n");
	}
	assert_string_equal(text, "");
}

static void every_module_is_drawn_once(void **state)
{
	static const char *const codes[] = { "2", "2@ExampleQrPayloadNotReal,AAAA==,BBBB==,CCCC==" };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct str code = str_of(codes[i / 2]);
		QRcode *qr = QRcode_encodeData((int)code.n, (const unsigned char *)code.p, 0, QR_ECLEVEL_L);
		struct buf out = BUF_INIT;
		struct err err = { 0 };

		assert_non_null(qr);
		assert_int_equal(qr_draw(code, i % 2, &out, &err), 0);
		buf_add_char(&out, '\0');
		assert_drawn(out.p, qr, i % 2);
		QRcode_free(qr);
		buf_fini(&out);
	}
}

static void a_text_that_fits_into_no_code_is_rejected(void **state)
{
	static char text[4096];
	struct buf out = BUF_INIT;
	struct err err = { 0 };

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(qr_draw((struct str){ text, sizeof(text) }, false, &out, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	assert_int_equal(qr_draw(STR(""), false, &out, &err), -1);
	assert_int_equal(out.n, 0);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_module_is_drawn_once),
		cmocka_unit_test(a_text_that_fits_into_no_code_is_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
