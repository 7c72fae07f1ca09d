/* Phones and addresses as people and WhatsApp write them. Characters between a phone's digits change nothing; E.164 can be parsed
 * again; a match key is its own match key. The digits of a phone or a LID are digits, and all parts of an address are from the input.
 */
#include <string.h>

#include "ingest/dialects/address.h"
#include "input.h"
#include "phone/phone.h"

static void match_key_check(const char *key)
{
	char again[24];

	phone_match_key(str_of(key), again);
	assert(str_all_digits(str_of(key)) && strcmp(again, key) == 0);
}

/* Only the plus and the digits of the text. */
static struct str bare_of(struct str raw, char out[static 64])
{
	size_t n = 0;

	for (size_t i = 0; i < raw.n && n < 64; i++)
		if (raw.p[i] == '+' || (raw.p[i] >= '0' && raw.p[i] <= '9'))
			out[n++] = raw.p[i];
	return (struct str){ out, n };
}

static void phone_check(struct str raw, const char *region, bool international)
{
	struct phone phone, bare;
	char digits[64];
	bool good;

	if (!phone_normalise(raw, region, international, &phone))
		return;
	assert(phone.e164[0] == '+' && str_all_digits(str_of(phone.e164 + 1)));
	match_key_check(phone.match_key);
	good = phone_normalise(bare_of(raw, digits), region, international, &bare);
	assert(good && strcmp(phone.e164, bare.e164) == 0 && strcmp(phone.match_key, bare.match_key) == 0);
	/* "00" at the beginning is taken for another plus. */
	good = str_starts(str_of(phone.e164), STR("+00")) || phone_normalise(str_of(phone.e164), region, true, &bare);
	assert(good);
}

static void address_check(struct str raw)
{
	struct address a = address_parse(raw);
	struct party p = { 0 };

	assert(lies_within(a.value, raw));
	if (a.kind == ADDRESS_PHONE || a.kind == ADDRESS_LID)
		assert(str_all_digits(a.value));
	if (address_to_party(a, &p))
		assert(party_identified(&p));
}

static void stanza_check(struct str raw)
{
	struct stanza_id id = stanza_id_parse(raw);

	assert(lies_within(id.chat, raw) && lies_within(id.stanza, raw) && lies_within(id.participant, raw));
	assert(!id.known || id.stanza.n > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const regions[] = { "", "ID", "BR", "MX", "AR", "US", "IT", "XX" };
	struct str raw = input_of(data, size);

	if (size == 0)
		return 0;
	raw = str_slice(raw, 1, size);
	phone_check(raw, regions[data[0] % 8], data[0] & 8);
	address_check(raw);
	stanza_check(raw);
	return 0;
}
