/* A binary convolution in C: pack float images and weights into bits, prepare, run, print.
 *
 *   cc -Isdk/native/include sdk/native/examples/convolve.c path/to/libfacesdk_ops.so -o convolve
 */
#include <facesdk_ops.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEIGHT = 4, WIDTH = 5, CHANNELS = 40, FILTERS = 3, TAPS = 3 * 3, WORDS = 2 /* 40 channels at 32 per word */ };

static void require(facesdk_status status, const facesdk_error *error) {
  if (status == FACESDK_OK) return;
  fprintf(stderr, "%s\n", error->message);
  exit(1);
}

int main(void) {
  static float image[HEIGHT * WIDTH * CHANNELS], weights[FILTERS * TAPS * CHANNELS];
  for (int i = 0; i < HEIGHT * WIDTH * CHANNELS; ++i) image[i] = (float)(i * i % 7 - 3);
  for (int i = 0; i < FILTERS * TAPS * CHANNELS; ++i) weights[i] = (float)(i * i % 11 - 5);
  const float multiplier[FILTERS] = {0.5f, 1.0f, -0.25f}, bias[FILTERS] = {0.0f, 1.0f, 2.0f};

  facesdk_error error;
  const facesdk_path *path; /* the fastest kernels of this CPU */
  require(facesdk_ops_default(&path, &error), &error);

  /* Only signs count: a bit is set where a value is negative. Rows are pixels, or taps of a filter. */
  uint32_t bits[HEIGHT * WIDTH * WORDS], filter[FILTERS * TAPS * WORDS];
  require(facesdk_quantize(path, FACESDK_FLOAT32, image, HEIGHT * WIDTH, CHANNELS, 0, bits, 1, &error), &error);
  require(facesdk_quantize(path, FACESDK_FLOAT32, weights, FILTERS * TAPS, CHANNELS, 0, filter, 1, &error), &error);

  const facesdk_bconv2d_options options = {
      .batch = 1, .input_height = HEIGHT, .input_width = WIDTH, .channels_in = CHANNELS, .channels_out = FILTERS,
      .filter_height = 3, .filter_width = 3, .groups = 1, .stride_height = 1, .stride_width = 1,
      .dilation_height = 1, .dilation_width = 1, .padding = FACESDK_SAME, .pad_value = 1,
      .activation = FACESDK_ACTIVATION_NONE, .output_type = FACESDK_FLOAT32,
  };
  facesdk_bconv2d *op;
  require(facesdk_bconv2d_create(path, &options, filter, multiplier, bias, NULL, &op, &error), &error);
  float output[HEIGHT][WIDTH][FILTERS];
  facesdk_bconv2d_run(op, bits, NULL, output, 2 /* threads */);
  facesdk_bconv2d_destroy(op);

  printf("facesdk_ops %s on %s\n", facesdk_ops_version(), facesdk_ops_isa());
  for (int y = 0; y < HEIGHT; ++y) {
    for (int x = 0; x < WIDTH; ++x) {
      for (int c = 0; c < FILTERS; ++c) printf("%g ", (double)output[y][x][c]);
    }
    printf("\n");
  }
  return 0;
}
