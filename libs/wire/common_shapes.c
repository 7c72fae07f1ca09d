/* The shapes of the messages that messages of several topics contain (proto/blazz/v1/common.proto). */
#include "blazz/v1/common.pb-c.h"
#include "wire/party.h"
#include "wire/rows.h"
#include "wire/shapes.h"

static const struct row party_rows[] = {
	PHONE(party, Party, phone),
	DIGITS(party, Party, lid),
	ID_TEXT(party, Party, bsuid),
	ID_TEXT(party, Party, bsuid_scope),
	ID_TEXT(party, Party, username),
	ID_TEXT(party, Party, jid),
	NAME_TEXT(party, Party, name),
};
SHAPE(party_shape, party, party, party_rows);

static const struct row group_ref_rows[] = {
	ID_TEXT(group_ref, Group, jid),
	NAME_TEXT(group_ref, Group, name),
};
SHAPE(group_ref_shape, group_ref, group, group_ref_rows);

/* The group's row comes first: when is_group is set, a contact that is set as well is ignored. */
static const struct row chat_ref_rows[] = {
	{ .type = ROW_OPTIONAL,
		.shape = &group_ref_shape,
		OURS(chat_ref, group, struct group_ref),
		.n_ours = OFFSET(struct chat_ref, is_group, bool),
		THEIR_MESSAGE(Chat, group),
		ONEOF(Chat, peer_case, BLAZZ__V1__CHAT__PEER_GROUP) },
	ONEOF_PART(chat_ref, Chat, contact, party, peer_case, BLAZZ__V1__CHAT__PEER_CONTACT),
};
SHAPE(chat_ref_shape, chat_ref, chat, chat_ref_rows);

static const struct row target_rows[] = {
	ID_TEXT(target, Target, key),
	ID_TEXT(target, Target, stanza),
};
SHAPE(target_shape, target, target, target_rows);

static const struct row provider_error_rows[] = {
	ID_TEXT(provider_error, ProviderError, code),
	NAME_TEXT(provider_error, ProviderError, title),
	LINK_TEXT(provider_error, ProviderError, details),
};
SHAPE(provider_error_shape, provider_error, provider_error, provider_error_rows);

static const struct row media_rows[] = {
	ID_TEXT(media, Media, provider_media_id),
	ID_TEXT(media, Media, mime),
	NAME_TEXT(media, Media, file_name),
	ID_TEXT(media, Media, sha256),
	LINK_TEXT(media, Media, url),
	NUMBER(media, Media, size_bytes),
	BODY_TEXT(media, Media, caption),
	BOOL(media, Media, missing),
};
SHAPE(media_shape, media, media, media_rows);

static const struct row location_rows[] = {
	DEGREES(location, Location, latitude, 90),
	DEGREES(location, Location, longitude, 180),
	NAME_TEXT(location, Location, name),
	LINK_TEXT(location, Location, address),
	LINK_TEXT(location, Location, url),
};
SHAPE(location_shape, location, location, location_rows);

static const struct row quoted_rows[] = {
	PART(quoted, Quoted, target, target),
	PART(quoted, Quoted, sender, party),
	BODY_TEXT(quoted, Quoted, body),
};
SHAPE(quoted_shape, quoted, quoted, quoted_rows);

static const struct row participant_rows[] = {
	PART(participant, Participant, party, party),
	BOOL(participant, Participant, admin),
	BOOL(participant, Participant, super_admin),
};
SHAPE(participant_shape, participant, participant, participant_rows);
