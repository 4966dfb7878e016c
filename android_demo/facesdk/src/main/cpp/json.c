#include "json.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_DEPTH = 32, MOST_DIGITS = 63 };

typedef struct reader {
  const uint8_t *text;
  size_t size, at;
  json_document *document;
  char *end; /* of the texts so far */
  const char *reason;
} reader;

static json_value *read_value(reader *r, int depth);

static void *refuse(reader *r, const char *reason) {
  if (r->reason == NULL) r->reason = reason;
  return NULL;
}

static int peek(reader *r) {
  while (r->at < r->size && strchr(" \t\n\r", r->text[r->at]) != NULL && r->text[r->at] != 0) ++r->at;
  return r->at < r->size ? r->text[r->at] : -1;
}

static bool skip(reader *r, int character) {
  if (peek(r) != character) return false;
  ++r->at;
  return true;
}

/* A text has at least as many bytes as values. */
static json_value *append(reader *r, json_kind kind) {
  json_value *value = &r->document->values[r->document->value_count++];
  *value = (json_value){.kind = kind};
  return value;
}

static bool read_hex(reader *r, uint32_t *code) {
  *code = 0;
  for (int i = 0; i < 4; ++i, ++r->at) {
    const int c = r->at < r->size ? r->text[r->at] : 0;
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return false;
    *code = *code << 4 | (uint32_t)digit;
  }
  return true;
}

