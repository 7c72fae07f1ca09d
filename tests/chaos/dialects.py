"""Items of the load generator as bodies of the five dialects.

An item is a dictionary in the domain's words (plan.py makes them); `account` is the target in load.py to which it is sent.
"""
import json

ME = "15550783881"
ACKS = {"failed": -1, "pending": 0, "sent": 1, "delivered": 2, "read": 3, "played": 4}


def stanza(key):
    """The provider's id: the key "true:3EB0" has the stanza id 3EB0."""
    return key.partition(":")[2] or key


def jid(chat, server="c.us"):
    if "group" in chat:
        return chat["group"]
    return f"{chat['lid']}@lid" if "lid" in chat else f"{chat['phone']}@{server}"


def seconds(item):
    return item["at"] // 1000


# Meta's Cloud API

def meta_value(account, kind, member, value):
    value = {"messaging_product": "whatsapp", member: value,
             "metadata": {"display_phone_number": ME, "phone_number_id": account.phone_number_id}}
    return {"object": "whatsapp_business_account", "entry": [{"id": account.waba, "changes": [{"field": kind, "value": value}]}]}


def meta_message(account, item):
    one = {"id": item["key"], "timestamp": str(seconds(item)), "type": "text", "text": {"body": item["body"]}}
    if item["out"]:
        return meta_value(account, "smb_message_echoes", "message_echoes", [one | {"from": ME, "to": item["chat"]["phone"]}])
    body = meta_value(account, "messages", "messages", [one | {"from": item["chat"]["phone"]}])
    body["entry"][0]["changes"][0]["value"]["contacts"] = [{"profile": {"name": item["name"]}, "wa_id": item["chat"]["phone"]}]
    return body


def meta_update(account, item, kind, detail):
    one = {"from": item["chat"]["phone"], "id": f"wamid.U{item['n']:012}", "timestamp": str(seconds(item)), "type": kind,
           kind: detail}
    return meta_value(account, "messages", "messages", [one])


def meta_edit(account, item):
    return meta_update(account, item, "edit", {"original_message_id": item["key"],
                                               "message": {"type": "text", "text": {"body": item["body"]}}})


def meta_revoke(account, item):
    return meta_update(account, item, "revoke", {"original_message_id": item["key"]})


def meta_reaction(account, item):
    return meta_update(account, item, "reaction", {"message_id": item["key"]} | ({"emoji": item["emoji"]} if item["emoji"] else {}))


def meta_status(account, item):
    one = {"id": item["key"], "status": item["status"], "timestamp": str(seconds(item)), "recipient_id": item["chat"]["phone"]}
    if item["status"] == "failed":
        one["errors"] = [{"code": 131049, "title": "not delivered"}]
    return meta_value(account, "messages", "statuses", [one])


AT_INGEST = ("no id", "poison")  # invalid items that ingest rejects


def meta_poison(account, items):
    """A body with one order for each item, whose price no column can hold."""
    return meta_value(account, "messages", "messages", [{
        "from": ME, "id": f"wamid.P{i['n']}", "timestamp": "1767225600", "type": "order",
        "order": {"catalog_id": i["mark"], "product_items": [{"item_price": PRICE}]}} for i in items])


PRICE = "a price"


def poison_of(account, items):
    """The bytes of one POST."""
    return json.dumps(meta_poison(account, items)).replace(f'"{PRICE}"', "1e999999").encode()


def meta_bad(account, item):
    """A message without an id beside a valid one; only the former is rejected."""
    good = meta_message(account, item["good"])
    value = good["entry"][0]["changes"][0]["value"]
    member = "messages" if "messages" in value else "message_echoes"
    value[member].append({"from": ME, "to": ME, "timestamp": "1", "type": "text", "text": {"body": item["mark"]}})
    return good


# whatsapp-web.js, as wwebjs-api sends it

def wwebjs_id(item, key=None):
    key = key or item["key"]
    mine = key.startswith("true:")
    chat = jid(item["chat"])
    whole = f"{'true' if mine else 'false'}_{chat}_{stanza(key)}"
    id_ = {"fromMe": mine, "remote": chat, "id": stanza(key)}
    if item.get("sender") and not mine:
        whole += f"_{jid(item['sender'])}"
        id_["participant"] = jid(item["sender"])
    return id_ | {"_serialized": whole}


