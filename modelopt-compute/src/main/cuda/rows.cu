// Operations on whole rows: RMS norm, rotary embedding, embedding, log-likelihood.
#include "common.cuh"

// One block per row. flags: 1 = weight stands for 1 + w, 2 = weight applied before rounding. A thread keeps up to KEPT
// times eight elements; longer rows are read twice.
template <typename T> __device__ __forceinline__ void normalize(const float* w, float inverse, int flags, float* v) {
#pragma unroll
  for (int j = 0; j < 8; j++) {
    float factor = flags & 1 ? 1 + w[j] : w[j];
    float normal = v[j] * inverse;
    v[j] = flags & 2 ? normal * factor : rounded<T>(normal) * rounded<T>(factor);
  }
}

template <typename T> struct Eight {
  uint4 words[sizeof(T) / 2];

  __device__ __forceinline__ void load(const T* p) {
#pragma unroll
    for (int i = 0; i < sizeof(T) / 2; i++) {
      words[i] = ((const uint4*)p)[i];
    }
  }
  __device__ __forceinline__ void get(float* x) const {
    load8((const T*)words, x);
  }
};

template <typename T>
__device__ __forceinline__ void rmsNorm(const T* x, const T* weight, T* y, int c, float epsilon, int flags) {
  const int KEPT = 4;
  __shared__ float room[32];
  bool vec = (c & 7) == 0;
  x += (i64)blockIdx.x * c;
  y += (i64)blockIdx.x * c;
  int step = 8 * blockDim.x;
  Eight<T> kept[KEPT], weights[KEPT]; // on their way before the sum is needed
#pragma unroll
  for (int k = 0; k < KEPT; k++) {
    int i = 8 * threadIdx.x + k * step;
    if (vec && i < c) {
      kept[k].load(x + i);
      weights[k].load(weight + i);
    }
  }
  float sum = 0;
#pragma unroll
  for (int k = 0; k < KEPT; k++) {
    if (vec && 8 * threadIdx.x + k * step < c) {
      float v[8];
      kept[k].get(v);
#pragma unroll
      for (int j = 0; j < 8; j++) {
        sum = fmaf(v[j], v[j], sum);
      }
    }
  }
  int rest = 8 * threadIdx.x + (vec ? KEPT * step : 0);
  for (int i = rest; i < c; i += step) {
    float v[8];
    take8(x, i, c, vec, v);
#pragma unroll
    for (int j = 0; j < 8; j++) {
      sum = fmaf(v[j], v[j], sum);
    }
  }
  float inverse = 1 / sqrtf(blockSum(sum, room) / c + epsilon);
#pragma unroll
  for (int k = 0; k < KEPT; k++) {
    int i = 8 * threadIdx.x + k * step;
    if (vec && i < c) {
      float v[8], w[8];
      kept[k].get(v);
      weights[k].get(w);
      normalize<T>(w, inverse, flags, v);
      give8(y, i, c, true, v);
    }
  }
  for (int i = rest; i < c; i += step) {
    float v[8], w[8];
    take8(x, i, c, vec, v);
    take8(weight, i, c, vec, w);
    normalize<T>(w, inverse, flags, v);
    give8(y, i, c, vec, v);
  }
}

// starts may be null for one sequence. One block per row; threads take pairs (i, i + half) of all heads. Elements beyond 2 * half are copied.
template <typename T>
__device__ __forceinline__ void rotate(const T* x, T* y, int c, int headSize, int half, const float* cos,
                                       const float* sin, const int* starts, int sequences) {
  i64 row = blockIdx.x;
  int low = 0, high = sequences; // the last sequence that starts at or before the row
  while (high - low > 1) {
    int middle = (low + high) / 2;
    (starts[middle] <= row ? low : high) = middle;
  }
  i64 position = sequences == 1 ? row : row - starts[low];
  const T* in = x + row * c;
  T* out = y + row * c;
  int heads = c / headSize;
  for (int k = threadIdx.x; k < heads * half; k += blockDim.x) {
    int head = k / half, i = k - head * half;
    float co = rounded<T>(cos[position * half + i]);
    float si = rounded<T>(sin[position * half + i]);
    int at = head * headSize + i;
    float a = toFloat(in[at]), b = toFloat(in[at + half]);
    out[at] = fromFloat<T>(rounded<T>(a * co) - rounded<T>(b * si));
    out[at + half] = fromFloat<T>(rounded<T>(b * co) + rounded<T>(a * si));
  }
  int rest = headSize - 2 * half;
  for (int k = threadIdx.x; k < heads * rest; k += blockDim.x) {
    int at = k / rest * headSize + 2 * half + k % rest;
    out[at] = in[at];
  }
}

