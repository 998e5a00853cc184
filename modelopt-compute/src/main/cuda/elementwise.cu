// Operations on one element at a time: conversion, sum, gated activation; eight elements a thread.
#include "common.cuh"

template <typename S, typename T> __device__ __forceinline__ void convert(const S* x, T* y, i64 n) {
  i64 i = 8 * ((i64)blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) {
    float v[8];
    take8(x, i, n, true, v);
    give8(y, i, n, true, v);
  }
}

template <typename T> __device__ __forceinline__ void add(const T* x, const T* y, T* sum, i64 n) {
  i64 i = 8 * ((i64)blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) {
    float a[8], b[8];
    take8(x, i, n, true, a);
    take8(y, i, n, true, b);
#pragma unroll
    for (int j = 0; j < 8; j++) {
      a[j] += b[j];
    }
    give8(sum, i, n, true, a);
  }
}

enum { SILU, GELU_TANH, GELU, RELU, CLAMPED_SWIGLU };

#define SWIGLU_LIMIT 7.f
#define SWIGLU_ALPHA 1.702f

__device__ __forceinline__ float activate(int activation, float x) {
  switch (activation) {
  case SILU:
    return __fdividef(x, 1 + __expf(-x)); // e^-x may be infinite: x / inf is 0 as it should be
  case GELU_TANH:
    return 0.5f * x * (1 + tanhf(0x1.988454p-1f * (x + 0.044715f * (x * x * x))));
  case CLAMPED_SWIGLU: {
    float g = fminf(x, SWIGLU_LIMIT) * SWIGLU_ALPHA;
    return x != x ? x : __fdividef(g, 1 + __expf(-g)) * (1 / SWIGLU_ALPHA);
  }
  case GELU:
    return 0.5f * x * (1 + erff(x * 0x1.6a09e6p-1f));
  default:
    return x != x ? x : fmaxf(x, 0);
  }
}

// activation(gate) * up, both rounded to the elements' type before the product.
template <typename T>
__device__ __forceinline__ void gated(int activation, const T* gate, const T* up, T* y, i64 n) {
  i64 i = 8 * ((i64)blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) {
    float a[8], b[8];
    take8(gate, i, n, true, a);
    take8(up, i, n, true, b);
#pragma unroll
    for (int j = 0; j < 8; j++) {
      float u = b[j];
      if (activation == CLAMPED_SWIGLU && u == u) {
        u = rounded<T>(fminf(fmaxf(u, -SWIGLU_LIMIT), SWIGLU_LIMIT) + 1);
      }
      a[j] = rounded<T>(activate(activation, a[j])) * u;
    }
    give8(y, i, n, true, a);
  }
}

template <typename T> __device__ __forceinline__ void scale(const T* x, float factor, T* y, i64 n) {
  i64 i = 8 * ((i64)blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) {
    float v[8];
    take8(x, i, n, true, v);
#pragma unroll
    for (int j = 0; j < 8; j++) {
      v[j] *= factor;
    }
    give8(y, i, n, true, v);
  }
}

template <typename T> __device__ __forceinline__ void softCap(const T* x, float cap, T* y, i64 n) {
  i64 i = 8 * ((i64)blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) {
    float v[8];
    take8(x, i, n, true, v);
#pragma unroll
    for (int j = 0; j < 8; j++) {
      v[j] = cap * tanhf(v[j] / cap);
    }
    give8(y, i, n, true, v);
  }
}

// Column c of x [t, c] times factors[c].
template <typename T> __device__ __forceinline__ void scaleColumns(const T* x, const T* factors, T* y, int c, i64 n) {
  for (i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (i64)gridDim.x * blockDim.x) {
    y[i] = fromFloat<T>(toFloat(x[i]) * toFloat(factors[i % c]));
  }
}

// Rows of a bias [c] as the start of a product [t, c].
template <typename T> __device__ __forceinline__ void spread(const T* bias, T* y, int c, i64 n) {
  for (i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (i64)gridDim.x * blockDim.x) {
    y[i] = bias[i % c];
  }
}

#define CONVERT(s, S, t, T)                                                                                            \
  extern "C" __global__ void convert_##s##_##t(const S* x, T* y, i64 n) {                                              \
    convert(x, y, n);                                                                                                  \
  }
CONVERT(f32, float, bf16, bf16)
CONVERT(f16, f16, bf16, bf16)
CONVERT(bf16, bf16, f32, float)
CONVERT(f16, f16, f32, float)

#define KERNELS(t, T)                                                                                                  \
  extern "C" __global__ void add_##t(const T* x, const T* y, T* sum, i64 n) {                                          \
    add(x, y, sum, n);                                                                                                 \
  }                                                                                                                    \
  extern "C" __global__ void gated_##t(int activation, const T* gate, const T* up, T* y, i64 n) {                      \
    gated(activation, gate, up, y, n);                                                                                 \
  }                                                                                                                    \
  extern "C" __global__ void scale_##t(const T* x, float factor, T* y, i64 n) {                                        \
    scale(x, factor, y, n);                                                                                            \
  }                                                                                                                    \
  extern "C" __global__ void soft_cap_##t(const T* x, float cap, T* y, i64 n) {                                        \
    softCap(x, cap, y, n);                                                                                             \
  }                                                                                                                    \
  extern "C" __global__ void scale_columns_##t(const T* x, const T* factors, T* y, int c, i64 n) {                     \
    scaleColumns(x, factors, y, c, n);                                                                                 \
  }                                                                                                                    \
  extern "C" __global__ void spread_##t(const T* bias, T* y, int c, i64 n) {                                           \
    spread(bias, y, c, n);                                                                                             \
  }
KERNELS(f32, float)
KERNELS(bf16, bf16)