def wwebjs_object(item, **changes):
    mine, chat = item["key"].startswith("true:"), jid(item["chat"])
    one = {"id": wwebjs_id(item), "ack": 1, "hasMedia": False, "body": item.get("body", ""), "type": "chat",
           "timestamp": seconds(item), "from": f"{ME}@c.us" if mine else chat, "to": chat if mine else f"{ME}@c.us", "fromMe": mine,
           "_data": {"notifyName": item.get("name", "")}}
    if item.get("sender") and not mine:
        one["author"] = jid(item["sender"])
    return one | changes


def wwebjs(account, kind, data):
    return {"dataType": kind, "data": data, "sessionId": account.session}


def wwebjs_message(account, item):
    return wwebjs(account, "message_create", {"message": wwebjs_object(item, ack=ACKS[item["status"]] if item["out"] else 1)})


def wwebjs_status(account, item):
    ack = ACKS[item["status"]]
    return wwebjs(account, "message_ack", {"message": wwebjs_object(item, ack=ack), "ack": ack})


def wwebjs_edit(account, item):
    changed = wwebjs_object(item, latestEditSenderTimestampMs=item["at"])
    changed["_data"]["latestEditSenderTimestampMs"] = item["at"]
    return wwebjs(account, "message_edit", {"message": changed, "newBody": item["body"], "prevBody": ""})


def wwebjs_revoke(account, item):
    own = wwebjs_object(item, id=wwebjs_id(item, item["key"].partition(":")[0] + f":3EB1{item['n']:012X}"), type="revoked",
                        protocolMessageKey=wwebjs_id(item))
    own["_data"] |= {"type": "revoked", "protocolMessageKey": wwebjs_id(item), "revokeTimestamp": seconds(item), "t": seconds(item)}
    return wwebjs(account, "message_revoke_everyone", {"message": own})


def wwebjs_reaction(account, item):
    by = f"{ME}@c.us" if item["out"] else jid(item.get("sender") or item["chat"])
    own = wwebjs_id(item, f"{'true' if item['out'] else 'false'}:3EB2{item['n']:012X}")
    return wwebjs(account, "message_reaction", {"reaction": {
        "id": own, "timestamp": seconds(item), "reaction": item["emoji"], "msgId": wwebjs_id(item), "senderId": by, "ack": 2}})


def wwebjs_group(account, item):
    own = wwebjs_id({"chat": item["chat"], "key": f"false:{item['n']}"})
    return wwebjs(account, "group_update", {"notification": {
        "id": own, "body": item["text"], "type": "subject", "timestamp": seconds(item), "chatId": item["chat"]["group"],
        "author": f"{ME}@c.us", "recipientIds": []}})


# WAHA

def waha(account, item, event, payload):
    return {"id": f"evt_{item['n']}", "timestamp": item["at"], "event": event, "session": account.session,
            "me": {"id": f"{ME}@c.us"}, "payload": payload, "engine": "WEBJS"}


def waha_object(item, id_=None, **changes):
    mine, chat = item["key"].startswith("true:"), jid(item["chat"])
    return {"id": id_ or f"{'true' if mine else 'false'}_{chat}_{stanza(item['key'])}", "timestamp": seconds(item),
            "from": f"{ME}@c.us" if mine else chat, "to": chat if mine else f"{ME}@c.us", "fromMe": mine, "participant": None,
            "body": item.get("body", ""), "hasMedia": False, "ack": 1, "_data": {"notifyName": item.get("name", "")}} | changes


def waha_message(account, item):
    return waha(account, item, "message.any", waha_object(item, ack=ACKS[item["status"]] if item["out"] else 1))


def waha_status(account, item):
    return waha(account, item, "message.ack", waha_object(item, ack=ACKS[item["status"]]))


def waha_edit(account, item):
    own = f"false_{jid(item['chat'])}_3EB1{item['n']:012X}"
    return waha(account, item, "message.edited", waha_object(item, own, editedMessageId=stanza(item["key"])))


def waha_revoke(account, item):
    own = f"false_{jid(item['chat'])}_3EB1{item['n']:012X}"
    return waha(account, item, "message.revoked", {"after": waha_object(item, own, body=""), "before": None,
                                                   "revokedMessageId": stanza(item["key"])})


