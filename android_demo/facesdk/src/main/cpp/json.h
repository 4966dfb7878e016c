/* JSON text to values, for contracts: at most some thousand bytes, read once. */
#ifndef FACESDK_ANDROID_JSON_H_
#define FACESDK_ANDROID_JSON_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum json_kind { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } json_kind;

typedef struct json_value {
  json_kind kind;
  bool whole;       /* a number without fraction and exponent */
  double number;    /* its value */
  const char *text; /* a string, UTF-8 */
  const char *name; /* where it is a member of an object */
  const struct json_value *first, *next; /* elements or members in their order; the next one beside it */
} json_value;

/* Values and texts in two blocks of memory. */
typedef struct json_document {
  json_value *values;
  char *texts;
  size_t value_count;
} json_document;

/* Parses a text; NULL if memory ran out or it is no JSON, then *reason says what is wrong and *at where. */
const json_value *json_parse(const uint8_t *text, size_t size, json_document *document, const char **reason, size_t *at);

/* The member of an object; the last one of that name, as in Python. NULL if there is none, or it is no object. */
const json_value *json_member(const json_value *object, const char *name);

void json_free(json_document *document);

#endif
