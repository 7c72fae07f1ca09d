/* blazzctl send: posts bodies from files as their sender would, and prints the responses. */
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "ctl.h"
#include "post.h"

#define BODY_MAX_BYTES (64L << 20)

struct send_options {
	const char *dialect, *account, *app, *workspace, *secret_file, *url;
};

static const struct option_row rows[] = {
	{ "url", OPTION_TEXT, offsetof(struct send_options, url), "URL", "base URL of ingest, without the route" },
	{ "dialect", OPTION_TEXT, offsetof(struct send_options, dialect), "WORD",
		"meta, webjs-raw, waha, evolution or bridge; default: the folder's name" },
	{ "account", OPTION_TEXT, offsetof(struct send_options, account), "UUID",
		"whose route to post to; not for meta and bridge" },
	{ "app", OPTION_TEXT, offsetof(struct send_options, app), "UUID", "meta: the app" },
	{ "workspace", OPTION_TEXT, offsetof(struct send_options, workspace), "UUID",
		"bridge: replaces {workspace} in bodies" },
	{ "secret-file", OPTION_TEXT, offsetof(struct send_options, secret_file), "FILE",
		"signing key or token; - is standard input" },
	{ 0 },
};

struct send {
	const struct send_options *options;
	struct http_client *client;
	struct buf secret;
	struct table *results;
	char **files;
	size_t n_files, sent, accepted;
};

static void file_add(struct send *s, const char *folder, const char *name)
{
	struct buf path = BUF_INIT;

	if (folder)
		buf_printf(&path, "%s/", folder);
	buf_printf(&path, "%s", name);
	s->files = mem_realloc(s->files, (s->n_files + 1) * sizeof(*s->files));
	s->files[s->n_files++] = mem_cstr(buf_str(&path));
	buf_fini(&path);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A folder's bodies are its *.json files. */
static int files_find(struct send *s, const char *path, struct err *err)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	size_t first = s->n_files;

	if (!folder && errno == ENOTDIR) {
		file_add(s, NULL, path);
		return 0;
	}
	if (!folder)
		return err_set(err, ERR_INPUT, "file", "%s: %s", path, strerror(errno));
	while ((entry = readdir(folder)))
		if (str_ends(str_of(entry->d_name), STR(".json")))
			file_add(s, path, entry->d_name);
	closedir(folder);
	if (s->n_files > first)
		qsort(s->files + first, s->n_files - first, sizeof(*s->files), by_name);
	return 0;
}

