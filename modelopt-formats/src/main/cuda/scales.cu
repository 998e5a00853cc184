// What the elements that share a scale have in common, and the scale that follows.
#include "quantize.cuh"

// The largest of magnitudes in 16 bytes of elements, as bits of a float32; infinite or more if not all are finite.
__device__ __forceinline__ u32 largestOf(uint4 a, float) {
  return max(max(a.x & 0x7FFFFFFFu, a.y & 0x7FFFFFFFu), max(a.z & 0x7FFFFFFFu, a.w & 0x7FFFFFFFu));
}
__device__ __forceinline__ u32 largestOf(uint4 a, bf16) {
  return largestOfPairs(a) << 16;
}
__device__ __forceinline__ u32 largestOf(uint4 a, f16) {
  f16 most = {(u16)largestOfPairs(a)};
  return most.bits >= 0x7C00u ? INFINITE : __float_as_uint(toFloat(most));
}

// Largest magnitude of n elements, as bits, into a word that holds 0 or an earlier maximum.
template <typename T> __device__ __forceinline__ void amaxAll(const T* in, i64 n, u32* amax, int* notFinite) {
  const int TIMES = 4;
  const int EACH = 16 / sizeof(T);
  __shared__ u32 room[32];
  u32 most = 0;
  bool strange = false;
  i64 vectors = n / EACH;
  i64 tile = TIMES * blockDim.x;
  for (i64 from = blockIdx.x * tile; from < vectors; from += gridDim.x * tile) {
    uint4 a[TIMES];
#pragma unroll
    for (int k = 0; k < TIMES; k++) {
      i64 at = from + k * blockDim.x + threadIdx.x;
      a[k] = at < vectors ? ((const uint4*)in)[at] : make_uint4(0, 0, 0, 0);
    }
    u32 here = 0;
#pragma unroll
    for (int k = 0; k < TIMES; k++) {
      here = max(here, largestOf(a[k], T{}));
    }
    if (here >= INFINITE) { // only finite ones count
      strange = true;
      for (int k = 0; k < TIMES; k++) {
        i64 at = from + k * blockDim.x + threadIdx.x;
        for (int j = 0; at < vectors && j < EACH; j++) {
          u32 magnitude = __float_as_uint(toFloat(in[at * EACH + j])) & 0x7FFFFFFFu;
          most = magnitude < INFINITE ? max(most, magnitude) : most;
        }
      }
    } else {
      most = max(most, here);
    }
  }
  if (blockIdx.x == 0 && threadIdx.x < n - vectors * EACH) {
    u32 magnitude = __float_as_uint(toFloat(in[vectors * EACH + threadIdx.x])) & 0x7FFFFFFFu;
    strange |= magnitude >= INFINITE;
    most = magnitude < INFINITE ? max(most, magnitude) : most;
  }
  if (strange) {
    *notFinite = 1;
  }
  for (int d = 16; d > 0; d /= 2) {
    most = max(most, __shfl_xor_sync(~0u, most, d));
  }
  if ((threadIdx.x & 31) == 0) {
    room[threadIdx.x >> 5] = most;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int i = 1; i < blockDim.x >> 5; i++) {
      most = max(most, room[i]);
    }
    if (most > 0) {
      atomicMax(amax, most);
    }
  }
}

