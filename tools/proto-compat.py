#!/usr/bin/python3
"""Compares two FileDescriptorSets: tools/proto-compat.py OLD NEW

Fails when a reader or writer built from OLD would misinterpret NEW: when a field or enum number has another meaning, or was
removed without being reserved.
"""
import sys
from pathlib import Path

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorSet


def load(path):
    """Messages and enums by full name."""
    messages, enums = {}, {}

    def walk(prefix, message_types, enum_types):
        for enum in enum_types:
            enums[f"{prefix}.{enum.name}"] = enum
        for message in message_types:
            name = f"{prefix}.{message.name}"
            messages[name] = message
            walk(name, message.nested_type, message.enum_type)

    for file in FileDescriptorSet.FromString(Path(path).read_bytes()).file:
        walk(file.package, file.message_type, file.enum_type)
    return messages, enums


def field_text(message, field):
    kind = field.type_name or FieldDescriptorProto.Type.Name(field.type)[len("TYPE_"):].lower()
    label = FieldDescriptorProto.Label.Name(field.label)[len("LABEL_"):].lower()
    oneof = f" in oneof {message.oneof_decl[field.oneof_index].name}" if field.HasField("oneof_index") else ""
    return f"{label} {kind} {field.name}{oneof}"


def compare_numbers(name, old, new, is_reserved, was_reserved):
    """old, new: {number: its meaning as text}"""
    for number, text in sorted(old.items()):
        if number in new and new[number] != text:
            yield f"{name}: {number} was `{text}`, is `{new[number]}`"
        if number not in new and not is_reserved(number):
            yield f"{name}: {number} (`{text}`) is gone and not reserved"
    for number, text in sorted(new.items()):
        if number not in old and was_reserved(number):
            yield f"{name}: {number} was reserved, is `{text}`"


def compare_messages(old, new):
    for name, was in old.items():
        if name not in new:
            yield f"{name}: gone"
            continue
        now = new[name]
        yield from compare_numbers(
            name,
            {f.number: field_text(was, f) for f in was.field},
            {f.number: field_text(now, f) for f in now.field},
            lambda n: any(r.start <= n < r.end for r in now.reserved_range),
            lambda n: any(r.start <= n < r.end for r in was.reserved_range))


def compare_enums(old, new):
    for name, was in old.items():
        if name not in new:
            yield f"{name}: gone"
            continue
        now = new[name]
        yield from compare_numbers(
            name,
            {v.number: v.name for v in was.value},
            {v.number: v.name for v in now.value},
            # Reserved ranges of an enum include their end, those of a message do not.
            lambda n: any(r.start <= n <= r.end for r in now.reserved_range),
            lambda n: any(r.start <= n <= r.end for r in was.reserved_range))


def main(old_path, new_path):
    if not Path(old_path).exists():
        print(f"{old_path} does not exist yet: nothing to be compatible with (make proto-baseline)")
        return 0
    (old_messages, old_enums), (new_messages, new_enums) = load(old_path), load(new_path)
    complaints = [*compare_messages(old_messages, new_messages), *compare_enums(old_enums, new_enums)]
    for line in complaints:
        print(f"proto: {line}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
