// Rows and columns of matrices at other places.
#include "common.cuh"

// Copies the columns that one source gives. places: pairs (column of the source, column of
// the result). words: elements of 2 or 4 bytes.
template <typename W>
__device__ __forceinline__ void columns(const W* from, int fromWidth, W* to, int toWidth, const int* places, int count) {
  i64 row = blockIdx.x;
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    to[row * toWidth + places[2 * i + 1]] = from[row * fromWidth + places[2 * i]];
  }
}

extern "C" __global__ void columns_bf16(const u16* from, int fromWidth, u16* to, int toWidth, const int* places,
                                        int count) {
  columns(from, fromWidth, to, toWidth, places, count);
}
extern "C" __global__ void columns_f32(const u32* from, int fromWidth, u32* to, int toWidth, const int* places,
                                       int count) {
  columns(from, fromWidth, to, toWidth, places, count);
}

// Row i of y is the sum over j < each of weights[i * each + j] times the row at addresses[i * each + j].
template <typename T>
__device__ __forceinline__ void mixRows(const u64* addresses, const float* weights, int each, T* y, int c) {
  i64 row = blockIdx.x;
  bool vec = (c & 7) == 0;
  for (int i = 8 * threadIdx.x; i < c; i += 8 * blockDim.x) {
    float sum[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    for (int j = 0; j < each; j++) {
      float v[8];
      float weight = weights[row * each + j];
      take8((const T*)addresses[row * each + j], i, c, vec, v);
#pragma unroll
      for (int k = 0; k < 8; k++) {
        sum[k] = fmaf(v[k], weight, sum[k]);
      }
    }
    give8(y + row * c, i, c, vec, sum);
  }
}

extern "C" __global__ void mix_rows_bf16(const u64* addresses, const float* weights, int each, bf16* y, int c) {
  mixRows(addresses, weights, each, y, c);
}
extern "C" __global__ void mix_rows_f32(const u64* addresses, const float* weights, int each, float* y, int c) {
  mixRows(addresses, weights, each, y, c);
}