static int file_read(const char *path, struct buf *out, struct err *err)
{
	FILE *f = fopen(path, "re");
	struct stat st;
	int rc = -1;

	if (!f || fstat(fileno(f), &st) < 0)
		err_set(err, ERR_INPUT, "file", "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode) || st.st_size > BODY_MAX_BYTES)
		err_set(err, ERR_INPUT, "file", "%s: not a file of at most 64 MiB", path);
	else if (fread(buf_reserve(out, (size_t)st.st_size + 1), 1, (size_t)st.st_size, f) != (size_t)st.st_size)
		err_set(err, ERR_INPUT, "file", "%s: cannot be read", path);
	else
		rc = 0;
	if (rc == 0)
		out->n += (size_t)st.st_size;
	if (f)
		fclose(f);
	return rc;
}

/* The name of the folder: "waha" for "fixtures/waha/message.json". */
static struct str folder_of(const char *path)
{
	struct str s = str_of(path), folder = STR("");

	for (size_t i = 0, from = 0; i < s.n; i++) {
		if (s.p[i] != '/')
			continue;
		folder = str_slice(s, from, i);
		from = i + 1;
	}
	return folder;
}

static int dialect_find(const struct send_options *o, const char *path, enum dialect *out, struct err *err)
{
	struct str word = o->dialect ? str_of(o->dialect) : folder_of(path);

	*out = dialect_parse(word);
	return *out ? 0 : ctl_usage(err, "%s: %.*s is not a dialect, see --dialect", path, STR_ARG(word));
}

/* Replaces every "{workspace}". */
static void workspace_fill(struct buf *body, const char *workspace)
{
	static const char mark[] = "{workspace}";
	struct buf out = BUF_INIT;
	const char *at = body->p, *end = body->p + body->n, *hit;

	while (at < end && (hit = memmem(at, (size_t)(end - at), mark, sizeof(mark) - 1))) {
		buf_add(&out, at, (size_t)(hit - at));
		buf_add_str(&out, str_of(workspace));
		at = hit + sizeof(mark) - 1;
	}
	if (at < end)
		buf_add(&out, at, (size_t)(end - at));
	buf_fini(body);
	*body = out;
}

static int id_of(const struct send_options *o, enum dialect d, const char **out, struct err *err)
{
	struct uuid id;

	*out = "";
	if (d == DIALECT_BRIDGE)
		return 0;
	*out = d == DIALECT_META ? o->app : o->account;
	return ctl_uuid(d == DIALECT_META ? "--app" : "--account", *out, &id, err);
}

static void result_add(struct send *s, const char *path, int status, struct str answer, int64_t took_ms)
{
	table_text(s->results, str_of(path));
	table_i64(s->results, status);
	table_i64(s->results, took_ms);
	table_text(s->results, str_slice(answer, 0, answer.n < 300 ? answer.n : 300));
	s->sent++;
	s->accepted += status >= 200 && status < 300;
}

static int body_send(struct send *s, const char *path, struct err *err)
{
	struct buf body = BUF_INIT, route = BUF_INIT, answer = BUF_INIT;
	int64_t began = clock_mono_ms();
	enum dialect d;
	const char *id;
	int status, rc = -1;

	if (dialect_find(s->options, path, &d, err) < 0 || id_of(s->options, d, &id, err) < 0 ||
		file_read(path, &body, err) < 0)
		goto out;
	if (d == DIALECT_BRIDGE && s->options->workspace)
		workspace_fill(&body, s->options->workspace);
	post_route(d, id, buf_str(&body), &route);
	struct post post = { s->options->url, buf_str(&route), buf_str(&s->secret), buf_str(&body) };
	rc = post_send(s->client, d, &post, &status, &answer, err);
	if (rc == 0)
		result_add(s, path, status, buf_str(&answer), clock_mono_ms() - began);
	else
		err_wrap(err, "%s", path);
out:
	buf_fini(&answer);
	buf_fini(&route);
	buf_fini(&body);
	return rc;
}

/* A progress line, on a terminal only, which is erased when it is complete. */
static void progress_draw(const struct send *s, bool terminal)
{
	enum { WIDTH = 40 };
	size_t full = s->n_files ? WIDTH * s->sent / s->n_files : WIDTH;

	if (!terminal)
		return;
	fprintf(stderr, "\r[%.*s%*s] %zu/%zu", (int)full, "########################################",
		(int)(WIDTH - full), "", s->sent, s->n_files);
	if (s->sent == s->n_files)
		fprintf(stderr, "\r\033[K");
}

static int files_send(struct send *s, struct err *err)
{
	bool terminal = isatty(STDERR_FILENO);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->n_files; i++) {
		progress_draw(s, terminal);
		rc = body_send(s, s->files[i], err);
	}
	progress_draw(s, terminal);
	return rc;
}

/* Prints the bodies that were sent even if sending the rest failed. */
static int send_all(struct send *s, bool json, struct err *err)
{
	static const char *const columns[] = { "file", "status", "ms", "answer", NULL };
	int rc;

	s->results = table_new(columns);
	rc = files_send(s, err);
	table_print(s->results, json);
	if (!json)
		printf("%zu of %zu sent, %zu accepted, %zu refused\n", s->sent, s->n_files, s->accepted,
			s->sent - s->accepted);
	if (rc == 0 && s->accepted < s->sent)
		rc = err_set(err, ERR_INPUT, "refused", "%zu of %zu bodies were refused", s->sent - s->accepted,
			s->sent);
	table_free(s->results);
	return rc;
}

static int run(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct send s = { .options = options };
	int rc = -1;

	if (!s.options->url || !s.options->secret_file)
		return ctl_usage(err, "send needs --url and --secret-file");
	for (; *arguments; arguments++)
		if (files_find(&s, *arguments, err) < 0)
			goto out;
	if (ctl_secret_read(s.options->secret_file, &s.secret, err) == 0 && http_client_open(&s.client, err) == 0)
		rc = send_all(&s, ctl->json, err);
out:
	http_client_close(&s.client);
	ctl_secret_free(&s.secret);
	for (size_t i = 0; i < s.n_files; i++)
		free(s.files[i]);
	free(s.files);
	return rc;
}

const struct command send_commands[] = {
	{ "send", "", "PATH...", 1, 10000, rows, sizeof(struct send_options),
		"posts files, or the *.json of folders, to ingest, signed as their dialect is", run },
	{ 0 },
};
