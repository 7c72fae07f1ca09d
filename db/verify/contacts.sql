SELECT uuid, full_name, name_rank, name_at, email_at, profile_picture_at, in_address_book_at, phone, match_key, merged_into FROM contacts WHERE false;
SELECT contact_id, kind, scope, value FROM contact_aliases WHERE false;
SELECT contact_id, category, since, stopped FROM contact_opt_outs WHERE false;
SELECT uuid, group_jid, participants, participant_log, invite_code_at, settings_times, snapshot_at FROM whatsapp_groups WHERE false;
SELECT name, language, status FROM templates WHERE false;
SELECT value, until, contact_id FROM contact_former_aliases WHERE false;