// Smallest, largest element and largest magnitude of each rectangle of groupRows by groupColumns, finite ones only; one
// block each. extremes: [groups, 2], or null.
template <typename T>
__device__ __forceinline__ void rectangles(const T* in, i64 rows, i64 columns, int groupRows, int groupColumns,
                                           int groupsPerRow, float* amax, float* extremes, int* notFinite) {
  __shared__ float lows[32], highs[32];
  i64 group = blockIdx.x;
  i64 top = group / groupsPerRow * groupRows, left = group % groupsPerRow * groupColumns;
  i64 bottom = min(rows, top + groupRows), right = min(columns, left + groupColumns);
  float low = __uint_as_float(INFINITE), high = -low;
  bool strange = false;
  bool vec = (columns & 7) == 0 && (left & 7) == 0;
  int width = (int)(right - left + 7) / 8;
  i64 chunks = (bottom - top) * width;
  for (i64 k = threadIdx.x; k < chunks; k += blockDim.x) {
    i64 row = k / width;
    float x[8];
    int n = take8(in + (top + row) * columns, left + (k - row * width) * 8, right, vec, x);
    for (int j = 0; j < n; j++) {
      bool finite = fabsf(x[j]) <= FLOAT_MAX;
      strange |= !finite;
      low = finite ? fminf(low, x[j]) : low;
      high = finite ? fmaxf(high, x[j]) : high;
    }
  }
  for (int d = 16; d > 0; d /= 2) {
    low = fminf(low, __shfl_xor_sync(~0u, low, d));
    high = fmaxf(high, __shfl_xor_sync(~0u, high, d));
  }
  if ((threadIdx.x & 31) == 0) {
    lows[threadIdx.x >> 5] = low;
    highs[threadIdx.x >> 5] = high;
  }
  if (strange) {
    *notFinite = 1;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int i = 1; i < blockDim.x >> 5; i++) {
      low = fminf(low, lows[i]);
      high = fmaxf(high, highs[i]);
    }
    bool empty = low > high;
    low = empty ? 0 : low;
    high = empty ? 0 : high;
    amax[group] = fmaxf(fabsf(low), fabsf(high));
    if (extremes != 0) {
      extremes[2 * group] = low;
      extremes[2 * group + 1] = high;
    }
  }
}

// The better of two scales for each block of E2M1, by squared errors added up in float64 in order; a thread each.
template <typename T>
__device__ __forceinline__ void fourOverSix(const T* in, i64 rows, i64 columns, void* scales, int* notFinite, Spec s) {
  s.stochastic = 0; // scales are compared by the nearest codes
  i64 group = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (group >= rows * s.groupsPerRow) {
    return;
  }
  i64 row = group / s.groupsPerRow, left = group % s.groupsPerRow * s.groupColumns;
  i64 right = min(columns, left + s.groupColumns);
  const T* p = in + row * columns;
  float amax = 0;
  for (i64 i = left; i < right; i++) {
    float magnitude = fabsf(toFloat(p[i]));
    if (magnitude <= FLOAT_MAX) {
      amax = fmaxf(amax, magnitude);
    } else {
      *notFinite = 1;
    }
  }
  float candidates[2] = {underGlobal(amax / 6 / s.globalScale), underGlobal(1.5f * amax / 6 / s.globalScale)};
  double errors[2];
  for (int k = 0; k < 2; k++) {
    float d = divisorOf(s, candidates[k]);
    double sum = 0;
    for (i64 i = left; i < right; i++) {
      float x = toFloat(p[i]);
      if (fabsf(x) <= FLOAT_MAX) {
        u32 code = anyCode<FLOAT>(s, x / d, 0, 0);
        double error = (double)x - times(valueOf<FLOAT>(s, code, 0), d);
        sum += error * error;
      }
    }
    errors[k] = sum;
  }
  storeScale(s.scaleFormat, errors[1] < errors[0] ? candidates[1] : candidates[0], scales, group);
}

