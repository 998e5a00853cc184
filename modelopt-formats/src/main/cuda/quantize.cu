// Codes from elements, elements from codes, and what a round trip makes of elements.
//
// A thread has 16 consecutive elements of a row. Elements [rows, columns] without gaps; each row of codes is a
// little-endian bit stream that begins at a byte. Groups that share a scale are rectangles, numbered row by row.
#include "quantize.cuh"

#define N 16

struct Matrix {
  i64 rows;
  i64 columns;
};

// The elements of a thread; the largest magnitude's bits, infinite or NaN if there is such an element.
template <typename T> struct Chunk {
  float x[N];
  u32 row;
  u32 column;
  int n;

  __device__ __forceinline__ bool at(const Matrix& m) {
    i64 chunks = (m.columns + N - 1) / N;
    i64 index = (i64)blockIdx.x * blockDim.x + threadIdx.x;
    if (m.rows == 1) {
      row = 0;
      column = index * N;
    } else if (m.rows * chunks < 0x7FFFFFFF) { // a division of 32 bits takes a third of one of 64
      row = (u32)index / (u32)chunks;
      column = ((u32)index - row * (u32)chunks) * N;
    } else {
      row = index / chunks;
      column = (index - row * chunks) * N;
    }
    n = (int)min((i64)N, m.columns - column);
    return index < m.rows * chunks;
  }
  __device__ __forceinline__ void load(const T* in, const Matrix& m) {
    bool vec = (m.columns & 7) == 0;
    const T* p = in + (i64)row * m.columns;
    take8(p, column, m.columns, vec, x);
    if (n > 8) {
      take8(p, column + 8, m.columns, vec, x + 8);
    } else {
#pragma unroll
      for (int i = 8; i < N; i++) {
        x[i] = 0;
      }
    }
  }
  __device__ __forceinline__ void store(T* out, const Matrix& m) {
    bool vec = (m.columns & 7) == 0;
    T* p = out + (i64)row * m.columns;
    give8(p, column, m.columns, vec, x);
    if (n > 8) {
      give8(p, column + 8, m.columns, vec, x + 8);
    }
  }
  __device__ __forceinline__ u32 amaxBits() const {
    u32 most = 0;
#pragma unroll
    for (int i = 0; i < N; i++) {
      most = max(most, __float_as_uint(x[i]) & 0x7FFFFFFFu);
    }
    return most;
  }
  __device__ __forceinline__ float finiteAmax() const {
    float most = 0;
    for (int i = 0; i < N; i++) {
      float magnitude = fabsf(x[i]);
      most = magnitude <= FLOAT_MAX ? fmaxf(most, magnitude) : most;
    }
    return most;
  }
};

template <typename T> __device__ __forceinline__ float withinType(float x);
template <> __device__ __forceinline__ float withinType<float>(float x) {
  return x;
}
template <> __device__ __forceinline__ float withinType<bf16>(float x) {
  return fabsf(x) <= FLOAT_MAX ? fminf(fmaxf(x, -0x1.FEp127f), 0x1.FEp127f) : x;
}
template <> __device__ __forceinline__ float withinType<f16>(float x) {
  return fabsf(x) <= FLOAT_MAX ? fminf(fmaxf(x, -65504.f), 65504.f) : x;
}

// x / d, correctly rounded where it matters for a code: y is 1 / d rounded, two corrections by remainders give the
// nearest float (Markstein 1990) unless something underflows, and then the quotient is far below the smallest code.
// For divisors between 2^-60 and 2^60 and magnitudes up to 2^60.
__device__ __forceinline__ float quotient(float x, float d, float y) {
  float q = x * y;
  q = fmaf(fmaf(-d, q, x), y, q);
  return fmaf(fmaf(-d, q, x), y, q);
}

struct Codes {
  u32 code[N];
};

// Number of the group of an element, and how many elements its row has in the group from there on.
__device__ __forceinline__ i64 groupOf(const Spec& s, u32 row, u32 column) {
  u32 top = s.groupRows == 1 ? row : row / (u32)s.groupRows;
  return s.groupsPerRow == 1 ? top : (i64)top * s.groupsPerRow + column / (u32)s.groupColumns;
}
__device__ __forceinline__ int leftOf(const Spec& s, u32 column) {
  return s.groupsPerRow == 1 ? s.groupColumns - (int)column : s.groupColumns - (int)(column % (u32)s.groupColumns);
}

