// What the kernels of all files share: storage types and loads of eight elements.
//
// Compiled with -fmad=false: a product and a sum are fused only where the source says fmaf, as on the CPU.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

struct bf16 {
  u16 bits;
};
struct f16 {
  u16 bits;
};

__device__ __forceinline__ float toFloat(float x) {
  return x;
}
__device__ __forceinline__ float toFloat(bf16 x) {
  return __uint_as_float((u32)x.bits << 16);
}
__device__ __forceinline__ float toFloat(f16 x) {
  float y;
  asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
  return y;
}

// To nearest even; NaN becomes 0x7FC0, as the CPU has it.
__device__ __forceinline__ u32 bf16Bits(float x) {
  u32 bits = __float_as_uint(x);
  u32 rounded = (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16;
  return x != x ? 0x7FC0u : rounded;
}
__device__ __forceinline__ u32 f16Bits(float x) {
  u16 y;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y) : "f"(x));
  return x != x ? 0x7E00u : y;
}

template <typename T> __device__ __forceinline__ T fromFloat(float x);
template <> __device__ __forceinline__ float fromFloat<float>(float x) {
  return x;
}
template <> __device__ __forceinline__ bf16 fromFloat<bf16>(float x) {
  bf16 y = {(u16)bf16Bits(x)};
  return y;
}
template <> __device__ __forceinline__ f16 fromFloat<f16>(float x) {
  f16 y = {(u16)f16Bits(x)};
  return y;
}

// x as an element of T and back.
template <typename T> __device__ __forceinline__ float rounded(float x) {
  return toFloat(fromFloat<T>(x));
}

// Eight consecutive elements from an address that is a multiple of their size.
__device__ __forceinline__ void load8(const float* p, float* x) {
  float4 a = ((const float4*)p)[0];
  float4 b = ((const float4*)p)[1];
  x[0] = a.x, x[1] = a.y, x[2] = a.z, x[3] = a.w;
  x[4] = b.x, x[5] = b.y, x[6] = b.z, x[7] = b.w;
}
__device__ __forceinline__ void load8(const bf16* p, float* x) {
  uint4 a = *(const uint4*)p;
  x[0] = __uint_as_float(a.x << 16), x[1] = __uint_as_float(a.x & 0xFFFF0000u);
  x[2] = __uint_as_float(a.y << 16), x[3] = __uint_as_float(a.y & 0xFFFF0000u);
  x[4] = __uint_as_float(a.z << 16), x[5] = __uint_as_float(a.z & 0xFFFF0000u);
  x[6] = __uint_as_float(a.w << 16), x[7] = __uint_as_float(a.w & 0xFFFF0000u);
}
__device__ __forceinline__ void load8(const f16* p, float* x) {
  uint4 a = *(const uint4*)p;
  u32 w[4] = {a.x, a.y, a.z, a.w};
#pragma unroll
  for (int i = 0; i < 4; i++) {
    f16 low = {(u16)w[i]}, high = {(u16)(w[i] >> 16)};
    x[2 * i] = toFloat(low), x[2 * i + 1] = toFloat(high);
  }
}
__device__ __forceinline__ void store8(float* p, const float* x) {
  ((float4*)p)[0] = make_float4(x[0], x[1], x[2], x[3]);
  ((float4*)p)[1] = make_float4(x[4], x[5], x[6], x[7]);
}
__device__ __forceinline__ void store8(bf16* p, const float* x) {
  u32 w[4];
  bool nan = false;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(w[i]) : "f"(x[2 * i + 1]), "f"(x[2 * i]));
    nan |= x[2 * i] != x[2 * i] || x[2 * i + 1] != x[2 * i + 1];
  }
  if (nan) { // the instruction gives another NaN
    for (int i = 0; i < 4; i++) {
      w[i] = bf16Bits(x[2 * i]) | bf16Bits(x[2 * i + 1]) << 16;
    }
  }
  *(uint4*)p = make_uint4(w[0], w[1], w[2], w[3]);
}
__device__ __forceinline__ void store8(f16* p, const float* x) {
  u32 w[4];
#pragma unroll
  for (int i = 0; i < 4; i++) {
    w[i] = f16Bits(x[2 * i]) | f16Bits(x[2 * i + 1]) << 16;
  }
  *(uint4*)p = make_uint4(w[0], w[1], w[2], w[3]);
}

// The n <= 8 elements from i on; vec says that whole groups of eight may be moved at once.
template <typename T> __device__ __forceinline__ int take8(const T* p, i64 i, i64 end, bool vec, float* x) {
  if (vec && i + 8 <= end) {
    load8(p + i, x);
    return 8;
  }
  int n = end - i < 8 ? (int)(end - i) : 8;
#pragma unroll
  for (int j = 0; j < 8; j++) {
    x[j] = j < n ? toFloat(p[i + j]) : 0.f;
  }
  return n;
}
template <typename T> __device__ __forceinline__ void give8(T* p, i64 i, i64 end, bool vec, const float* x) {
  if (vec && i + 8 <= end) {
    store8(p + i, x);
    return;
  }
#pragma unroll
  for (int j = 0; j < 8; j++) {
    if (i + j < end) {
      p[i + j] = fromFloat<T>(x[j]);
    }
  }
}

// Sum over the threads of a block in a fixed order; all get it. Room: one float per warp.
__device__ __forceinline__ float blockSum(float x, float* room) {
  for (int d = 16; d > 0; d /= 2) {
    x += __shfl_xor_sync(~0u, x, d);
  }
  __syncthreads();
  if ((threadIdx.x & 31) == 0) {
    room[threadIdx.x >> 5] = x;
  }
  __syncthreads();
  float sum = 0;
  for (int i = 0; i < blockDim.x >> 5; i++) {
    sum += room[i];
  }
  return sum;
}
__device__ __forceinline__ float blockMax(float x, float* room) {
  for (int d = 16; d > 0; d /= 2) {
    x = fmaxf(x, __shfl_xor_sync(~0u, x, d));
  }
  __syncthreads();
  if ((threadIdx.x & 31) == 0) {
    room[threadIdx.x >> 5] = x;
  }
  __syncthreads();
  float max = room[0];
  for (int i = 1; i < blockDim.x >> 5; i++) {
    max = fmaxf(max, room[i]);
  }
  return max;
}
