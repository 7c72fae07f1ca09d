/* Rows of PostgreSQL as accounts and apps of the catalogue: strings copied, secrets opened. Invariant: an account or
 * app whose secrets cannot be opened has none, and so rejects every request. */
#include <string.h>

#include "base/log.h"
#include "ingest/accounts/account_loader_private.h"
#include "store/intake.h"

/* Logs it, and leaves out empty, when the secrets cannot be opened. */
static void secrets_open(struct account_loader *l, const char *what, const struct uuid *id, struct str sealed,
	struct secrets *out, struct arena *a)
{
	char uuid[37];
	struct err err;

	if (store_secrets_open(out, l->keyring, what, id, sealed, SECRETS_RECEIVE, a, &err) == 0)
		return;
	uuid_format(id, uuid);
	log_error("secrets cannot be opened", LOG_S(what, uuid), LOG_ERR(&err));
}

static struct catalogue_account *account_make(struct account_loader *l, const struct intake_account_row *row)
{
	struct catalogue_account *a = catalogue_account_new();

	a->info = (struct intake_account){
		.id = row->uuid,
		.workspace = row->workspace,
		.provider = row->provider,
		.bridge = row->bridge,
		.session_id = arena_str(a->arena, row->session_id),
		.provider_ref = arena_str(a->arena, row->provider_ref),
		.phone_number = arena_str(a->arena, row->phone_number),
		.phone_number_id = arena_str(a->arena, row->phone_number_id),
		.waba_id = arena_str(a->arena, row->waba_id),
		.business_id = arena_str(a->arena, row->business_id),
	};
	a->app = row->app;
	a->workspace_id = row->workspace_id;
	a->id = row->id;
	secrets_open(l, SEALED_ACCOUNT, &row->uuid, row->secrets, &a->secrets, a->arena);
	return a;
}

static struct catalogue_app *app_make(struct account_loader *l, const struct intake_app_row *row)
{
	struct catalogue_app *app = catalogue_app_new();

	app->id = row->uuid;
	app->shared = uuid_is_nil(&row->workspace);
	secrets_open(l, SEALED_APP, &row->uuid, row->secrets, &app->secrets, app->arena);
	return app;
}

/* Where rows go: into the catalogue, or to the loop as an update each when it is NULL. */
struct sink {
	struct account_loader *loader;
	struct catalogue *catalogue;
	size_t n;
};

static void account_each(void *ctx, const struct intake_account_row *row)
{
	struct sink *sink = ctx;
	struct catalogue_account *a = account_make(sink->loader, row);

	sink->n++;
	if (sink->catalogue)
		catalogue_put_account(sink->catalogue, &a);
	else
		account_update_post(sink->loader, &(struct account_update){ .kind = UPDATE_ACCOUNT, .account = a });
}

static void app_each(void *ctx, const struct intake_app_row *row)
{
	struct sink *sink = ctx;
	struct catalogue_app *app = app_make(sink->loader, row);

	sink->n++;
	if (sink->catalogue)
		catalogue_put_app(sink->catalogue, &app);
	else
		account_update_post(sink->loader, &(struct account_update){ .kind = UPDATE_APP, .app = app });
}

int rows_load_all(struct account_loader *l, struct err *err)
{
	struct sink sink = { .loader = l, .catalogue = catalogue_new() };

	if (store_intake_apps_load(pg_listener_pg(l->listener), NULL, app_each, &sink, err) < 0 ||
		store_intake_accounts_load(pg_listener_pg(l->listener), NULL, account_each, &sink, err) < 0) {
		catalogue_free(sink.catalogue);
		return -1;
	}
	log_info("accounts and apps loaded", LOG_I("accounts", catalogue_accounts(sink.catalogue)),
		LOG_I("apps", catalogue_apps(sink.catalogue)));
	account_update_post(l, &(struct account_update){ .kind = UPDATE_CATALOGUE, .catalogue = sink.catalogue });
	return 0;
}

static void gone_each(void *ctx, bool is_app, const struct uuid *id)
{
	struct sink *sink = ctx;

	account_update_post(sink->loader,
		&(struct account_update){ .kind = is_app ? UPDATE_APP_GONE : UPDATE_ACCOUNT_GONE, .id = *id });
}

int rows_load_workspace(struct account_loader *l, const struct uuid *workspace, struct err *err)
{
	struct sink sink = { .loader = l };

	if (store_intake_gone_of_workspace(pg_listener_pg(l->listener), workspace, gone_each, &sink, err) < 0)
		return -1;
	return store_intake_accounts_of_workspace(pg_listener_pg(l->listener), workspace, account_each, &sink, err);
}

static int load_by_id(struct sink *sink, const struct name *name, struct err *err)
{
	enum account_update_kind gone = name->kind == NAME_APP ? UPDATE_APP_GONE : UPDATE_ACCOUNT_GONE;
	struct uuid id;
	int rc;

	memcpy(id.b, name->text.p, sizeof(id.b));
	if (name->kind == NAME_APP)
		rc = store_intake_apps_load(pg_listener_pg(sink->loader->listener), &id, app_each, sink, err);
	else
		rc = store_intake_accounts_load(pg_listener_pg(sink->loader->listener), &id, account_each, sink, err);
	if (rc == 0 && sink->n == 0)
		account_update_post(sink->loader, &(struct account_update){ .kind = gone, .id = id });
	return rc;
}

static int load_by_row(struct sink *sink, const struct name *name, struct err *err)
{
	int64_t row;

	memcpy(&row, name->text.p, sizeof(row));
	return store_intake_account_by_row(pg_listener_pg(sink->loader->listener), row, account_each, sink, err);
}

int rows_load_name(struct account_loader *l, const struct name *name, struct err *err)
{
	struct sink sink = { .loader = l };

	switch (name->kind) {
	case NAME_ACCOUNT:
	case NAME_APP:
		return load_by_id(&sink, name, err);
	case NAME_ROW:
		return load_by_row(&sink, name, err);
	case NAME_SESSION:
		return store_intake_account_by_session(pg_listener_pg(l->listener), name->text, account_each, &sink,
			err);
	case NAME_NUMBER:
		return store_intake_account_by_phone_number_id(pg_listener_pg(l->listener), name->text, account_each,
			&sink, err);
	case NAME_WABA:
		return store_intake_accounts_by_waba(pg_listener_pg(l->listener), name->text, account_each, &sink, err);
	}
	return 0;
}