// Codes of a chunk by the division and the rounding that always hold.
template <typename T, int KIND>
__device__ __noinline__ Codes slowCodes(Spec s, Chunk<T> c, float d, int zeroPoint, Matrix m) {
  u64 index = (i64)c.row * m.columns + c.column;
  float divisor = s.narrow == 2 ? rounded<T>(d) : d;
  divisor = divisor == 0 ? FLOAT_MIN : divisor;
  Codes codes;
#pragma unroll 1
  for (int i = 0; i < N; i++) {
    float q = c.x[i] / divisor;
    q = s.narrow ? rounded<T>(q) : q;
    codes.code[i] = anyCode<KIND>(s, q, zeroPoint, index + i);
  }
  return codes;
}

// Codes of a chunk whose elements all have the divisor d.
template <typename T, int KIND>
__device__ __forceinline__ void encode(const Spec& s, const Chunk<T>& c, float d, int zeroPoint, const Matrix& m,
                                       u32 amaxBits, u32* codes) {
  float y = __frcp_rn(d);
  float magnitude = fabsf(d);
  bool plain = !s.stochastic && s.variant != TIES_TOWARD_ZERO && s.narrow == 0 &&
               magnitude >= 0x1p-60f && magnitude <= 0x1p60f && amaxBits <= 0x5D800000u; // 2^60
  if (plain) {
    if (KIND == FLOAT) {
      bool positiveZero = s.variant == POSITIVE_ZERO;
#pragma unroll
      for (int i = 0; i < N; i++) {
        float q = s.powerOfTwo ? c.x[i] * y : quotient(c.x[i], d, y);
        u32 sign = (__float_as_uint(c.x[i]) ^ __float_as_uint(d)) >> s.f.signShift & s.f.signMask;
        if (positiveZero && fabsf(c.x[i]) < 0x1p-60f) { // the quotient itself may be zero
          sign = __float_as_uint(c.x[i] / d + 0.f) >> s.f.signShift & s.f.signMask;
        }
        codes[i] = sign | nearestCode(s.f, __float_as_uint(q) & 0x7FFFFFFFu);
      }
    } else if (KIND == BOOK) {
      int last = (1 << s.bits) - 1;
#pragma unroll
      for (int i = 0; i < N; i++) {
        float q = quotient(c.x[i], d, y);
        u32 code = 0;
#pragma unroll
        for (int j = 0; j < 15; j++) {
          code += j < last && q > s.middles[j];
        }
        codes[i] = code;
      }
    } else {
      float low = s.integerMin, high = s.integerMax, zero = zeroPoint;
      u32 mask = (1u << s.bits) - 1;
#pragma unroll
      for (int i = 0; i < N; i++) {
        float q = s.powerOfTwo ? c.x[i] * y : quotient(c.x[i], d, y);
        codes[i] = (u32)(int)fminf(fmaxf(rintf(q) + zero, low), high) & mask;
      }
    }
    return;
  }
  Codes all = slowCodes<T, KIND>(s, c, d, zeroPoint, m);
#pragma unroll
  for (int i = 0; i < N; i++) {
    codes[i] = all.code[i];
  }
}

__device__ __noinline__ void packBits(Codes codes, int n, int bits, u8* p) {
  u32 waiting = 0;
  int have = 0;
#pragma unroll 1
  for (int i = 0; i < n; i++) {
    waiting |= codes.code[i] << have;
    have += bits;
    while (have >= 8) {
      *p++ = (u8)waiting;
      waiting >>= 8;
      have -= 8;
    }
  }
  if (have > 0) {
    *p = (u8)waiting;
  }
}

__device__ __noinline__ Codes unpackBits(int n, int bits, const u8* p) {
  Codes codes;
  u32 waiting = 0;
  int have = 0;
#pragma unroll 1
  for (int i = 0; i < N; i++) {
    codes.code[i] = 0;
    if (i < n) {
      if (have < bits) {
        waiting |= (u32)*p++ << have;
        have += 8;
      }
      codes.code[i] = waiting & ((1u << bits) - 1);
      waiting >>= bits;
      have -= bits;
    }
  }
  return codes;
}