def waha_reaction(account, item):
    chat, mine = jid(item["chat"]), item["out"]
    target = f"{'true' if item['key'].startswith('true:') else 'false'}_{chat}_{stanza(item['key'])}"
    return waha(account, item, "message.reaction", {
        "id": f"{'true' if mine else 'false'}_{chat}_3EB2{item['n']:012X}", "from": f"{ME}@c.us" if mine else chat, "fromMe": mine,
        "participant": None, "to": chat if mine else f"{ME}@c.us", "timestamp": seconds(item),
        "reaction": {"text": item["emoji"], "messageId": target}})


# Evolution API

def evolution(account, event, data):
    return {"event": event, "instance": account.session, "data": data, "apikey": account.secret}


def evolution_key(item):
    return {"remoteJid": jid(item["chat"], "s.whatsapp.net"), "fromMe": item["key"].startswith("true:"), "id": stanza(item["key"])}


def evolution_message(account, item):
    return evolution(account, "messages.upsert", {
        "key": evolution_key(item), "pushName": item["name"], "message": {"conversation": item["body"]},
        "messageType": "conversation", "messageTimestamp": seconds(item),
        "status": {"pending": "PENDING", "sent": "SERVER_ACK"}.get(item["status"], "DELIVERY_ACK")})


def evolution_status(account, item):
    word = {"sent": "SERVER_ACK", "delivered": "DELIVERY_ACK", "failed": "ERROR"}.get(item["status"], item["status"].upper())
    key = evolution_key(item)
    return evolution(account, "messages.update", {"keyId": key["id"], "remoteJid": key["remoteJid"], "fromMe": key["fromMe"],
                                                  "status": word})


# The bridge's own contract

def bridge_message(account, item):
    group = "group" in item["chat"]
    body = {"session_id": account.session, "workspace_id": account.workspace, "id": stanza(item["key"]), "from_me": item["out"],
            "chat_type": "group" if group else "private", "message_body": item["body"], "message_type": "chat",
            "timestamp": seconds(item), "has_media": False}
    if item["out"]:
        body["ack"] = ACKS[item["status"]]
    if group:
        sender = {} if item["out"] else {"sender_phone": jid(item["sender"]), "sender_name": item["name"]}
        return body | {"group_jid": item["chat"]["group"]} | sender
    return body | {"contact_phone": jid(item["chat"]), "contact_name": item["name"]}


def bridge_sync(account, items):
    """One batch: its chats, and as many invalid ones as its end says."""
    *chats, end = items
    bad = [{"type": "private", "contact_name": end["mark"], "timestamp": 1}] * end["rejected"]
    return {"session_id": account.session, "workspace_id": account.workspace, "sync_id": end["sync"], "index": end["index"],
            "total": end["total"], "last": end["last"], "chats": [bridge_chat(c) for c in chats] + bad}


def bridge_chat(item):
    messages = [{"id": stanza(m["key"]), "body": m["body"], "type": "chat", "timestamp": seconds(m), "from_me": m["out"],
                 "ack": ACKS[m["status"]] if m["out"] else None} for m in item["messages"]]
    return {"type": "private", "contact_phone": jid(item["chat"]), "contact_name": item["name"],
            "timestamp": max(m["timestamp"] for m in messages), "messages": messages}


# The kinds of each dialect: {kind: the function that makes the body of one item}
HTTP = {
    "meta": {"message": meta_message, "status": meta_status, "edit": meta_edit, "revoke": meta_revoke, "reaction": meta_reaction,
             "bad": meta_bad},
    "webjs-raw": {"message": wwebjs_message, "status": wwebjs_status, "edit": wwebjs_edit, "revoke": wwebjs_revoke,
                  "reaction": wwebjs_reaction, "group": wwebjs_group},
    "waha": {"message": waha_message, "status": waha_status, "edit": waha_edit, "revoke": waha_revoke, "reaction": waha_reaction},
    "evolution": {"message": evolution_message, "status": evolution_status},
    "bridge": {"message": bridge_message, "sync": bridge_sync},
}


def body_of(account, items):
    """The bytes of one POST: one item, or the whole batch of a sync."""
    make = HTTP[account.dialect]
    if items[-1]["kind"] == "sync_end":
        body = make["sync"](account, items)
    else:
        body = make[items[0]["kind"]](account, items[0])
    return json.dumps(body).encode()
