#include "recognizer.h"

#include <math.h>

enum { HEIGHT = 112, CHANNELS = 3 };

/* How a tensor of integers holds real numbers; one that is not float32, int8 or uint8 cannot be used. */
static bool read_type(const runtime *lite, const void *tensor, const char *name, const char *which, int32_t *type,
                      runtime_quantization *quantization, failure *failure) {
  *type = lite->TensorType(tensor);
  if (*type == RUNTIME_FLOAT32) return true;
  if (*type != RUNTIME_INT8 && *type != RUNTIME_UINT8) {
    return fail(failure, FAILURE_MODEL, "%s must have %s of float32, int8 or uint8", name, which);
  }
  *quantization = lite->TensorQuantizationParams(tensor);
  if (quantization->scale > 0 && isfinite(quantization->scale)) return true;
  return fail(failure, FAILURE_MODEL, "the network %s has integer %s without one scale and zero point", name, which);
}

static size_t elements(const runtime *lite, const void *tensor, int32_t type) {
  return lite->TensorByteSize(tensor) / (type == RUNTIME_FLOAT32 ? sizeof(float) : 1);
}

static int32_t network_dim(const contract *contract) {
  return contract->flip_concatenation ? contract->dim / 2 : contract->dim;
}

bool recognizer_open(recognizer *self, const runtime *lite, const contract *contract, model_bytes file,
                     const char *name, int32_t threads, failure *failure) {
  if (!network_open(&self->network, lite, name, file.start, file.size, threads, true, failure)) return false;
  self->run = network_for(&self->network, (network_shape){1, HEIGHT, contract->template_width}, failure);
  if (self->run == NULL) return false;
  const void *input = network_input(&self->network, self->run), *output = network_output(&self->network, self->run, 0);
  if (!read_type(lite, input, name, "inputs", &self->input_type, &self->given, failure) ||
      !read_type(lite, output, name, "outputs", &self->output_type, &self->returned, failure)) {
    return false;
  }
  const size_t dim = (size_t)network_dim(contract);
  if (elements(lite, output, self->output_type) == dim) return true;
  return fail(failure, FAILURE_MODEL, "%s must have one output of shape (1, %zu) as its contract says", name, dim);
}

static int32_t rounded(float value) {
  const float shifted = value + 12582912.0f; /* 1.5 * 2^23: the sum has no fraction, half to even */
  return (int32_t)(shifted - 12582912.0f);
}

static int32_t clamp(int32_t value, int32_t low, int32_t high) { return value < low ? low : value > high ? high : value; }

static void store(const recognizer *self, void *input, size_t index, float value) {
  if (self->input_type == RUNTIME_FLOAT32) {
    ((float *)input)[index] = value;
    return;
  }
  const float steps = value / self->given.scale;
  const int32_t code = rounded(steps < -65536 ? -65536 : steps > 65536 ? 65536 : steps) + self->given.zero_point;
  if (self->input_type == RUNTIME_INT8) {
    ((int8_t *)input)[index] = (int8_t)clamp(code, -128, 127);
  } else {
    ((uint8_t *)input)[index] = (uint8_t)clamp(code, 0, 255);
  }
}

static float load(const recognizer *self, const void *output, size_t index) {
  if (self->output_type == RUNTIME_FLOAT32) return ((const float *)output)[index];
  const int32_t code = self->output_type == RUNTIME_INT8 ? ((const int8_t *)output)[index] : ((const uint8_t *)output)[index];
  return (float)(code - self->returned.zero_point) * self->returned.scale;
}

static bool forward(recognizer *self, const contract *contract, const uint8_t *crop, bool mirrored, float *vector,
                    failure *failure) {
  const runtime *lite = self->network.lite;
  void *input = lite->TensorData(network_input(&self->network, self->run));
  const int32_t width = contract->template_width;
  for (int32_t y = 0, at = 0; y < HEIGHT; ++y) {
    for (int32_t x = 0; x < width; ++x) {
      const uint8_t *pixel = crop + CHANNELS * ((ptrdiff_t)y * width + (mirrored ? width - 1 - x : x));
      for (int32_t c = 0; c < CHANNELS; ++c, ++at) {
        const uint8_t level = pixel[contract->bgr ? CHANNELS - 1 - c : c];
        store(self, input, (size_t)at, ((float)level - contract->mean) / contract->scale);
      }
    }
  }
  if (!network_invoke(&self->network, self->run, failure)) return false;
  const void *output = lite->TensorData(network_output(&self->network, self->run, 0));
  for (int32_t i = 0; i < network_dim(contract); ++i) vector[i] = load(self, output, (size_t)i);
  return true;
}

/* Brings a vector to norm 1, and tells its norm, which must be least or more. */
static bool normalize(const contract *contract, float *vector, float least, float *told, failure *failure) {
  double sum = 0;
  for (int32_t i = 0; i < contract->dim; ++i) sum += (double)vector[i] * (double)vector[i];
  const float norm = __builtin_sqrtf((float)sum);
  if (!(norm >= least) || !isfinite(norm)) {
    return fail(failure, FAILURE_MODEL, "model %s returned an embedding without a direction", contract->name);
  }
  for (int32_t i = 0; i < contract->dim; ++i) vector[i] /= norm;
  *told = norm;
  return true;
}

/* Makes the embedding of an unclear face as much shorter than 1 as the network's output was too short. */
static void shorten(const contract *contract, float *vector, float norm) {
  if (contract->full_norm == 0 || norm >= contract->full_norm) return;
  const float share = norm / contract->full_norm;
  for (int32_t i = 0; i < contract->dim; ++i) vector[i] *= share;
}

/* Leaves what is at right angles to the direction. */
static void remove_direction(const contract *contract, float *vector) {
  double along = 0, squares = 0;
  int32_t i = 0;
  for (const json_value *row = contract->removed_direction; row != NULL; row = row->next, ++i) {
    const double number = row->number * contract->removed_scale;
    along += number * (double)vector[i];
    squares += number * number;
  }
  i = 0;
  for (const json_value *row = contract->removed_direction; row != NULL; row = row->next, ++i) {
    vector[i] = (float)((double)vector[i] - along / squares * (row->number * contract->removed_scale));
  }
}

bool recognizer_embed(recognizer *self, const contract *contract, const uint8_t *crop, float *vector, failure *failure) {
  if (!forward(self, contract, crop, false, vector, failure)) return false;
  if (contract->flip_concatenation &&
      !forward(self, contract, crop, true, vector + network_dim(contract), failure)) {
    return false;
  }
  float norm, rest;
  if (!normalize(contract, vector, 1e-12f, &norm, failure)) return false;
  if (contract->removed_direction != NULL) {
    remove_direction(contract, vector);
    if (!normalize(contract, vector, 1e-6f, &rest, failure)) return false;
  }
  shorten(contract, vector, norm);
  return true;
}

void recognizer_close(recognizer *self) {
  network_close(&self->network);
  self->run = NULL;
}
