/* Chains of pointwise steps: what all kernels share, which is threads. */
#include "kernels/pointwise/pointwise.h"

#include "base/thread_pool.h"

/* Fewer values than this are not worth waking a thread. */
static const double MIN_VALUES_PER_THREAD = 1 << 15;

typedef struct pointwise_work {
  facesdk_pointwise_kernel *kernel;
  const facesdk_step *steps;
  size_t count;
  const facesdk_rows *input;
} pointwise_work;

static void run_rows(void *context, size_t first, size_t end) {
  const pointwise_work *w = context;
  w->kernel(w->steps, w->count, w->input, first, end - first);
}

void facesdk_pointwise_pass(const facesdk_path *path, const facesdk_step *steps, size_t count,
                            const facesdk_rows *input, size_t rows, int32_t threads) {
  pointwise_work work = {path->pointwise != NULL ? path->pointwise : facesdk_pointwise_reference, steps, count, input};
  const double values = (double)rows * (double)input->channels;
  facesdk_pool_run(run_rows, &work, rows, facesdk_pool_worthwhile(values, MIN_VALUES_PER_THREAD, threads));
}

void facesdk_pointwise_run(const facesdk_path *path, const facesdk_step *steps, size_t count, const facesdk_rows *input,
                           size_t rows, int32_t threads) {
  facesdk_pointwise_pass(path, steps, count, input, rows, threads);
  facesdk_path_count_run(path);
}