// What a round trip does to elements x that became y: sums of (x - y)^2 and x^2 in float64, and how many are beyond slack
// times what their scale reaches. sums: [gridDim.x, 3], to be added up in order. A thread has up to eight elements of a row
// at a time.
template <typename T>
__device__ __forceinline__ void roundTrip(const T* x, const float* y, i64 rows, i64 columns, const void* scales,
                                          float slack, int counts, double* sums, const Spec& s) {
  __shared__ double room[3][32];
  float reach = s.formatMax * slack;
  i64 perRow = (columns + 7) / 8;
  double sum[3] = {0, 0, 0};
  for (i64 k = (i64)blockIdx.x * blockDim.x + threadIdx.x; k < rows * perRow; k += (i64)gridDim.x * blockDim.x) {
    i64 row = k / perRow, column = (k - row * perRow) * 8;
    float a[8], b[8];
    int n = take8(x + row * columns, column, columns, (columns & 7) == 0, a);
    take8(y + row * columns, column, columns, (columns & 7) == 0, b);
    i64 group = -1;
    float most = 0;
#pragma unroll
    for (int j = 0; j < 8; j++) {
      if (j < n) {
        double d = (double)a[j] - b[j];
        sum[0] += d * d;
        sum[1] += (double)a[j] * a[j];
        if (counts) {
          i64 now = row / s.groupRows * s.groupsPerRow + (column + j) / s.groupColumns;
          if (now != group) {
            group = now;
            most = fabsf(loadScale(s.scaleFormat, scales, group) * s.globalScale) * reach;
          }
          sum[2] += fabsf(a[j]) > most ? 1 : 0;
        }
      }
    }
  }
#pragma unroll
  for (int i = 0; i < 3; i++) {
    for (int d = 16; d > 0; d /= 2) {
      sum[i] += __shfl_xor_sync(~0u, sum[i], d);
    }
    if ((threadIdx.x & 31) == 0) {
      room[i][threadIdx.x >> 5] = sum[i];
    }
  }
  __syncthreads();
  if (threadIdx.x < 3) {
    double total = 0;
    for (int i = 0; i < blockDim.x >> 5; i++) {
      total += room[threadIdx.x][i];
    }
    sums[3 * blockIdx.x + threadIdx.x] = total;
  }
}

#define SCALES(t, T)                                                                                                   \
  extern "C" __global__ void amax_all_##t(const T* in, i64 n, u32* amax, int* notFinite) {                             \
    amaxAll(in, n, amax, notFinite);                                                                                   \
  }                                                                                                                    \
  extern "C" __global__ void rectangles_##t(const T* in, i64 rows, i64 columns, int groupRows, int groupColumns,       \
                                            int groupsPerRow, float* amax, float* extremes, int* notFinite) {          \
    rectangles(in, rows, columns, groupRows, groupColumns, groupsPerRow, amax, extremes, notFinite);                   \
  }                                                                                                                    \
  extern "C" __global__ void four_over_six_##t(const T* in, i64 rows, i64 columns, void* scales, int* notFinite,       \
                                               Spec s) {                                                               \
    fourOverSix(in, rows, columns, scales, notFinite, s);                                                              \
  }                                                                                                                    \
  extern "C" __global__ void round_trip_##t(const T* x, const float* y, i64 rows, i64 columns, const void* scales,     \
                                            float slack, int counts, double* sums, Spec s) {                           \
    roundTrip(x, y, rows, columns, scales, slack, counts, sums, s);                                                    \
  }
SCALES(f32, float)
SCALES(bf16, bf16)
SCALES(f16, f16)

extern "C" __global__ void scales_of_amax(const float* amax, void* scales, i64 groups, Spec s) {
  i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < groups) {
    storeScale(s.scaleFormat, scaleOfAmax(s, amax[i]), scales, i);
  }
}

// Scale and zero point of extremes [groups, 2].
extern "C" __global__ void scales_of_range(const float* extremes, void* scales, int* zeroPoints, i64 groups, Spec s) {
  i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= groups) {
    return;
  }
  float low = extremes[2 * i], high = extremes[2 * i + 1];
  float levels = (float)((1 << s.bits) - 1);
  float scale;
  if (s.rule == SIGNED_MAX) {
    float extreme = -low > high ? low : high;
    scale = storable(s, extreme, -extreme / (float)(1 << (s.bits - 1)));
    storeScale(s.scaleFormat, scale, scales, i);
    return;
  }
  float zero;
  if (s.rule == RANGE_WITH_ZERO) {
    float lower = fminf(low, 0.f);
    float width = fmaxf(high, 0.f) - lower;
    scale = storable(s, width, width / levels);
    zero = -lower;
  } else {
    scale = roundScale(s.scaleFormat, fmaxf(high - low, 1e-5f) / levels);
    zero = -low;
  }
  storeScale(s.scaleFormat, scale, scales, i);
  zeroPoints[i] = (int)fminf(fmaxf(rintf(zero / scale), 0.f), levels);
}
