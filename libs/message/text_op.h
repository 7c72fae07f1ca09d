/* The steps of a compiled text, in order; a jump leads forward only, so that writing a text takes one pass. */
#ifndef MESSAGE_TEXT_OP_H
#define MESSAGE_TEXT_OP_H

#include "message/text.h"

/* {a|b} c   is   CHOICE [1, 3], LITERAL a, JUMP 4, LITERAL b, LITERAL " c" */
struct text_op {
	enum { TEXT_LITERAL, TEXT_REFERENCE, TEXT_CHOICE, TEXT_JUMP } kind;
	struct str literal;
	size_t index; /* reference: in text.references; choice: its number; jump: the next op */
	const size_t *options; /* choice: the first op of each */
	size_t n_options;
};

#endif