template <typename T>
__device__ __forceinline__ void pack(const Spec& s, const Chunk<T>& c, const Matrix& m, const u32* codes, u8* out) {
  i64 stride = (m.columns * s.bits + 7) >> 3;
  u8* p = out + (i64)c.row * stride + ((i64)c.column * s.bits >> 3);
  if (c.n == N && s.bits == 8 && (stride & 15) == 0) {
    u32 w[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
      w[i] = codes[4 * i] | codes[4 * i + 1] << 8 | codes[4 * i + 2] << 16 | codes[4 * i + 3] << 24;
    }
    *(uint4*)p = make_uint4(w[0], w[1], w[2], w[3]);
    return;
  }
  if (c.n == N && s.bits == 4 && (stride & 7) == 0) {
    u32 w[2];
#pragma unroll
    for (int i = 0; i < 2; i++) {
      w[i] = 0;
#pragma unroll
      for (int j = 0; j < 8; j++) {
        w[i] |= codes[8 * i + j] << (4 * j);
      }
    }
    *(uint2*)p = make_uint2(w[0], w[1]);
    return;
  }
  Codes all;
#pragma unroll
  for (int i = 0; i < N; i++) {
    all.code[i] = codes[i];
  }
  packBits(all, c.n, s.bits, p);
}

template <typename T> __device__ __forceinline__ float largest();
template <> __device__ __forceinline__ float largest<float>() {
  return FLOAT_MAX;
}
template <> __device__ __forceinline__ float largest<bf16>() {
  return 0x1.FEp127f;
}
template <> __device__ __forceinline__ float largest<f16>() {
  return 65504.f;
}

template <typename T, int KIND> __device__ __noinline__ void slowValues(Spec s, Codes codes, float d, int zeroPoint, float* x) {
#pragma unroll 1
  for (int i = 0; i < N; i++) {
    x[i] = withinType<T>(times(valueOf<KIND>(s, codes.code[i], zeroPoint), d));
  }
}

// What codes of one group stand for, as numbers that fit T.
template <typename T, int KIND>
__device__ __forceinline__ void values(const Spec& s, const u32* codes, float d, int zeroPoint, float* x) {
  u32 most = 0;
  if (KIND == FLOAT) {
#pragma unroll
    for (int i = 0; i < N; i++) {
      most = max(most, codes[i] & s.f.magnitudeMask);
    }
  }
  float reach = KIND == INTEGER ? (float)(2 << s.bits) : s.formatMax;
  if ((KIND == FLOAT && most > s.f.maxCode) || !(reach * fabsf(d) <= largest<T>())) {
    Codes all;
    float slow[N];
#pragma unroll
    for (int i = 0; i < N; i++) {
      all.code[i] = codes[i];
    }
    slowValues<T, KIND>(s, all, d, zeroPoint, slow);
#pragma unroll
    for (int i = 0; i < N; i++) {
      x[i] = slow[i];
    }
    return;
  }
#pragma unroll
  for (int i = 0; i < N; i++) {
    float value;
    if (KIND == FLOAT) {
      float normal = __uint_as_float(((codes[i] & s.f.magnitudeMask) << s.f.shift) + s.f.bias);
      value = normal + fminf(normal - s.f.smallestNormal, 0.f);
      value = __uint_as_float(__float_as_uint(value) | (codes[i] & s.f.signMask) << s.f.signShift);
    } else {
      value = valueOf<KIND>(s, codes[i], zeroPoint);
    }
    x[i] = value * d;
  }
}

