/* blazzctl accounts qr: the code with which a number logs in. Invariant: an open code is in memory only while it is drawn. */
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "crypto/sealed_row.h"
#include "facts.h"
#include "qr.h"
#include "sealing.h"
#include "store/account_wishes.h"
#include "terminal.h"

#define LOOK_MS    2000
#define CODE_BYTES 4096 /* reserved at once: growing would leave the code in freed memory */
#define DRAW_BYTES 65536

struct qr_options {
	bool once;
};

static const struct option_row qr_rows[] = {
	{ "once", OPTION_FLAG, offsetof(struct qr_options, once), NULL, "shows the present code and ends" },
	{ 0 },
};

struct showing {
	struct ctl *ctl;
	struct pg *pg;
	const char *account;
	struct arena *arena;
	struct account_state state;
	struct account_code code;
	struct buf shown; /* the sealed code that was drawn last */
	bool waiting; /* the operator knows that there is none */
};

static int look(struct showing *s, struct err *err)
{
	arena_reset(s->arena);
	if (store_account_state(s->pg, str_of(s->account), s->arena, &s->state, err) < 0)
		return -1;
	if (s->state.provider == PROVIDER_META)
		return err_set(err, ERR_INPUT, "meta", "an account at Meta has no session");
	return store_account_code(s->pg, &s->state, s->arena, &s->code, err);
}

static void pairing_print(struct str code)
{
	fputs("Pairing code: ", stdout);
	terminal_print(stdout, code);
	putchar('\n');
}

static void code_print_json(const struct showing *s, struct str code)
{
	static const char *const columns[] = { "session_id", "kind", "code", "expires", NULL };
	struct table *t = table_new(columns);

	table_text(t, s->state.session_id);
	table_text(t, s->code.pairing ? STR("pairing") : STR("qr"));
	table_text(t, code);
	table_time(t, s->code.expires_us);
	table_print(t, true);
	table_free(t);
}

static int qr_print(struct str code, struct err *err)
{
	bool terminal = isatty(STDOUT_FILENO);
	struct buf out = BUF_INIT;
	int rc;

	buf_reserve(&out, DRAW_BYTES);
	if (terminal)
		buf_add_str(&out, STR("\033[H\033[2J"));
	rc = qr_draw(code, terminal, &out, err);
	if (rc == 0)
		fwrite(out.p, 1, out.n, stdout);
	ctl_secret_free(&out);
	return rc;
}

static int code_print(struct showing *s, struct err *err)
{
	struct buf code = BUF_INIT;
	const struct keyring *keyring;
	int rc = -1;

	buf_reserve(&code, CODE_BYTES);
	if (ctl_keyring(s->ctl, &keyring, err) < 0 ||
		row_unseal(keyring, SEALED_QR, &s->state.uuid, s->code.sealed, &code, err) < 0)
		goto out;
	rc = 0;
	if (s->ctl->json)
		code_print_json(s, buf_str(&code));
	else if (s->code.pairing)
		pairing_print(buf_str(&code));
	else
		rc = qr_print(buf_str(&code), err);
	fflush(stdout);
out:
	ctl_secret_free(&code);
	return rc;
}

static int once(struct showing *s, struct err *err)
{
	if (look(s, err) < 0)
		return -1;
	if (!s->code.sealed.p)
		return err_set(err, ERR_INPUT, "code", "there is no code; the account's status is %.*s",
			STR_ARG(s->state.status));
	return code_print(s, err);
}

static int step(struct showing *s, struct err *err)
{
	if (!s->code.sealed.p) {
		if (!s->waiting)
			fputs("Waiting for a code.\n", stderr);
		s->waiting = true;
		return 0;
	}
	if (str_eq(s->code.sealed, buf_str(&s->shown)))
		return 0;
	buf_clear(&s->shown);
	buf_add_str(&s->shown, s->code.sealed);
	s->waiting = false;
	return code_print(s, err);
}

static int follow(struct showing *s, struct err *err)
{
	for (;;) {
		if (look(s, err) < 0)
			return -1;
		if (str_is(s->state.status, "connected"))
			break;
		if (step(s, err) < 0)
			return -1;
		(void)poll(NULL, 0, LOOK_MS);
	}
	fputs("The account is connected.\n", stderr);
	return 0;
}

static int qr(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct qr_options *o = options;
	struct showing s = { .ctl = ctl, .account = arguments[0] };
	int rc;

	if (ctl->json && !o->once)
		return ctl_usage(err, "--json shows one code: it needs --once");
	if (ctl_pg_admin(ctl, &s.pg, err) < 0)
		return -1;
	s.arena = arena_new(8192);
	rc = o->once ? once(&s, err) : follow(&s, err);
	buf_fini(&s.shown);
	arena_free(s.arena);
	return rc;
}

const struct command accounts_qr_commands[] = {
	{ "accounts", "qr", "ACCOUNT", 1, 1, qr_rows, sizeof(struct qr_options),
		"shows the code with which a number logs in, and each new one until it is connected", qr },
	{ 0 },
};
