/* LceQuantize and LceDequantize: what all kernels share, which is validation and threads. */
#include "base/error.h"
#include "base/packing.h"
#include "base/thread_pool.h"
#include "kernels/quantize/quantize.h"

static facesdk_status check_matrix(size_t rows, size_t channels, facesdk_error *error) {
  size_t bytes = sizeof(float);
  if (channels < 1 || !facesdk_multiply(&bytes, rows) || !facesdk_multiply(&bytes, facesdk_words(channels)) ||
      !facesdk_multiply(&bytes, FACESDK_WORD_BITS)) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "%zu rows of %zu channels are not a usable tensor", rows,
                        channels);
  }
  return FACESDK_OK;
}

static const facesdk_quantize_kernel *kernel_of(const facesdk_path *path) {
  return path->quantize != NULL ? path->quantize : &facesdk_quantize_reference;
}

/* Fewer values than this are not worth waking a thread. */
static const double MIN_VALUES_PER_THREAD = 1 << 15;

typedef struct quantize_work {
  const facesdk_quantize_kernel *kernel;
  facesdk_type type;
  const char *input;
  size_t channels;
  int32_t zero_point;
  uint32_t *output;
} quantize_work;

static void quantize_rows(void *context, size_t first, size_t end) {
  const quantize_work *w = context;
  const size_t size = w->type == FACESDK_FLOAT32 ? sizeof(float) : 1;
  w->kernel->quantize(w->type, w->input + first * w->channels * size, end - first, w->channels, w->zero_point,
                      w->output + first * facesdk_words(w->channels));
}

facesdk_status facesdk_quantize(const facesdk_path *path, facesdk_type type, const void *input, size_t rows,
                                size_t channels, int32_t zero_point, uint32_t *output, int32_t threads,
                                facesdk_error *error) {
  if (type != FACESDK_FLOAT32 && type != FACESDK_INT8 && type != FACESDK_BOOL) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "input type must be float32, int8 or bool, but got %d",
                        (int)type);
  }
  const facesdk_status status = check_matrix(rows, channels, error);
  if (status != FACESDK_OK) return status;
  quantize_work work = {kernel_of(path), type, input, channels, zero_point, output};
  const double values = (double)rows * (double)channels;
  facesdk_pool_run(quantize_rows, &work, rows, facesdk_pool_worthwhile(values, MIN_VALUES_PER_THREAD, threads));
  facesdk_path_count_run(path);
  return FACESDK_OK;
}

/* 1 / scale in float32, rounded half away from zero, no more than int8 can show. */
static int32_t int8_unit(float scale) {
  const float unit = 1.0f / scale;
  if (unit >= 256.0f) return 256;
  const int32_t whole = (int32_t)unit;
  return whole + (unit - (float)whole >= 0.5f);
}

facesdk_status facesdk_dequantize(const facesdk_path *path, const uint32_t *input, size_t rows, size_t channels,
                                  facesdk_type type, float scale, int32_t zero_point, void *output,
                                  facesdk_error *error) {
  const facesdk_status status = check_matrix(rows, channels, error);
  if (status != FACESDK_OK) return status;
  const facesdk_quantize_kernel *kernel = kernel_of(path);
  switch (type) {
    case FACESDK_FLOAT32: {
      const float clear = 1.0f, set = -1.0f;
      kernel->dequantize(input, rows, channels, &clear, &set, sizeof clear, output);
      break;
    }
    case FACESDK_BOOL: {
      const uint8_t clear = 1, set = 0;
      kernel->dequantize(input, rows, channels, &clear, &set, sizeof clear, output);
      break;
    }
    case FACESDK_INT8: {
      if (!(scale > 0.0f && scale <= 3.402823466e38f) || zero_point < INT8_MIN || zero_point > INT8_MAX) {
        return facesdk_fail(error, FACESDK_INVALID_ARGUMENT,
                            "int8 output needs a finite scale > 0 and a zero point in -128..127, but got %g and %d",
                            (double)scale, (int)zero_point);
      }
      const int32_t unit = int8_unit(scale);
      const int32_t high = zero_point + unit, low = zero_point - unit;
      const int8_t clear = (int8_t)(high < INT8_MAX ? high : INT8_MAX);
      const int8_t set = (int8_t)(low > INT8_MIN ? low : INT8_MIN);
      kernel->dequantize(input, rows, channels, &clear, &set, sizeof clear, output);
      break;
    }
    default:
      return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "output type must be float32, int8 or bool, but got %d",
                          (int)type);
  }
  facesdk_path_count_run(path);
  return FACESDK_OK;
}