// Codes or numbers of a chunk that is in more than one group, one element after the other.
template <typename T, int KIND, bool FAKE>
__device__ __noinline__ void apart(Spec s, Chunk<T> c, const void* scales, const int* zeroPoints, Matrix m, void* out) {
  Codes codes;
#pragma unroll 1
  for (int i = 0; i < c.n; i++) {
    i64 group = groupOf(s, c.row, c.column + i);
    float d = divisorOf(s, loadScale(s.scaleFormat, scales, group));
    int zeroPoint = zeroPoints != 0 ? zeroPoints[group] : 0;
    float divisor = s.narrow == 2 ? rounded<T>(d) : d;
    float q = c.x[i] / (divisor == 0 ? FLOAT_MIN : divisor);
    q = s.narrow ? rounded<T>(q) : q;
    codes.code[i] = anyCode<KIND>(s, q, zeroPoint, (i64)c.row * m.columns + c.column + i);
    if constexpr (FAKE) {
      float x = withinType<T>(times(valueOf<KIND>(s, codes.code[i], zeroPoint), d));
      ((T*)out)[(i64)c.row * m.columns + c.column + i] = fromFloat<T>(x);
    }
  }
  if constexpr (!FAKE) {
    i64 stride = (m.columns * s.bits + 7) >> 3;
    packBits(codes, c.n, s.bits, (u8*)out + (i64)c.row * stride + ((i64)c.column * s.bits >> 3));
  }
}

// FAKE: out has elements of what the codes stand for instead of codes.
template <typename T, int KIND, bool FAKE>
__device__ __forceinline__ void finish(const Spec& s, Chunk<T>& c, const Matrix& m, const u32* codes, float d,
                                       int zeroPoint, void* out) {
  if constexpr (FAKE) {
    values<T, KIND>(s, codes, d, zeroPoint, c.x);
    c.store((T*)out, m);
  } else {
    pack(s, c, m, codes, (u8*)out);
  }
}

template <typename T, int KIND, bool FAKE>
__device__ __forceinline__ void given(const T* in, void* out, const void* scales, const int* zeroPoints, int* notFinite,
                                      const Matrix& m, const Spec& s) {
  Chunk<T> c;
  if (!c.at(m)) {
    return;
  }
  c.load(in, m);
  u32 most = c.amaxBits();
  if (most >= INFINITE) {
    *notFinite = 1;
  }
  u32 codes[N];
  int left = leftOf(s, c.column);
  if (left >= c.n) {
    i64 group = groupOf(s, c.row, c.column);
    float d = divisorOf(s, loadScale(s.scaleFormat, scales, group));
    int zeroPoint = zeroPoints != 0 ? zeroPoints[group] : 0;
    encode<T, KIND>(s, c, d, zeroPoint, m, most, codes);
    finish<T, KIND, FAKE>(s, c, m, codes, d, zeroPoint, out);
    return;
  }
  apart<T, KIND, FAKE>(s, c, scales, zeroPoints, m, out);
}

// Scales from amax and codes in one pass, for groups of 16, 32, ... 512 elements that divide the columns.
template <typename T, int KIND, bool FAKE>
__device__ __forceinline__ void own(const T* in, void* out, void* scales, int* notFinite, const Matrix& m,
                                    const Spec& s) {
  Chunk<T> c;
  bool present = c.at(m);
  u32 most = 0;
  float amax = 0;
  if (present) {
    c.load(in, m);
    most = c.amaxBits();
    amax = __uint_as_float(most);
    if (most >= INFINITE) {
      *notFinite = 1;
      amax = c.finiteAmax();
    }
  }
  for (int d = s.groupColumns / N / 2; d > 0; d /= 2) {
    amax = fmaxf(amax, __shfl_xor_sync(~0u, amax, d));
  }
  if (!present) {
    return;
  }
  float scale = scaleOfAmax(s, amax);
  if (!FAKE && (c.column & (s.groupColumns - 1)) == 0) {
    storeScale(s.scaleFormat, scale, scales, groupOf(s, c.row, c.column));
  }
  u32 codes[N];
  float d = divisorOf(s, scale);
  encode<T, KIND>(s, c, d, 0, m, most, codes);
  finish<T, KIND, FAKE>(s, c, m, codes, d, 0, out);
}

template <typename T, int KIND>
__device__ __noinline__ void valuesApart(Spec s, Chunk<T> c, Codes codes, const void* scales, const int* zeroPoints,
                                         Matrix m, T* out) {
#pragma unroll 1
  for (int i = 0; i < c.n; i++) {
    i64 group = groupOf(s, c.row, c.column + i);
    float d = divisorOf(s, loadScale(s.scaleFormat, scales, group));
    float value = valueOf<KIND>(s, codes.code[i], zeroPoints != 0 ? zeroPoints[group] : 0);
    out[(i64)c.row * m.columns + c.column + i] = fromFloat<T>(withinType<T>(times(value, d)));
  }
}

