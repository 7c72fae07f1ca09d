"""Expensive bodies for every dialect: a place in a body of that dialect, and its filling.

A place is a body with HERE in place of a list of items. A filling is JSON of about a given size, with content that json.dumps cannot
always write: duplicate keys, numbers out of range, bytes that are not UTF-8.
"""
import json

HERE = "@@"
T0 = 1767225600
PHONE = "16505551234"
ME = "15550783881@c.us"


# Places: {dialect: {name: body}}

def meta_value(account, field, **value):
    value = {"messaging_product": "whatsapp",
             "metadata": {"display_phone_number": "15550783881", "phone_number_id": account.number}} | value
    return {"object": "whatsapp_business_account", "entry": [{"id": account.waba, "changes": [{"field": field, "value": value}]}]}


def meta_order(account):
    return meta_value(account, "messages", messages=[{
        "from": PHONE, "id": "wamid.ORDER", "timestamp": str(T0), "type": "order",
        "order": {"catalog_id": "1", "product_items": HERE}}])


def evolution(account, event, data, **more):
    return {"event": event, "instance": account.session, "data": data, "apikey": account.secret} | more


def waha(account, event, payload):
    return {"id": "evt_1", "timestamp": T0 * 1000, "event": event, "session": account.session, "me": {"id": ME}, "payload": payload,
            "engine": "WEBJS"}


def waha_message(**more):
    return {"id": f"false_{PHONE}@c.us_3EB0W1", "timestamp": T0, "from": f"{PHONE}@c.us", "to": ME, "fromMe": False, "body": "hi",
            "hasMedia": False, "ack": 1} | more


def wwebjs(account, kind, data):
    return {"dataType": kind, "data": data, "sessionId": account.session}


def wwebjs_message(**more):
    return {"id": {"fromMe": False, "remote": f"{PHONE}@c.us", "id": "3EB0R1", "_serialized": f"false_{PHONE}@c.us_3EB0R1"}, "ack": 1,
            "hasMedia": False, "body": "hi", "type": "chat", "timestamp": T0, "from": f"{PHONE}@c.us", "to": ME, "fromMe": False} | more


def wwebjs_sync(account, chats):
    return wwebjs(account, "chats_sync", {"syncId": "s", "batch": {"index": 0, "total": 1, "isLast": True}, "chats": chats})


def wwebjs_chat(**more):
    return {"id": {"server": "c.us", "user": PHONE, "_serialized": f"{PHONE}@c.us"}, "name": "x", "isGroup": False,
            "timestamp": T0} | more


def bridge(account, **more):
    return {"session_id": account.session, "id": "3EB0B1", "chat_type": "private", "contact_phone": PHONE, "contact_name": "x",
            "message_body": "hi", "message_type": "text", "timestamp": T0, "from_me": False, "has_media": False} | more


def bridge_sync(account, chats, **more):
    return {"session_id": account.session, "sync_id": "s", "index": 0, "total": 1, "last": True, "chats": chats} | more


GROUP = "120363012345678901@g.us"
META_LISTS = ("messages", "message_echoes", "history", "state_sync", "groups", "user_preferences", "calls", "statuses", "errors", "contacts",
              "something_new")
META_FIELDS = {"message_echoes": "smb_message_echoes", "history": "history", "state_sync": "smb_app_state_sync", "groups":
               "group_lifecycle_update", "user_preferences": "user_preferences", "calls": "calls"}
EVOLUTION_EVENTS = ("messages.upsert", "messages.set", "messages.update", "messages.edited", "messages.delete", "send.message", "contacts.upsert",
                    "contacts.update", "contacts.set", "chats.upsert", "chats.update", "chats.set", "groups.upsert", "groups.update", "call")
WAHA_EVENTS = ("message", "message.any", "message.waiting", "message.reaction", "message.ack", "message.ack.group", "message.edited",
               "message.revoked", "poll.vote", "session.status", "group.v2.join", "group.v2.participants", "group.v2.update",
               "chat.archive", "call.received", "event.unknown")
WWEBJS_TYPES = ("message", "message_create", "message_ciphertext", "message_ack", "message_edit", "message_revoke_everyone",
                "message_reaction", "vote_update", "group_join", "group_update", "contact_changed", "contact", "chat", "call", "qr",
                "ready", "change_state", "unknown_type")


