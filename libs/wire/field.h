/* Reaching a struct's member by its offset: what the walks over the tables of shape.h share. */
#ifndef WIRE_FIELD_H
#define WIRE_FIELD_H

#include <stddef.h>
#include <string.h>

static inline const void *field_at(const void *base, size_t offset)
{
	return (const char *)base + offset;
}

static inline void *field_in(void *base, size_t offset)
{
	return (char *)base + offset;
}

static inline unsigned field_enum(const void *base, size_t offset)
{
	return *(const unsigned *)field_at(base, offset);
}

static inline size_t field_count(const void *base, size_t offset)
{
	return *(const size_t *)field_at(base, offset);
}

/* The pointer stored at p: the tables know many types of them, so it is copied rather than cast. */
static inline void *pointer_load(const void *p)
{
	void *value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static inline void pointer_store(void *p, const void *value)
{
	memcpy(p, &value, sizeof(value));
}

#endif
