#include "model_file.h"

#include <stdio.h>
#include <string.h>

/* Fields of the tables of TFLite's schema that are read. */
enum { MODEL_CODES = 1, MODEL_SUBGRAPHS = 2, MODEL_BUFFERS = 4, MODEL_METADATA = 6, METADATA_NAME = 0, METADATA_BUFFER = 1, BUFFER_DATA = 0 };
enum { SUBGRAPH_OPERATORS = 3, OPERATOR_CODE = 0, CODE_CUSTOM = 1, CODE_BUILTIN = 3 };
enum { IDENTIFIER_AT = 4, SMALLEST = 16 };

static const char CONTRACT_NAME[] = "facesdk.json";

/* A position in the file; 0 (where no table can be) is "not there", NOWHERE "beyond the file". */
#define NOWHERE SIZE_MAX

static bool read32(model_bytes file, size_t at, uint32_t *value) {
  if (at > file.size || file.size - at < sizeof *value) return false;
  memcpy(value, file.start + at, sizeof *value);
  return true;
}

static bool read16(model_bytes file, size_t at, uint16_t *value) {
  if (at > file.size || file.size - at < sizeof *value) return false;
  memcpy(value, file.start + at, sizeof *value);
  return true;
}

/* Where the offset that is stored at a position leads. */
static size_t follow(model_bytes file, size_t at) {
  uint32_t offset;
  if (!read32(file, at, &offset) || offset > file.size - at) return NOWHERE;
  return at + offset;
}

/* Where a table has a field. */
static size_t field(model_bytes file, size_t table, uint16_t number) {
  uint32_t back;
  uint16_t size, offset;
  if (!read32(file, table, &back)) return NOWHERE;
  const int64_t vtable = (int64_t)table - (int32_t)back;
  if (vtable < 0 || !read16(file, (size_t)vtable, &size)) return NOWHERE;
  const size_t entry = 4 + 2 * (size_t)number;
  if (entry + 2 > size) return 0;
  if (!read16(file, (size_t)vtable + entry, &offset)) return NOWHERE;
  return offset == 0 ? 0 : table + offset;
}

/* The elements of the vector in a field: their number and the first one. Not there: none. */
static bool vector(model_bytes file, size_t table, uint16_t number, size_t element, uint32_t *count, size_t *first) {
  *count = 0;
  const size_t at = field(file, table, number);
  if (at == 0) return true;
  const size_t start = at == NOWHERE ? NOWHERE : follow(file, at);
  if (start == NOWHERE || !read32(file, start, count)) return false;
  *first = start + sizeof *count;
  return *count <= (file.size - *first) / element;
}

static bool truncated(const char *name, failure *failure) {
  return fail(failure, FAILURE_MODEL, "%s is not a usable TFLite model, or is truncated", name);
}

/* The data of a buffer; every buffer must lie in the file. */
static bool buffer_data(model_bytes file, size_t buffers, uint32_t count, uint32_t number, model_bytes *data, size_t *at) {
  uint32_t size = 0;
  size_t first = 0;
  if (number >= count) return false;
  const size_t table = follow(file, buffers + 4 * (size_t)number);
  if (table == NOWHERE || !vector(file, table, BUFFER_DATA, 1, &size, &first)) return false;
  *data = (model_bytes){file.start + first, size};
  *at = field(file, table, BUFFER_DATA);
  return true;
}

static bool is_contract(model_bytes file, size_t entry) {
  uint32_t length;
  size_t text;
  return vector(file, entry, METADATA_NAME, 1, &length, &text) && length == sizeof CONTRACT_NAME - 1 &&
         memcmp(file.start + text, CONTRACT_NAME, length) == 0;
}

bool model_contract(model_bytes file, const char *name, model_bytes *contract, size_t *offset_at, failure *failure) {
  if (file.size >= 8 && memcmp(file.start, "fsdkpack", 8) == 0) {
    return fail(failure, FAILURE_MODEL, "%s is a packed model: unpack it with `facesdk models unpack`", name);
  }
  if (file.size < SMALLEST || memcmp(file.start + IDENTIFIER_AT, "TFL3", 4) != 0) return truncated(name, failure);
  const size_t root = follow(file, 0);
  uint32_t buffer_count, entry_count, number = 0;
  size_t buffers = 0, entries = 0;
  if (root == NOWHERE || !vector(file, root, MODEL_BUFFERS, 4, &buffer_count, &buffers) ||
      !vector(file, root, MODEL_METADATA, 4, &entry_count, &entries)) {
    return truncated(name, failure);
  }
  for (uint32_t i = 0; i < buffer_count; ++i) {
    model_bytes data;
    size_t unused;
    if (!buffer_data(file, buffers, buffer_count, i, &data, &unused)) return truncated(name, failure);
  }
  for (uint32_t i = 0; i < entry_count; ++i) {
    const size_t entry = follow(file, entries + 4 * (size_t)i);
    if (entry == NOWHERE) return truncated(name, failure);
    if (!is_contract(file, entry)) continue;
    const size_t at = field(file, entry, METADATA_BUFFER);
    if (at == NOWHERE || (at != 0 && !read32(file, at, &number)) ||
        !buffer_data(file, buffers, buffer_count, number, contract, offset_at)) {
      return truncated(name, failure);
    }
    return true;
  }
  return fail(failure, FAILURE_CONTRACT,
              "%s carries no facesdk contract: convert it with `facesdk convert`, or give its contract", name);
}

/* The table at an index of a vector of tables; NOWHERE if there is none. */
static size_t element(model_bytes file, size_t table, uint16_t number, uint32_t index) {
  uint32_t count;
  size_t first = 0;
  if (table == NOWHERE || !vector(file, table, number, 4, &count, &first) || index >= count) return NOWHERE;
  return follow(file, first + 4 * (size_t)index);
}

static uint32_t integer(model_bytes file, size_t table, uint16_t number) {
  uint32_t value = 0;
  const size_t at = table == NOWHERE ? 0 : field(file, table, number);
  return at != 0 && at != NOWHERE && read32(file, at, &value) ? value : 0;
}

/* The runtime's operators that our delegate computes. */
static const struct {
  uint32_t code;
  char name[6];
} BUILTINS[] = {{0, "ADD"}, {18, "MUL"}, {19, "RELU"}, {54, "PRELU"}};

void model_operator_name(model_bytes file, int32_t number, char name[MODEL_OPERATOR_NAME]) {
  const size_t root = follow(file, 0);
  const size_t graph = element(file, root, MODEL_SUBGRAPHS, 0);
  const size_t operator= element(file, graph, SUBGRAPH_OPERATORS, (uint32_t)number);
  const size_t code = element(file, root, MODEL_CODES, integer(file, operator, OPERATOR_CODE));
  uint32_t length = 0;
  size_t text = 0;
  if (operator != NOWHERE && code != NOWHERE && vector(file, code, CODE_CUSTOM, 1, &length, &text) && length > 0) {
    (void)snprintf(name, MODEL_OPERATOR_NAME, "%.*s", (int)length, (const char *)file.start + text);
    return;
  }
  (void)snprintf(name, MODEL_OPERATOR_NAME, "operator %d", (int)number);
  if (operator == NOWHERE || code == NOWHERE) return;
  const uint32_t builtin = integer(file, code, CODE_BUILTIN);
  for (size_t i = 0; i < sizeof BUILTINS / sizeof *BUILTINS; ++i) {
    if (BUILTINS[i].code == builtin) (void)snprintf(name, MODEL_OPERATOR_NAME, "%s", BUILTINS[i].name);
  }
}
