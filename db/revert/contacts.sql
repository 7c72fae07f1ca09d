BEGIN;
DROP TABLE templates, whatsapp_groups, contact_opt_outs, contact_former_aliases, contact_aliases, contacts;
COMMIT;