static void put(reader *r, uint32_t code) {
  if (code < 0x80) {
    *r->end++ = (char)code;
    return;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  *r->end++ = (char)((0xff00 >> (more + 1) & 0xff) | code >> 6 * more);
  for (int i = more - 1; i >= 0; --i) *r->end++ = (char)(0x80 | (code >> 6 * i & 0x3f));
}

/* After \u: one code, or two that make one. Half of a pair becomes the replacement character. */
static bool read_code(reader *r) {
  uint32_t code, low;
  if (!read_hex(r, &code)) return false;
  if (code >= 0xd800 && code < 0xdc00 && r->at + 6 <= r->size && memcmp(r->text + r->at, "\\u", 2) == 0) {
    const size_t before = r->at;
    r->at += 2;
    if (!read_hex(r, &low)) return false;
    if (low >= 0xdc00 && low < 0xe000) {
      put(r, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
      return true;
    }
    r->at = before;
  }
  put(r, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
  return true;
}

/* A string's text, which ends with a zero in place of the closing quote. */
static const char *read_text(reader *r) {
  static const char escapes[] = "\"\\/bfnrt", characters[] = "\"\\/\b\f\n\r\t";
  if (!skip(r, '"')) return refuse(r, "a string is needed");
  const char *text = r->end;
  while (r->at < r->size) {
    const uint8_t c = r->text[r->at++];
    if (c == '"') {
      *r->end++ = 0;
      return text;
    }
    if (c < 0x20) return refuse(r, "a control character in a string");
    if (c != '\\') {
      *r->end++ = (char)c;
      continue;
    }
    const int escaped = r->at < r->size ? r->text[r->at++] : 0;
    const char *which = escaped != 0 ? strchr(escapes, escaped) : NULL;
    if (which != NULL) {
      *r->end++ = characters[which - escapes];
    } else if (escaped != 'u' || !read_code(r)) {
      return refuse(r, "an invalid escape in a string");
    }
  }
  return refuse(r, "a string does not end");
}

static bool is_digit(const reader *r, size_t at) { return at < r->size && r->text[at] >= '0' && r->text[at] <= '9'; }

static size_t digits(const reader *r, size_t at) {
  while (is_digit(r, at)) ++at;
  return at;
}

static json_value *read_number(reader *r) {
  const size_t begin = r->at;
  size_t at = begin + (r->text[begin] == '-');
  bool whole = true;
  if (!is_digit(r, at)) return refuse(r, "no value");
  const bool zero = r->text[at] == '0';
  if (zero && is_digit(r, at + 1)) return refuse(r, "a number starts with 0");
  at = digits(r, at);
  if (at < r->size && r->text[at] == '.') {
    whole = false;
    if (!is_digit(r, at + 1)) return refuse(r, "a number ends with a point");
    at = digits(r, at + 1);
  }
  if (at < r->size && (r->text[at] == 'e' || r->text[at] == 'E')) {
    whole = false;
    at += 1 + (at + 1 < r->size && (r->text[at + 1] == '+' || r->text[at + 1] == '-'));
    if (!is_digit(r, at)) return refuse(r, "a number has no exponent");
    at = digits(r, at);
  }
  char copy[MOST_DIGITS + 1];
  if (at - begin > MOST_DIGITS) return refuse(r, "a number has too many digits");
  memcpy(copy, r->text + begin, at - begin);
  copy[at - begin] = 0;
  r->at = at;
  json_value *value = append(r, JSON_NUMBER);
  value->number = strtod(copy, NULL);
  value->whole = whole;
  return value;
}

static json_value *read_many(reader *r, json_kind kind, int close, int depth) {
  json_value *owner = append(r, kind);
  const json_value **link = &owner->first;
  ++r->at;
  if (skip(r, close)) return owner;
  do {
    const char *name = NULL;
    if (kind == JSON_OBJECT) {
      name = read_text(r);
      if (name == NULL) return NULL;
      if (!skip(r, ':')) return refuse(r, "a colon is needed");
    }
    json_value *value = read_value(r, depth + 1);
    if (value == NULL) return NULL;
    value->name = name;
    *link = value;
    link = &value->next;
  } while (skip(r, ','));
  return skip(r, close) ? owner : refuse(r, "a comma or an end is needed");
}

static json_value *read_word(reader *r, const char *word, json_kind kind) {
  const size_t length = strlen(word);
  if (r->size - r->at < length || memcmp(r->text + r->at, word, length) != 0) return refuse(r, "no value");
  r->at += length;
  return append(r, kind);
}

static json_value *read_value(reader *r, int depth) {
  const int c = peek(r);
  if (depth > MOST_DEPTH) return refuse(r, "too deep");
  json_value *value;
  switch (c) {
    case -1: return refuse(r, "it ends too soon");
    case '{': return read_many(r, JSON_OBJECT, '}', depth);
    case '[': return read_many(r, JSON_ARRAY, ']', depth);
    case 't': return read_word(r, "true", JSON_TRUE);
    case 'f': return read_word(r, "false", JSON_FALSE);
    case 'n': return read_word(r, "null", JSON_NULL);
    case '"': {
      const char *text = read_text(r);
      if (text == NULL) return NULL;
      value = append(r, JSON_STRING);
      value->text = text;
      return value;
    }
    default: return read_number(r);
  }
}

const json_value *json_parse(const uint8_t *text, size_t size, json_document *document, const char **reason, size_t *at) {
  /* No value has less than one byte, and no decoded string is longer than its text. */
  *document = (json_document){calloc(size + 1, sizeof(json_value)), malloc(size + 1), 0};
  reader r = {text, size, 0, document, document->texts, NULL};
  const json_value *root = NULL;
  if (document->values == NULL || document->texts == NULL) {
    (void)refuse(&r, "no memory");
  } else {
    root = read_value(&r, 0);
    if (root != NULL && peek(&r) != -1) root = refuse(&r, "something follows its end");
  }
  *reason = r.reason;
  *at = r.at;
  if (root == NULL) json_free(document);
  return root;
}

const json_value *json_member(const json_value *object, const char *name) {
  const json_value *found = NULL;
  if (object == NULL || object->kind != JSON_OBJECT) return NULL;
  for (const json_value *value = object->first; value != NULL; value = value->next) {
    if (strcmp(value->name, name) == 0) found = value;
  }
  return found;
}

void json_free(json_document *document) {
  free(document->values);
  free(document->texts);
  *document = (json_document){0};
}
