// Codes from elements, elements from codes, and what a round trip makes of elements: for every layout and every rounding,
// one element after the other. packed.cu does the same for the usual cases, at the speed of memory.
//
// A thread has 16 consecutive elements of a row. Elements [rows, columns] without gaps; each row of codes is a
// little-endian bit stream that begins at a byte. Groups that share a scale are rectangles, numbered row by row.
#include "quantize.cuh"

#define N 16

struct Matrix {
  i64 rows;
  i64 columns;
};

// The elements of a thread: n of a row, from a column on.
struct Chunk {
  i64 row;
  i64 column;
  int n;

  __device__ __forceinline__ bool at(const Matrix& m) {
    i64 chunks = (m.columns + N - 1) / N;
    i64 index = (i64)blockIdx.x * blockDim.x + threadIdx.x;
    row = index / chunks;
    column = (index - row * chunks) * N;
    n = (int)min((i64)N, m.columns - column);
    return row < m.rows;
  }
  // Where the codes of the chunk begin, in bytes.
  __device__ __forceinline__ i64 codes(const Matrix& m, int bits) const {
    return row * ((m.columns * bits + 7) >> 3) + (column * bits >> 3);
  }
};

// Divisor and zero point of the elements of a chunk, read again where a group begins.
struct Group {
  float divisor;
  int zeroPoint;
  i64 number;

  __device__ __forceinline__ Group() : divisor(0), zeroPoint(0), number(-1) {}

  __device__ __forceinline__ void at(const Spec& s, i64 row, i64 column, const void* scales, const int* zeroPoints) {
    i64 group = row / s.groupRows * s.groupsPerRow + column / s.groupColumns;
    if (group != number) {
      number = group;
      divisor = divisorOf(s, loadScale(s.scaleFormat, scales, group));
      zeroPoint = zeroPoints != 0 ? zeroPoints[group] : 0;
    }
  }
};

// FAKE: out has elements of what the codes stand for instead of codes.
template <typename T, int KIND, bool FAKE>
__device__ __forceinline__ void encode(const T* in, void* out, const void* scales, const int* zeroPoints,
                                       int* notFinite, const Matrix& m, const Spec& s) {
  Chunk c;
  if (!c.at(m)) {
    return;
  }
  Group g;
  i64 at = c.row * m.columns + c.column;
  u8* p = (u8*)out + c.codes(m, s.bits);
  u32 waiting = 0;
  int have = 0;
#pragma unroll 1
  for (int i = 0; i < c.n; i++) {
    g.at(s, c.row, c.column + i, scales, zeroPoints);
    float x = toFloat(in[at + i]);
    if (!(fabsf(x) <= FLOAT_MAX)) {
      *notFinite = 1;
    }
    u32 code = codeOf<T, KIND>(s, x, g.divisor, g.zeroPoint, at + i);
    if constexpr (FAKE) {
      ((T*)out)[at + i] = fromFloat<T>(numberOf<T, KIND>(s, code, g.divisor, g.zeroPoint));
    } else {
      waiting |= code << have;
      for (have += s.bits; have >= 8; have -= 8) {
        *p++ = (u8)waiting;
        waiting >>= 8;
      }
    }
  }
  if (!FAKE && have > 0) {
    *p = (u8)waiting;
  }
}

template <typename T, int KIND>
__device__ __forceinline__ void decode(const u8* in, T* out, const void* scales, const int* zeroPoints,
                                       const Matrix& m, const Spec& s) {
  Chunk c;
  if (!c.at(m)) {
    return;
  }
  Group g;
  i64 at = c.row * m.columns + c.column;
  const u8* p = in + c.codes(m, s.bits);
  u32 waiting = 0;
  int have = 0;
#pragma unroll 1
  for (int i = 0; i < c.n; i++) {
    if (have < s.bits) {
      waiting |= (u32)*p++ << have;
      have += 8;
    }
    u32 code = waiting & ((1u << s.bits) - 1);
    waiting >>= s.bits;
    have -= s.bits;
    g.at(s, c.row, c.column + i, scales, zeroPoints);
    out[at + i] = fromFloat<T>(numberOf<T, KIND>(s, code, g.divisor, g.zeroPoint));
  }
}

#define QUANTIZE(t, T, k, KIND)                                                                                        \
  extern "C" __global__ void encode_##k##_##t(const T* in, void* out, const void* scales, const int* zeroPoints,       \
                                              int* notFinite, Matrix m, Spec s) {                                      \
    encode<T, KIND, false>(in, out, scales, zeroPoints, notFinite, m, s);                                              \
  }                                                                                                                    \
  extern "C" __global__ void round_##k##_##t(const T* in, void* out, const void* scales, const int* zeroPoints,        \
                                             int* notFinite, Matrix m, Spec s) {                                       \
    encode<T, KIND, true>(in, out, scales, zeroPoints, notFinite, m, s);                                               \
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