// log softmax(logits[row])[target]; 0 where the target is negative. One block per row.
template <typename T>
__device__ __forceinline__ void logLikelihood(const T* logits, const int* targets, double* out, int c) {
  __shared__ float room[32];
  __shared__ double sums[32];
  int target = targets[blockIdx.x];
  if (target < 0) {
    if (threadIdx.x == 0) {
      out[blockIdx.x] = 0;
    }
    return;
  }
  bool vec = (c & 7) == 0;
  const T* row = logits + (i64)blockIdx.x * c;
  float max = -__int_as_float(0x7F800000);
  bool nan = false;
  for (int i = 8 * threadIdx.x; i < c; i += 8 * blockDim.x) {
    float v[8];
    int n = take8(row, i, c, vec, v);
    for (int j = 0; j < n; j++) {
      max = fmaxf(max, v[j]);
      nan |= v[j] != v[j];
    }
  }
  max = blockMax(max, room);
  double sum = 0;
  for (int i = 8 * threadIdx.x; i < c; i += 8 * blockDim.x) {
    float v[8];
    int n = take8(row, i, c, vec, v);
    float part = 0;
    for (int j = 0; j < n; j++) {
      part += expf(v[j] - max);
    }
    sum += part;
  }
  for (int d = 16; d > 0; d /= 2) {
    sum += __shfl_xor_sync(~0u, sum, d);
  }
  if ((threadIdx.x & 31) == 0) {
    sums[threadIdx.x >> 5] = sum;
  }
  nan = __syncthreads_or(nan);
  if (threadIdx.x == 0) {
    double all = 0;
    for (int i = 0; i < blockDim.x >> 5; i++) {
      all += sums[i];
    }
    double chosen = toFloat(row[target]);
    out[blockIdx.x] = nan ? __longlong_as_double(0x7FF8000000000000LL) : chosen - max - log(all);
  }
}

// Sum over a row of a * b. One block per row.
extern "C" __global__ void row_dots(const float* a, const float* b, double* out, int c) {
  __shared__ double sums[32];
  const float* left = a + (i64)blockIdx.x * c;
  const float* right = b + (i64)blockIdx.x * c;
  double sum = 0;
  for (int i = threadIdx.x; i < c; i += blockDim.x) {
    sum += (double)left[i] * right[i];
  }
  for (int d = 16; d > 0; d /= 2) {
    sum += __shfl_xor_sync(~0u, sum, d);
  }
  if ((threadIdx.x & 31) == 0) {
    sums[threadIdx.x >> 5] = sum;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    double all = 0;
    for (int i = 0; i < blockDim.x >> 5; i++) {
      all += sums[i];
    }
    out[blockIdx.x] = all;
  }
}

#define KERNELS(t, T)                                                                                                  \
  extern "C" __global__ void rms_norm_##t(const T* x, const T* w, T* y, int c, float epsilon, int flags) {             \
    rmsNorm(x, w, y, c, epsilon, flags);                                                                               \
  }                                                                                                                    \
  extern "C" __global__ void rotate_##t(const T* x, T* y, int c, int headSize, int half, const float* cos,             \
                                        const float* sin, const int* starts, int sequences) {                          \
    rotate(x, y, c, headSize, half, cos, sin, starts, sequences);                                                      \
  }                                                                                                                    \
  extern "C" __global__ void log_likelihood_##t(const T* logits, const int* targets, double* out, int c) {             \
    logLikelihood(logits, targets, out, c);                                                                            \
  }
KERNELS(f32, float)
KERNELS(bf16, bf16)

// Rows of a table; words of 2 bytes per row. One block per id.
extern "C" __global__ void embed(const int* ids, const u16* table, u16* y, i64 words) {
  const u16* from = table + ids[blockIdx.x] * words;
  u16* to = y + blockIdx.x * words;
  if ((words & 7) == 0) {
    for (i64 i = threadIdx.x; i < words / 8; i += blockDim.x) {
      ((uint4*)to)[i] = ((const uint4*)from)[i];
    }
  } else {
    for (i64 i = threadIdx.x; i < words; i += blockDim.x) {
      to[i] = from[i];
    }
  }
}
