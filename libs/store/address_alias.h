/* SQL: the alias of contact_aliases by which an address of contact_group_members or sends finds its contact. The scope of a 'bsuid' is
 * the business portfolio of the account, that of any other kind ''. Private to libs/store. */
#ifndef STORE_ADDRESS_ALIAS_H
#define STORE_ADDRESS_ALIAS_H

#define ALIAS_KIND(address) \
	" CASE WHEN " address " LIKE 'lid:%' THEN 'lid' WHEN " address " LIKE 'bsuid:%' THEN 'bsuid' WHEN " address \
	" LIKE '%@%' THEN 'jid' ELSE 'phone' END"
#define ALIAS_VALUE(address) \
	" CASE WHEN " address " LIKE 'lid:%' THEN substr(" address ", 5) WHEN " address \
	" LIKE 'bsuid:%' THEN substr(" address ", 7) ELSE " address " END"

#endif
