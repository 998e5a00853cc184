// What activations look like per channel, added to what was seen before.
//
// The rows of a matrix are cut into gridDim.y parts, each with figures of its own: amax [parts, c] and sum [parts, c].
// A part adds up in a fixed order (eight rows in float32 before they are added to the float64 sum), so results are the
// same in every run. The parts are put together by finish.
#include "common.cuh"

__device__ __forceinline__ void look(const float* v, float* max, float* sum) {
#pragma unroll
  for (int j = 0; j < 8; j++) {
    float magnitude = fabsf(v[j]);
    max[j] = magnitude > max[j] || magnitude != magnitude ? magnitude : max[j];
    sum[j] += magnitude;
  }
}

template <typename T> __device__ __forceinline__ void observe(const T* x, int rows, int c, float* amax, double* sum) {
  __shared__ float maxima[8][256];
  __shared__ double sums[8][256];
  int column = blockIdx.x * 256 + threadIdx.x * 8;
  int perPart = (rows + gridDim.y - 1) / gridDim.y;
  int from = blockIdx.y * perPart;
  int to = min(rows, from + perPart);
  bool vec = (c & 7) == 0;
  float m[8] = {0, 0, 0, 0, 0, 0, 0, 0};
  double s[8] = {0, 0, 0, 0, 0, 0, 0, 0};
  if (column < c) {
    int row = from + threadIdx.y;
    for (; vec && row + 56 < to; row += 64) { // eight loads on their way at a time
      float v[8][8];
#pragma unroll
      for (int k = 0; k < 8; k++) {
        load8(x + (i64)(row + 8 * k) * c + column, v[k]);
      }
      float part[8] = {0, 0, 0, 0, 0, 0, 0, 0};
#pragma unroll
      for (int k = 0; k < 8; k++) {
        look(v[k], m, part);
      }
#pragma unroll
      for (int j = 0; j < 8; j++) {
        s[j] += part[j];
      }
    }
    float part[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    for (; row < to; row += 8) {
      float v[8];
      take8(x + (i64)row * c, column, c, vec, v);
      look(v, m, part);
    }
#pragma unroll
    for (int j = 0; j < 8; j++) {
      s[j] += part[j];
    }
  }
#pragma unroll
  for (int j = 0; j < 8; j++) {
    maxima[threadIdx.y][threadIdx.x * 8 + j] = m[j];
    sums[threadIdx.y][threadIdx.x * 8 + j] = s[j];
  }
  __syncthreads();
  int k = threadIdx.y * 32 + threadIdx.x;
  if (blockIdx.x * 256 + k < c) {
    i64 at = (i64)blockIdx.y * c + blockIdx.x * 256 + k;
    float max = amax[at];
    double total = 0;
    for (int i = 0; i < 8; i++) {
      float other = maxima[i][k];
      max = other > max || other != other ? other : max;
      total += sums[i][k];
    }
    amax[at] = max;
    sum[at] += total;
  }
}

extern "C" __global__ void __launch_bounds__(256) observe_f32(const float* x, int rows, int c, float* amax,
                                                              double* sum) {
  observe(x, rows, c, amax, sum);
}
extern "C" __global__ void __launch_bounds__(256) observe_bf16(const bf16* x, int rows, int c, float* amax,
                                                               double* sum) {
  observe(x, rows, c, amax, sum);
}

// The parts put together in their order, into the first.
extern "C" __global__ void finish(int parts, int c, float* amax, double* sum) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < c) {
    float max = amax[i];
    double total = sum[i];
    for (int p = 1; p < parts; p++) {
      float other = amax[(i64)p * c + i];
      max = other > max || other != other ? other : max;
      total += sum[(i64)p * c + i];
    }
    amax[i] = max;
    sum[i] = total;
  }
}
