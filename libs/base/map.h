/* A hash table from byte strings to pointers. Keys are copied into the map, values are borrowed.
 * Iteration is in order of insertion unless something was deleted, so that runs are repeatable. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/str.h"

struct map;

struct map *map_new(void);
void map_free(struct map *m);  /* keys, not values */
void map_clear(struct map *m); /* keeps the allocated memory */
size_t map_count(const struct map *m);
void *map_get(const struct map *m, struct str key); /* NULL when absent */
/* Returns the address at which the key's value is stored; an absent key is added with the value NULL. Valid until the
 * next insertion. */
void **map_slot(struct map *m, struct str key);
void map_del(struct map *m, struct str key);
/* size_t i = 0; while (map_each(m, &i, &key, &value)) ... The current key may be deleted while iterating. */
bool map_each(const struct map *m, size_t *i, struct str *key, void **value);

#endif