def meta_places(a):
    found = {name: meta_value(a, META_FIELDS.get(name, "messages"), **{name: HERE}) for name in META_LISTS}
    history = {"metadata": {"phase": 0, "chunk_order": 1, "progress": 1}, "threads": [{"id": PHONE, "messages": HERE}]}
    return found | {
        "history messages": meta_value(a, "history", history=[history]),
        "entries": {"object": "whatsapp_business_account", "entry": HERE},
        "changes": {"object": "whatsapp_business_account", "entry": [{"id": a.waba, "changes": HERE}]},
        "order": meta_order(a),
        "contacts of a message": meta_value(a, "messages", messages=[
            {"from": PHONE, "id": "wamid.C", "timestamp": str(T0), "type": "contacts", "contacts": HERE}]),
        "an unknown type": meta_value(a, "messages", messages=[
            {"from": PHONE, "id": "wamid.N", "timestamp": str(T0), "type": "novel", "novel": HERE}]),
        "added participants": meta_value(a, "group_participants_update", groups=[
            {"type": "group_participants_add", "group_id": "Y2FwaV9ncm91cDo", "timestamp": str(T0), "added_participants": HERE}]),
        "an account's update": meta_value(a, "account_update", event=HERE),
    }


def evolution_places(a):
    return {event: evolution(a, event, HERE) for event in EVOLUTION_EVENTS} | {
        "participants": evolution(a, "group-participants.update", {"id": GROUP, "participants": HERE, "action": "add"}),
        "a message's content": evolution(a, "messages.upsert", {
            "key": {"remoteJid": f"{PHONE}@s.whatsapp.net", "fromMe": False, "id": "3EB0E1"}, "message": {"novelMessage": HERE},
            "messageType": "novelMessage", "messageTimestamp": T0}),
        "connection.update": evolution(a, "connection.update", {"state": "open", "more": HERE}),
    }


def waha_places(a):
    return {event: waha(a, event, HERE) for event in WAHA_EVENTS} | {
        "_data": waha(a, "message", waha_message(_data=HERE)), "vCards": waha(a, "message", waha_message(vCards=HERE)),
        "participants": waha(a, "group.v2.participants", {"group": {"id": GROUP}, "type": "join", "timestamp": T0, "participants": HERE}),
        "vote": waha(a, "poll.vote", {"vote": {"selectedOptions": HERE, "from": f"{PHONE}@c.us", "timestamp": T0},
                                      "poll": {"id": f"true_{PHONE}@c.us_3EB0P"}}),
    }


def wwebjs_places(a):
    return {kind: wwebjs(a, kind, HERE) for kind in WWEBJS_TYPES} | {
        "chats": wwebjs_sync(a, HERE), "messages of a chat": wwebjs_sync(a, [wwebjs_chat(messages=HERE)]),
        "participants of a chat": wwebjs_sync(a, [wwebjs_chat(id={"_serialized": GROUP}, isGroup=True, groupMetadata={"participants": HERE})]),
        "lidMap": wwebjs(a, "chats_sync", {"syncId": "s", "batch": {"index": 0, "total": 1, "isLast": True}, "lidMap": HERE, "chats": []}),
        "pollOptions": wwebjs(a, "message", {"message": wwebjs_message(type="poll_creation", pollName="?", pollOptions=HERE)}),
        "recipientIds": wwebjs(a, "group_join", {"notification": {
            "id": {"_serialized": f"false_{GROUP}_1", "remote": GROUP, "id": "1", "fromMe": False}, "type": "add", "timestamp": T0,
            "chatId": GROUP, "author": ME, "recipientIds": HERE}}),
    }


def bridge_places(a):
    return {
        "body": bridge(a, message_body=HERE), "another member": bridge(a, more=HERE), "name": bridge(a, contact_name=HERE),
        "chats": bridge_sync(a, HERE), "messages of a chat": bridge_sync(a, [{"type": "private", "contact_phone": PHONE, "messages": HERE}]),
        "participants of a chat": bridge_sync(a, [{"type": "group", "group_jid": GROUP, "participants": HERE}]),
        "beside the session": bridge_sync(a, [], before=HERE),
    }


PLACES = {"meta": meta_places, "evolution": evolution_places, "waha": waha_places, "webjs-raw": wwebjs_places, "bridge": bridge_places}


