#include "contract.h"

#include <math.h>
#include <string.h>

enum { SCHEMA_VERSION = 1, SQUARE = 112, NARROW = 96 };
enum { ALIGNMENT = 16, LENGTH = 4 };

/* What is being read, for messages. */
typedef struct source {
  const char *file, *prefix;
  failure *failure;
} source;

static bool wrong(const source *from, const char *field, const char *wanted) {
  return fail(from->failure, FAILURE_CONTRACT, "%s: the model's contract: %s%s must be %s", from->file, from->prefix,
              field, wanted);
}

static bool text(const source *from, const json_value *record, const char *field, bool needed, const char **value) {
  const json_value *found = json_member(record, field);
  *value = "";
  if (found == NULL && !needed) return true;
  if (found == NULL || found->kind != JSON_STRING) return wrong(from, field, "a string");
  *value = found->text;
  return true;
}

static bool number(const source *from, const json_value *record, const char *field, double low, double high,
                   const char *wanted, double *value) {
  const json_value *found = json_member(record, field);
  if (found == NULL || found->kind != JSON_NUMBER || !(found->number >= low && found->number <= high)) {
    return wrong(from, field, wanted);
  }
  *value = found->number;
  return true;
}

static bool read_input(const source *from, const json_value *record, contract *self) {
  const json_value *input = json_member(record, "input");
  const char *color;
  double mean, scale;
  if (input == NULL || input->kind != JSON_OBJECT) return wrong(from, "input", "a JSON object");
  const source inside = {from->file, "input ", from->failure};
  if (!text(&inside, input, "color", true, &color) ||
      !number(&inside, input, "mean", -1e6, 1e6, "a number from -1,000,000 to 1,000,000", &mean) ||
      !number(&inside, input, "scale", 1e-6, 1e6, "a number from 1e-06 to 1,000,000", &scale)) {
    return false;
  }
  self->bgr = strcmp(color, "BGR") == 0;
  if (!self->bgr && strcmp(color, "RGB") != 0) return wrong(&inside, "color", "one of RGB, BGR");
  self->mean = (float)mean;
  self->scale = (float)scale;
  return true;
}

static bool read_thresholds(const source *from, const json_value *record, contract *self) {
  const json_value *list = json_member(record, "thresholds");
  if (list == NULL) return true;
  if (list->kind != JSON_ARRAY) {
    return fail(from->failure, FAILURE_CONTRACT, "%s: the model's contract: thresholds must be a list", from->file);
  }
  const json_value *pixels = json_member(record, "thresholds_pixels");
  if (pixels != NULL && pixels->kind != JSON_NULL) {
    double version;
    const char *wanted = "a whole number from 1 to 2147483647, or null";
    if (!number(from, record, "thresholds_pixels", 1, INT32_MAX, wanted, &version)) return false;
    if (!pixels->whole) return wrong(from, "thresholds_pixels", wanted);
    self->thresholds_pixels = (int32_t)version;
  }
  const source inside = {from->file, "threshold ", from->failure};
  for (const json_value *row = list->first; row != NULL; row = row->next) {
    if (self->threshold_count == CONTRACT_THRESHOLDS) return wrong(from, "thresholds", "at most 32");
    contract_threshold *t = &self->thresholds[self->threshold_count++];
    if (!number(&inside, row, "fmr", 1e-300, 1 - 1e-16, "a number above 0 and below 1", &t->fmr) ||
        !number(&inside, row, "similarity", -1, 1, "a number from -1 to 1", &t->similarity) ||
        !number(&inside, row, "fnmr", 0, 1, "a number from 0 to 1", &t->fnmr) ||
        !number(&inside, row, "positive_pairs", 1, 1e18, "a whole number", &t->positive_pairs) ||
        !number(&inside, row, "negative_pairs", 1, 1e18, "a whole number", &t->negative_pairs)) {
      return false;
    }
  }
  return true;
}

/* Its length is of no account, so that its greatest number may be any but 0. */
static bool read_direction(const source *from, const json_value *record, contract *self) {
  static const char wanted[] = "null or a list of 1 to 65,536 numbers from -1 to 1 that are not all 0";
  const json_value *list = json_member(record, "removed_direction");
  if (list == NULL || list->kind == JSON_NULL) return true;
  if (list->kind != JSON_ARRAY) return wrong(from, "removed_direction", wanted);
  double greatest = 0;
  int32_t count = 0;
  for (const json_value *row = list->first; row != NULL; row = row->next, ++count) {
    if (row->kind != JSON_NUMBER || !(fabs(row->number) <= 1)) return wrong(from, "removed_direction", wanted);
    if (fabs(row->number) > greatest) greatest = fabs(row->number);
  }
  if (greatest == 0) return wrong(from, "removed_direction", wanted);
  if (count != self->dim) {
    return fail(from->failure, FAILURE_CONTRACT,
                "%s: the model's contract: removed_direction must have dim = %d numbers, but has %d", from->file, self->dim,
                count);
  }
  self->removed_direction = list->first;
  self->removed_scale = 1 / (greatest > 1e-300 ? greatest : 1e-300);
  return true;
}

