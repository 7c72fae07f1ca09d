/* Access to a struct's members by offset: shared by the functions that walk the tables of shape.h. */
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

/* The pointer stored at p. Its type varies by row, so it is copied rather than read through a cast. */
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