template <typename T, int KIND>
__device__ __forceinline__ void decode(const u8* in, T* out, const void* scales, const int* zeroPoints,
                                       const Matrix& m, const Spec& s) {
  Chunk<T> c;
  if (!c.at(m)) {
    return;
  }
  i64 stride = (m.columns * s.bits + 7) >> 3;
  const u8* p = in + (i64)c.row * stride + ((i64)c.column * s.bits >> 3);
  u32 codes[N];
  if (c.n == N && s.bits == 8 && (stride & 15) == 0) {
    uint4 a = *(const uint4*)p;
    u32 w[4] = {a.x, a.y, a.z, a.w};
#pragma unroll
    for (int i = 0; i < N; i++) {
      codes[i] = w[i / 4] >> (i % 4 * 8) & 0xFF;
    }
  } else if (c.n == N && s.bits == 4 && (stride & 7) == 0) {
    uint2 a = *(const uint2*)p;
    u32 w[2] = {a.x, a.y};
#pragma unroll
    for (int i = 0; i < N; i++) {
      codes[i] = w[i / 8] >> (i % 8 * 4) & 0xF;
    }
  } else {
    Codes all = unpackBits(c.n, s.bits, p);
#pragma unroll
    for (int i = 0; i < N; i++) {
      codes[i] = all.code[i];
    }
  }
  int left = leftOf(s, c.column);
  i64 group = groupOf(s, c.row, c.column);
  if (left >= c.n) {
    float d = divisorOf(s, loadScale(s.scaleFormat, scales, group));
    int zeroPoint = zeroPoints != 0 ? zeroPoints[group] : 0;
    values<T, KIND>(s, codes, d, zeroPoint, c.x);
  } else {
    Codes all;
#pragma unroll
    for (int i = 0; i < N; i++) {
      all.code[i] = codes[i];
    }
    valuesApart<T, KIND>(s, c, all, scales, zeroPoints, m, out);
    return;
  }
  c.store(out, m);
}

#define QUANTIZE(t, T, k, KIND)                                                                                        \
  extern "C" __global__ void encode_##k##_##t(const T* in, void* out, const void* scales, const int* zeroPoints,       \
                                              int* notFinite, Matrix m, Spec s) {                                      \
    given<T, KIND, false>(in, out, scales, zeroPoints, notFinite, m, s);                                               \
  }                                                                                                                    \
  extern "C" __global__ void round_##k##_##t(const T* in, void* out, const void* scales, const int* zeroPoints,        \
                                             int* notFinite, Matrix m, Spec s) {                                       \
    given<T, KIND, true>(in, out, scales, zeroPoints, notFinite, m, s);                                                \
  }                                                                                                                    \
  extern "C" __global__ void encode_own_##k##_##t(const T* in, void* out, void* scales, int* notFinite, Matrix m,      \
                                                  Spec s) {                                                            \
    own<T, KIND, false>(in, out, scales, notFinite, m, s);                                                             \
  }                                                                                                                    \
  extern "C" __global__ void round_own_##k##_##t(const T* in, void* out, void* scales, int* notFinite, Matrix m,       \
                                                 Spec s) {                                                             \
    own<T, KIND, true>(in, out, scales, notFinite, m, s);                                                              \
  }                                                                                                                    \
  extern "C" __global__ void decode_##k##_##t(const u8* in, T* out, const void* scales, const int* zeroPoints,         \
                                              Matrix m, Spec s) {                                                      \
    decode<T, KIND>(in, out, scales, zeroPoints, m, s);                                                                \
  }
QUANTIZE(f32, float, float, FLOAT)
QUANTIZE(bf16, bf16, float, FLOAT)
QUANTIZE(f16, f16, float, FLOAT)
QUANTIZE(f32, float, int, INTEGER)
QUANTIZE(bf16, bf16, int, INTEGER)
QUANTIZE(f16, f16, int, INTEGER)
QUANTIZE(f32, float, book, BOOK)
QUANTIZE(bf16, bf16, book, BOOK)
QUANTIZE(f16, f16, book, BOOK)