static bool read_full_norm(const source *from, const json_value *record, contract *self) {
  const json_value *given = json_member(record, "full_norm");
  if (given == NULL || given->kind == JSON_NULL) return true;
  double norm;
  if (!number(from, record, "full_norm", 1e-6, 1e9, "null or a number from 1e-06 to 1e+09", &norm)) return false;
  self->full_norm = (float)norm;
  return true;
}

static bool read_recognition(const source *from, const json_value *record, contract *self) {
  const json_value *flip = json_member(record, "flip_concatenation");
  double dim;
  if (!text(from, record, "template", true, &self->template_name) ||
      !number(from, record, "dim", 1, 65536, "a whole number from 1 to 65,536", &dim)) {
    return false;
  }
  self->template_width = strcmp(self->template_name, "arcface-112x112") == 0  ? SQUARE
                         : strcmp(self->template_name, "arcface-112x96") == 0 ? NARROW
                                                                              : 0;
  if (self->template_width == 0) return wrong(from, "template", "one of arcface-112x112, arcface-112x96");
  self->dim = (int32_t)dim;
  if ((double)self->dim != dim) return wrong(from, "dim", "a whole number from 1 to 65,536");
  if (flip != NULL && flip->kind != JSON_TRUE && flip->kind != JSON_FALSE) {
    return wrong(from, "flip_concatenation", "true or false");
  }
  self->flip_concatenation = flip != NULL && flip->kind == JSON_TRUE;
  if (self->flip_concatenation && self->dim % 2 != 0) {
    return wrong(from, "dim", "even where flip_concatenation is true");
  }
  return read_direction(from, record, self) && read_full_norm(from, record, self);
}

/* Another contract is at the end of a file, from the next place that is aligned. */
static bool read_original(const source *from, const json_value *record, model_bytes file, model_bytes bytes,
                          size_t offset_at, contract *self) {
  const json_value *original = json_member(record, "original");
  if (original == NULL) return true;
  const source inside = {from->file, "original ", from->failure};
  if (original->kind != JSON_OBJECT) return wrong(from, "original", "a JSON object");
  if (!number(&inside, original, "bytes", 0, UINT32_MAX, "a whole number", &self->original_bytes) ||
      !number(&inside, original, "offset", 0, UINT32_MAX, "a whole number", &self->original_offset)) {
    return false;
  }
  const size_t end = (size_t)self->original_bytes, start = (size_t)(bytes.start - file.start);
  if (start % ALIGNMENT != 0 || end > start || start - end >= ALIGNMENT + LENGTH || start - end < LENGTH ||
      offset_at + LENGTH > end) {
    return wrong(from, "original", "the file that its contract was changed in");
  }
  self->offset_at = (double)offset_at;
  return true;
}

bool contract_read(contract *self, model_bytes file, const char *name, failure *failure) {
  *self = (contract){0};
  model_bytes bytes;
  size_t offset_at = 0;
  if (!model_contract(file, name, &bytes, &offset_at, failure)) return false;
  const char *reason;
  size_t at;
  const json_value *record = json_parse(bytes.start, bytes.size, &self->document, &reason, &at);
  if (record == NULL) {
    return fail(failure, FAILURE_CONTRACT, "%s: the model's contract is not valid JSON (%s, byte %zu)", name, reason, at);
  }
  if (record->kind != JSON_OBJECT) {
    return fail(failure, FAILURE_CONTRACT, "%s: the model's contract must be a JSON object", name);
  }
  const json_value *version = json_member(record, "schema_version");
  if (version == NULL || version->kind != JSON_NUMBER || !version->whole || version->number != SCHEMA_VERSION) {
    return fail(failure, FAILURE_CONTRACT,
                "%s: the model's contract has another schema version, this facesdk reads %d: upgrade facesdk or convert "
                "the model again",
                name, SCHEMA_VERSION);
  }
  const source from = {name, "", failure};
  if (!text(&from, record, "name", true, &self->name) || !text(&from, record, "task", true, &self->task) ||
      !text(&from, record, "architecture", true, &self->architecture) ||
      !text(&from, record, "variant", true, &self->variant) || !text(&from, record, "license", true, &self->license) ||
      !text(&from, record, "thresholds_source", false, &self->thresholds_source) ||
      !text(&from, record, "training_data", false, &self->training_data) || !read_input(&from, record, self) ||
      !read_thresholds(&from, record, self) || !read_original(&from, record, file, bytes, offset_at, self)) {
    return false;
  }
  return strcmp(self->task, "recognition") != 0 || read_recognition(&from, record, self);
}

bool contract_recognizes(const contract *self, const char *name, failure *failure) {
  if (self->dim > 0) return true;
  return fail(failure, FAILURE_CONTRACT, "%s is a model for %s, but one for recognition is needed", name, self->task);
}

void contract_free(contract *self) {
  json_free(&self->document);
  *self = (contract){0};
}
