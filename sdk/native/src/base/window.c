#include "base/window.h"

#include "base/error.h"

facesdk_status facesdk_window_init(facesdk_window *window, const char *axis, int32_t input, int32_t filter,
                                   int32_t stride, int32_t dilation, int32_t padding, facesdk_error *error) {
  const struct {
    const char *name;
    int32_t value;
  } fields[] = {{"input", input}, {"filter", filter}, {"stride", stride}, {"dilation", dilation}};
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; ++i) {
    if (fields[i].value < 1 || fields[i].value > FACESDK_MAX_SPATIAL) {
      return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "%s %s must be in 1..%d, but got %d", fields[i].name, axis,
                          FACESDK_MAX_SPATIAL, (int)fields[i].value);
    }
  }
  const int64_t dilated = ((int64_t)filter - 1) * dilation + 1;
  int64_t output;
  switch (padding) {
    case FACESDK_SAME:
      output = ((int64_t)input + stride - 1) / stride;
      break;
    case FACESDK_VALID:
      output = dilated > input ? 0 : (input - dilated) / stride + 1;
      break;
    default:
      return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "padding must be 0 (SAME) or 1 (VALID), but got %d",
                          (int)padding);
  }
  if (output < 1) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT,
                        "with VALID padding the dilated filter %s (%lld) must not exceed the input %s (%d)", axis,
                        (long long)dilated, axis, (int)input);
  }
  const int64_t overhang = (output - 1) * stride + dilated - input;
  *window = (facesdk_window){.input = input,
                             .filter = filter,
                             .stride = stride,
                             .dilation = dilation,
                             .output = (int32_t)output,
                             .pad = overhang > 0 ? overhang / 2 : 0};
  return FACESDK_OK;
}