def body_of(account, place, filling):
    """The body with the filling, as compact as an attacker sends it."""
    return whole(PLACES[account.dialect](account)[place], filling)


def whole(template, filling):
    head, found, tail = json.dumps(template, separators=(",", ":")).encode().partition(b'"' + HERE.encode() + b'"')
    assert found
    return head + filling + tail


def path_of(account, place):
    return account.sync_path if account.dialect == "bridge" and ("chat" in place or place == "beside the session") else account.path


# Fillings of about `size` bytes

def times(item, size):
    return b"[" + b",".join([item] * max(1, size // (len(item) + 1))) + b"]"


def numbered(size, make):
    """A list of items; make(n) is the n-th one, as bytes."""
    out, total, n = [], 2, 0
    while total < size:
        out.append(make(n))
        total += len(out[-1]) + 1
        n += 1
    return b"[" + b",".join(out) + b"]"


def members(size, make):
    return b"{" + numbered(size, make)[1:-1] + b"}"


def text(size, unit=b"x"):
    return b'"' + unit * (size // len(unit)) + b'"'


FILLINGS = {
    "ones": lambda n: times(b"1", n), "empty objects": lambda n: times(b"{}", n), "empty lists": lambda n: times(b"[]", n),
    "nulls": lambda n: times(b"null", n), "strings": lambda n: times(b'""', n),
    "nested": lambda n: times(b"[" * 50 + b"]" * 50, n), "deep": lambda n: b"[" * (n // 2) + b"]" * (n // 2),
    "deep objects": lambda n: b'{"a":' * (n // 6) + b"1" + b"}" * (n // 6),
    "many members": lambda n: members(n, lambda i: b'"k%d":0' % i), "one member again and again": lambda n: members(n, lambda i: b'"a":0'),
    "objects with many members": lambda n: times(members(2000, lambda i: b'"k%d":0' % i), n),
    "a long string": text, "long names": lambda n: members(n, lambda i: b'"%d%s":0' % (i, b"n" * 4000)),
    "escapes": lambda n: text(n, rb"\u0041"), "surrogates": lambda n: text(n, rb"\ud800"), "nuls": lambda n: text(n, rb"\u0000"),
    "no utf-8": lambda n: text(n, b"\xff\xfe"), "long digits": lambda n: b"[" + b"9" * (n - 2) + b"]",
    "large numbers": lambda n: times(b"1e999999", n), "small numbers": lambda n: times(b"1e-999999", n),
    "numbers with many digits": lambda n: times(b"1" * 2000 + b".5", n),
    "strings with an id": lambda n: numbered(n, lambda i: b'"1650%07d@c.us"' % i),
    "people": lambda n: numbered(n, lambda i: b'{"phone":"1650%07d@c.us","id":"1650%07d@c.us","isAdmin":true}' % (i, i)),
}


# Valid items, which become rows

def valid_items(dialect, size, mark="V"):
    def meta(i):
        return json.dumps({"from": f"1650{i % 5000:07}", "id": f"wamid.{mark}{i}", "timestamp": str(T0 + i), "type": "text", "text": {
            "body": "x"}}, separators=(",", ":")).encode()

    def evolution_item(i):
        return json.dumps({"key": {"remoteJid": f"1650{i % 5000:07}@s.whatsapp.net", "fromMe": False, "id": f"3EB0{mark}{i}"},
                           "message": {"conversation": "x"}, "messageType": "conversation", "messageTimestamp": T0 + i},
                          separators=(",", ":")).encode()

    return numbered(size, {"meta": meta, "evolution": evolution_item}[dialect])


def evolution_messages(account, count, mark):
    return body_of(account, "messages.upsert", b"[" + b",".join(
        b'{"key":{"remoteJid":"1650%07d@s.whatsapp.net","fromMe":false,"id":"3EB0%s%d"},"message":{"conversation":"x"},'
        b'"messageType":"conversation","messageTimestamp":%d}' % (i % 500, mark.encode(), i, T0 + i) for i in range(count)) + b"]")


def meta_messages(account, count, mark):
    return body_of(account, "messages", b"[" + b",".join(
        b'{"from":"1650%07d","id":"wamid.%s%d","timestamp":"%d","type":"text","text":{"body":"x"}}' % (i % 500, mark.encode(), i, T0 + i)
        for i in range(count)) + b"]")
