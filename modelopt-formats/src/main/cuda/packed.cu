// Codes from elements, elements from codes and round trips, at the speed of memory, for the usual case: rounding to
// nearest, codes of 4, 6 or 8 bits, and groups that are runs of whole sixteens of elements (or all elements). Elements are
// then one long run in memory, and so are their codes. The bits are those of quantize.cu, which does every other case.
//
// Memory moves 16 bytes per thread at a time. Encoders have 16 consecutive elements per thread; what writes elements has
// eight, so that a warp writes whole lines.
#include "quantize.cuh"

// Number of elements divided by 16, and how many sixteens share a scale, as a multiplication: for numbers i below 2^31
// the group is i * multiplier >> 31 + shift.
struct Runs {
  u32 sixteens;
  u32 multiplier;
  u32 shift;

  __device__ __forceinline__ u32 group(u32 sixteen) const {
    return multiplier == 0 ? 0 : (u32)((u64)sixteen * multiplier >> 31 >> shift);
  }
};

// A codebook of 16 levels, in shared memory.
struct Book {
  float levels[16];
  float middles[16];

  __device__ __forceinline__ void fill(const Spec& s) {
    if (threadIdx.x < 16) {
      levels[threadIdx.x] = s.levels[threadIdx.x];
      middles[threadIdx.x] = s.middles[threadIdx.x];
    }
    __syncthreads();
  }
};

template <int COUNT> struct Elements {
  float x[COUNT];
};
template <int COUNT> struct Codes {
  u32 code[COUNT];
};

// Loads eight elements; returns the largest magnitude as bits, infinite or more if not all are finite.
__device__ __forceinline__ u32 maximum8(const float* p, float* x) {
  load8(p, x);
  u32 most = 0;
#pragma unroll
  for (int i = 0; i < 8; i++) {
    most = max(most, __float_as_uint(x[i]) & 0x7FFFFFFFu);
  }
  return most;
}
__device__ __forceinline__ u32 maximum8(const bf16* p, float* x) {
  load8(p, x);
  return largestOfPairs(*(const uint4*)p) << 16;
}
__device__ __forceinline__ u32 maximum8(const f16* p, float* x) {
  load8(p, x);
  f16 most = {(u16)largestOfPairs(*(const uint4*)p)};
  return most.bits >= 0x7C00u ? INFINITE : __float_as_uint(toFloat(most));
}

template <int COUNT> __device__ __noinline__ float finiteMaximum(Elements<COUNT> e) {
  float most = 0;
  for (int i = 0; i < COUNT; i++) {
    float magnitude = fabsf(e.x[i]);
    most = magnitude <= FLOAT_MAX ? fmaxf(most, magnitude) : most;
  }
  return most;
}

// What underGlobal gives, and its code, in one go.
__device__ __forceinline__ float e4m3Scale(float ratio, u32* code) {
  Float f = e4m3();
  float m = ratio == 0 ? 1.f : fminf(fmaxf(ratio, 0x1p-9f), 448.f);
  u32 exponent = max(__float_as_uint(m) & INFINITE, f.minExponent);
  float magic = __uint_as_float(exponent + f.roundingBits);
  float sum = m + magic;
  *code = (__float_as_uint(sum) + (exponent >> f.shift)) & f.magnitudeMask;
  return sum - magic;
}

// x / d, correctly rounded where it matters for a code: y is 1 / d rounded, two corrections by remainders give the
// nearest float (Markstein 1990) unless something underflows, and then the quotient is far below the smallest code.
// For divisors between 2^-60 and 2^60 and magnitudes up to 2^60.
__device__ __forceinline__ float quotient(float x, float d, float y) {
  float q = x * y;
  q = fmaf(fmaf(-d, q, x), y, q);
  return fmaf(fmaf(-d, q, x), y, q);
}

// Whether the short ways below hold for elements up to a magnitude under a divisor.
template <typename T, int KIND> __device__ __forceinline__ bool usual(const Spec& s, float d, u32 most) {
  const bool FLOATS = KIND == FLOAT || KIND == E2M1;
  float magnitude = FLOATS ? d : fabsf(d);
  bool fits = magnitude >= 0x1p-60f && magnitude <= 0x1p60f && most <= 0x5D800000u; // 2^60
  if (FLOATS && s.variant == POSITIVE_ZERO) { // no quotient but that of zero may be zero
    fits = fits && magnitude <= (sizeof(T) == 4 ? 1.f : 0x1p16f);
  }
  return fits;
}

// A magnitude within the format's range plus a number that leaves one step of the format as the last bit of the sum; that
// number is the product of a power of two, the magnitude's or the smallest, and a constant.
__device__ __forceinline__ float sumOf(const Spec& s, float m, u32* exponent, float* magic) {
  *exponent = max(__float_as_uint(m) & INFINITE, s.f.minExponent);
  *magic = __uint_as_float(*exponent) * __uint_as_float(s.f.roundingBits + 0x3F800000u);
  return m + *magic;
}

// Codes of floats without sign; bits from the twenty-second on may be anything. SHIFT is that of the format or 0 to look it
// up; magnitudes need no limit if CLAMP is false.
template <int SHIFT, bool CLAMP, int COUNT>
__device__ __forceinline__ void floatCodes(const Spec& s, const float* x, float d, float y, u32* codes) {
#pragma unroll
  for (int i = 0; i < COUNT; i++) {
    float q = fabsf(s.powerOfTwo ? x[i] * y : quotient(x[i], d, y));
    u32 exponent;
    float magic;
    float sum = sumOf(s, CLAMP ? fminf(q, __uint_as_float(s.f.maxBits)) : q, &exponent, &magic);
    codes[i] = __float_as_uint(sum) + (exponent >> (SHIFT == 0 ? s.f.shift : SHIFT));
  }
}

// The same for E2M1, whose steps are 1/2 up to 2, 1 up to 4 and 2 beyond: the three parts of a magnitude, each rounded to
// its steps, ties to the even sum. Parts are limited for nothing.
template <int COUNT>
__device__ __forceinline__ void e2m1Codes(const Spec& s, float* x, float d, float y, u32* codes) {
  float zero = s.variant == POSITIVE_ZERO ? 0.f : -0.f;
#pragma unroll
  for (int i = 0; i < COUNT; i++) {
    x[i] += zero;
    float half = fabsf(s.powerOfTwo ? x[i] * y : quotient(x[i], d, y)) * 0.5f;
    float sum = fmaf(__saturatef(half), 4.f, 12582912.f);
    sum = fmaf(__saturatef(half - 1.f), 2.f, sum);
    codes[i] = __float_as_uint(sum + __saturatef(half - 2.f));
  }
}

template <bool CLAMP, int COUNT>
__device__ __forceinline__ void integerCodes(const Spec& s, const float* x, float d, float y, int zeroPoint, u32* codes) {
  float low = s.integerMin - zeroPoint, high = s.integerMax - zeroPoint;
  // Even, so that ties stay where they are; codes are then positive numbers.
  float magic = 12582912.f + (float)(s.integerMin < 0 ? 1 << (s.bits - 1) : 0);
#pragma unroll
  for (int i = 0; i < COUNT; i++) {
    float q = s.powerOfTwo ? x[i] * y : quotient(x[i], d, y);
    codes[i] = __float_as_uint((CLAMP ? fminf(fmaxf(q, low), high) : q) + magic) + zeroPoint;
  }
}

// Codes of elements up to a magnitude, of floats without sign. No bits but theirs below the twenty-second.
template <int KIND, int COUNT>
__device__ __forceinline__ void codesOf(const Spec& s, float* x, float d, int zeroPoint, u32 most, const Book& book,
                                        u32* codes) {
  float y = __frcp_rn(d);
  float reach = __uint_as_float(most) * fabsf(y);
  if (KIND == E2M1) {
    e2m1Codes<COUNT>(s, x, d, y, codes);
  } else if (KIND == FLOAT) {
    if (s.f.shift != 20) {
      floatCodes<0, true, COUNT>(s, x, d, y, codes);
    } else if (reach <= s.formatMax * 1.03f) { // less than half a step above the largest value
      floatCodes<20, false, COUNT>(s, x, d, y, codes);
    } else {
      floatCodes<20, true, COUNT>(s, x, d, y, codes);
    }
  } else if (KIND == INTEGER) {
    if (zeroPoint == 0 && s.integerMin <= -s.integerMax && reach <= s.integerMax + 0.49f) {
      integerCodes<false, COUNT>(s, x, d, y, 0, codes);
    } else {
      integerCodes<true, COUNT>(s, x, d, y, zeroPoint, codes);
    }
  } else {
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
      float q = quotient(x[i], d, y);
      u32 code = q > book.middles[7] ? 8 : 0;
      code += q > book.middles[code + 3] ? 4 : 0;
      code += q > book.middles[code + 1] ? 2 : 0;
      codes[i] = code + (q > book.middles[code] ? 1 : 0);
    }
  }
}

__device__ __forceinline__ u32 bytes4(u32 a, u32 b, u32 c, u32 d, u32 which) {
  return __byte_perm(__byte_perm(a, b, which), __byte_perm(c, d, which), 0x5410);
}
__device__ __forceinline__ u32 signs4(const float* x, int step) {
  return bytes4(__float_as_uint(x[0]), __float_as_uint(x[step]), __float_as_uint(x[2 * step]),
                __float_as_uint(x[3 * step]), 0x0073);
}

// Eight codes of codesOf as bits: two words of codes of 8 bits, one of 4, one and a half of 6.
template <int KIND> __device__ __forceinline__ uint2 pack8(const Spec& s, const float* x, const u32* c) {
  bool flip = KIND == INTEGER && s.integerMin < 0; // from positive numbers to two's complement
  if (s.bits == 8) {
    u32 w[2];
#pragma unroll
    for (int i = 0; i < 2; i++) {
      w[i] = bytes4(c[4 * i], c[4 * i + 1], c[4 * i + 2], c[4 * i + 3], 0x0040) ^ (flip ? 0x80808080u : 0);
      if (KIND == FLOAT) {
        w[i] |= signs4(x + 4 * i, 1) & 0x80808080u;
      }
    }
    return make_uint2(w[0], w[1]);
  }
  if (s.bits == 4) {
    u32 first = c[0] + (c[1] << 4) + (c[2] << 8) + (c[3] << 12);
    u32 second = c[4] + (c[5] << 4) + (c[6] << 8) + (c[7] << 12);
    u32 w = __byte_perm(first, second, 0x5410) ^ (flip ? 0x88888888u : 0);
    if (KIND == E2M1) {
      w |= (signs4(x, 2) >> 4 & 0x08080808u) | (signs4(x + 1, 2) & 0x80808080u);
    }
    return make_uint2(w, 0);
  }
  u32 b[8];
#pragma unroll
  for (int i = 0; i < 8; i++) {
    b[i] = c[i] & (KIND == FLOAT ? 0x1F : 0x3F);
    if (KIND == FLOAT) {
      b[i] |= __float_as_uint(x[i]) >> 26 & 0x20u;
    }
    b[i] ^= flip ? 0x20u : 0;
  }
  return make_uint2(b[0] | b[1] << 6 | b[2] << 12 | b[3] << 18 | b[4] << 24 | b[5] << 30,
                    b[5] >> 2 | b[6] << 4 | b[7] << 10);
}

// Two of these, sixteen codes, to memory.
__device__ __forceinline__ void store16(const Spec& s, uint2 a, uint2 b, void* out) {
  if (s.bits == 8) {
    *(uint4*)out = make_uint4(a.x, a.y, b.x, b.y);
  } else if (s.bits == 4) {
    *(uint2*)out = make_uint2(a.x, b.x);
  } else {
    u32* p = (u32*)out;
    p[0] = a.x;
    p[1] = a.y | b.x << 16;
    p[2] = b.x >> 16 | b.y << 16;
  }
}

template <typename T, int KIND>
__device__ __noinline__ void packSlowly(Spec s, Elements<16> e, float d, int zeroPoint, u8* out) {
  u32 waiting = 0;
  int have = 0;
#pragma unroll 1
  for (int i = 0; i < 16; i++) {
    waiting |= codeOf<T, KIND == E2M1 ? FLOAT : KIND>(s, e.x[i], d, zeroPoint, 0) << have;
    for (have += s.bits; have >= 8; have -= 8) {
      *out++ = (u8)waiting;
      waiting >>= 8;
    }
  }
}

// OWN: scales are made from the elements, in groups of 1, 2, 4 ... 32 threads; otherwise they are given.
template <typename T, int KIND, bool OWN>
__device__ __forceinline__ void encode(const T* in, u8* out, void* scales, const int* zeroPoints, int* notFinite,
                                       const Runs& runs, const Spec& s) {
  __shared__ Book book;
  if (KIND == BOOK) {
    book.fill(s);
  }
  u32 index = blockIdx.x * blockDim.x + threadIdx.x;
  bool present = index < runs.sixteens;
  if (!OWN && !present) {
    return;
  }
  Elements<16> e;
  u32 most = 0;
  if (present) {
    const T* p = in + (i64)index * 16;
    most = max(maximum8(p, e.x), maximum8(p + 8, e.x + 8));
    if (most >= INFINITE) {
      *notFinite = 1;
    }
  }
  float scale;
  u32 group = runs.group(index);
  int zeroPoint = 0;
  if (OWN) {
    u32 amax = most >= INFINITE ? __float_as_uint(finiteMaximum(e)) : most;
    for (int lanes = s.groupColumns / 32; lanes > 0; lanes /= 2) {
      amax = max(amax, __shfl_xor_sync(~0u, amax, lanes));
    }
    if (!present) {
      return;
    }
    bool first = (index & (s.groupColumns / 16 - 1)) == 0;
    if (s.scaleFormat == SCALE_E4M3 && s.rule == AMAX_OVER_MAX) {
      u32 code;
      scale = e4m3Scale(__uint_as_float(amax) / (s.formatMax * s.globalScale), &code);
      if (first) {
        ((u8*)scales)[group] = code;
      }
    } else {
      scale = scaleOfAmax(s, __uint_as_float(amax));
      if (first) {
        storeScale(s.scaleFormat, scale, scales, group);
      }
    }
  } else {
    scale = loadScale(s.scaleFormat, scales, group);
    zeroPoint = zeroPoints != 0 ? zeroPoints[group] : 0;
  }
  float d = divisorOf(s, scale);
  u8* to = out + (i64)index * 2 * s.bits;
  if (usual<T, KIND>(s, d, most)) {
    const int AT_ONCE = KIND == INTEGER ? 16 : 8; // floats need more registers
    uint2 halves[2];
    u32 codes[AT_ONCE];
#pragma unroll
    for (int i = 0; i < 2; i++) {
      if (8 * i % AT_ONCE == 0) {
        codesOf<KIND, AT_ONCE>(s, e.x + 8 * i, d, zeroPoint, most, book, codes);
      }
      halves[i] = pack8<KIND>(s, e.x + 8 * i, codes + 8 * i % AT_ONCE);
    }
    store16(s, halves[0], halves[1], to);
  } else {
    packSlowly<T, KIND>(s, e, d, zeroPoint, to);
  }
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

// Eight finite elements that fit T.
__device__ __forceinline__ void storeFinite8(float* p, const float* x) {
  store8(p, x);
}
__device__ __forceinline__ void storeFinite8(bf16* p, const float* x) {
  u32 w[4];
#pragma unroll
  for (int i = 0; i < 4; i++) {
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(w[i]) : "f"(x[2 * i + 1]), "f"(x[2 * i]));
  }
  *(uint4*)p = make_uint4(w[0], w[1], w[2], w[3]);
}
__device__ __forceinline__ void storeFinite8(f16* p, const float* x) {
  u32 w[4];
#pragma unroll
  for (int i = 0; i < 4; i++) {
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(w[i]) : "f"(x[2 * i + 1]), "f"(x[2 * i]));
  }
  *(uint4*)p = make_uint4(w[0], w[1], w[2], w[3]);
}

// Whether products of what codes stand for and a divisor are numbers of T.
template <typename T, int KIND> __device__ __forceinline__ bool staysWithin(const Spec& s, float d) {
  float reach = KIND == INTEGER ? (float)(2 << s.bits) : s.formatMax;
  return reach * fabsf(d) <= largest<T>();
}

template <typename T, int KIND>
__device__ __noinline__ void roundSlowly(Spec s, Elements<8> e, float d, int zeroPoint, T* out) {
#pragma unroll 1
  for (int i = 0; i < 8; i++) {
    u32 code = codeOf<T, KIND>(s, e.x[i], d, zeroPoint, 0);
    out[i] = fromFloat<T>(numberOf<T, KIND>(s, code, d, zeroPoint));
  }
}

// What a round trip makes of elements.
template <typename T, int KIND, bool OWN>
__device__ __forceinline__ void round(const T* in, T* out, const void* scales, const int* zeroPoints, int* notFinite,
                                      const Runs& runs, const Spec& s) {
  __shared__ Book book;
  if (KIND == BOOK) {
    book.fill(s);
  }
  u32 index = blockIdx.x * blockDim.x + threadIdx.x; // of eights
  bool present = index >> 1 < runs.sixteens;
  if (!OWN && !present) {
    return;
  }
  Elements<8> e;
  u32 most = 0;
  if (present) {
    most = maximum8(in + (i64)index * 8, e.x);
    if (most >= INFINITE) {
      *notFinite = 1;
    }
  }
  float scale;
  int zeroPoint = 0;
  if (OWN) {
    u32 amax = most >= INFINITE ? __float_as_uint(finiteMaximum(e)) : most;
    for (int lanes = s.groupColumns / 16; lanes > 0; lanes /= 2) {
      amax = max(amax, __shfl_xor_sync(~0u, amax, lanes));
    }
    if (!present) {
      return;
    }
    u32 code;
    scale = s.scaleFormat == SCALE_E4M3 && s.rule == AMAX_OVER_MAX
                ? e4m3Scale(__uint_as_float(amax) / (s.formatMax * s.globalScale), &code)
                : scaleOfAmax(s, __uint_as_float(amax));
  } else {
    u32 group = runs.group(index >> 1);
    scale = loadScale(s.scaleFormat, scales, group);
    zeroPoint = zeroPoints != 0 ? zeroPoints[group] : 0;
  }
  float d = divisorOf(s, scale);
  T* to = out + (i64)index * 8;
  if (!usual<T, KIND>(s, d, most) || !staysWithin<T, KIND>(s, d)) {
    roundSlowly<T, KIND>(s, e, d, zeroPoint, to);
    return;
  }
  float* x = e.x;
  if (KIND == FLOAT) {
    float y = __frcp_rn(d);
    float zero = s.variant == POSITIVE_ZERO ? 0.f : -0.f;
#pragma unroll
    for (int i = 0; i < 8; i++) {
      x[i] += zero;
      float q = s.powerOfTwo ? x[i] * y : quotient(x[i], d, y);
      u32 exponent;
      float magic;
      float m = sumOf(s, fminf(fabsf(q), __uint_as_float(s.f.maxBits)), &exponent, &magic) - magic;
      x[i] = copysignf(m, x[i]) * d;
    }
  } else if (KIND == INTEGER) {
    float y = __frcp_rn(d);
    float low = s.integerMin - zeroPoint, high = s.integerMax - zeroPoint;
#pragma unroll
    for (int i = 0; i < 8; i++) {
      float q = s.powerOfTwo ? x[i] * y : quotient(x[i], d, y);
      x[i] = ((fminf(fmaxf(q, low), high) + 12582912.f) - 12582912.f) * d;
    }
  } else {
    u32 codes[8];
    codesOf<KIND, 8>(s, x, d, 0, most, book, codes);
#pragma unroll
    for (int i = 0; i < 8; i++) {
      x[i] = book.levels[codes[i]] * d;
    }
  }
  storeFinite8(to, x);
}

template <typename T, int KIND>
__device__ __noinline__ void decodeSlowly(Spec s, u32 low, u32 high, float d, int zeroPoint, T* out) {
#pragma unroll 1
  for (int i = 0; i < 8; i++) {
    u32 w = s.bits == 8 && i >= 4 ? high : low;
    u32 code = w >> (s.bits == 8 ? 8 * (i & 3) : 4 * i) & ((1u << s.bits) - 1);
    out[i] = fromFloat<T>(numberOf<T, KIND>(s, code, d, zeroPoint));
  }
}

// Eight elements of codes of 8 or 4 bits; BITS is a constant so that shifts are.
template <typename T, int KIND, int BITS>
__device__ __forceinline__ void decode8(const Spec& s, u32 low, u32 high, float d, int zeroPoint, const Book& book,
                                        T* out) {
  bool fits = staysWithin<T, KIND>(s, d);
  if (KIND == FLOAT && s.f.maxCode != s.f.magnitudeMask) { // codes beyond the largest finite one
    u32 more = (s.f.magnitudeMask - s.f.maxCode) * 0x01010101u;
    fits = fits && ((((low & 0x7F7F7F7Fu) + more) | ((high & 0x7F7F7F7Fu) + more)) & 0x80808080u) == 0;
  }
  if (!fits) {
    decodeSlowly<T, KIND>(s, low, high, d, zeroPoint, out);
    return;
  }
  float x[8];
  if (KIND == FLOAT) {
    // The bits of a code where those of a float32 are: a power of two away from its value, subnormal or not.
    float power = __uint_as_float((127u << 23) + s.f.bias);
    int right = 32 - BITS - s.f.shift;
    u32 mask = s.f.magnitudeMask << s.f.shift;
#pragma unroll
    for (int i = 0; i < 8; i++) {
      u32 w = BITS == 8 && i >= 4 ? high : low;
      u32 top = w << (32 - BITS - (BITS == 8 ? 8 * (i & 3) : 4 * i)); // the code in the highest bits
      u32 bits = (top & 0x80000000u) | (top >> right & mask);
      x[i] = __uint_as_float(bits) * power * d;
    }
  } else if (KIND == INTEGER) {
    bool isSigned = s.integerMin < 0;
    u32 flip = isSigned ? (BITS == 8 ? 0x80808080u : 0x88888888u) : 0;
    low ^= flip;
    high ^= flip;
    float offset = 8388608.f + (float)((isSigned ? 1 << (BITS - 1) : 0) + zeroPoint);
#pragma unroll
    for (int i = 0; i < 8; i++) {
      u32 bits = BITS == 8 ? __byte_perm(i >= 4 ? high : low, 0x4B000000u, 0x7440 + (i & 3))
                           : (low >> (4 * i) & 0xFu) | 0x4B000000u;
      x[i] = (__uint_as_float(bits) - offset) * d;
    }
  } else {
#pragma unroll
    for (int i = 0; i < 8; i++) {
      x[i] = book.levels[low >> (4 * i) & 0xFu] * d;
    }
  }
  storeFinite8(out, x);
}

template <typename T, int KIND>
__device__ __forceinline__ void decode(const u8* in, T* out, const void* scales, const int* zeroPoints,
                                       const Runs& runs, const Spec& s) {
  const int TIMES = 2;
  __shared__ Book book;
  if (KIND == BOOK) {
    book.fill(s);
  }
  u32 eights = 2 * runs.sixteens;
  u32 first = blockIdx.x * (TIMES * blockDim.x) + threadIdx.x;
  u32 low[TIMES], high[TIMES];
  float d[TIMES];
  int zeroPoint[TIMES];
#pragma unroll
  for (int k = 0; k < TIMES; k++) {
    u32 index = first + k * blockDim.x;
    if (index < eights) {
      if (s.bits == 8) {
        uint2 a = ((const uint2*)in)[index];
        low[k] = a.x, high[k] = a.y;
      } else {
        low[k] = ((const u32*)in)[index];
        high[k] = 0;
      }
      u32 group = runs.group(index >> 1);
      d[k] = loadScale(s.scaleFormat, scales, group);
      zeroPoint[k] = KIND == INTEGER && zeroPoints != 0 ? zeroPoints[group] : 0;
    }
  }
#pragma unroll
  for (int k = 0; k < TIMES; k++) {
    u32 index = first + k * blockDim.x;
    if (index < eights) {
      float divisor = divisorOf(s, d[k]);
      T* to = out + (i64)index * 8;
      if (KIND != BOOK && s.bits == 8) {
        decode8<T, KIND, 8>(s, low[k], high[k], divisor, zeroPoint[k], book, to);
      } else {
        decode8<T, KIND, 4>(s, low[k], high[k], divisor, zeroPoint[k], book, to);
      }
    }
  }
}

#define COMMA ,
// The last argument: blocks per multiprocessor that registers must suffice for, if the compiler is not to choose.
#define ENCODE(t, T, k, KIND, ...)                                                                                          \
  extern "C" __global__ void __launch_bounds__(256 __VA_ARGS__)                                                                 \
      encode_##k##_##t(const T* in, u8* out, const void* scales, const int* zeroPoints, int* notFinite, Runs runs,     \
                       Spec s) {                                                                                       \
    encode<T, KIND, false>(in, out, (void*)scales, zeroPoints, notFinite, runs, s);                                    \
  }                                                                                                                    \
  extern "C" __global__ void __launch_bounds__(256 __VA_ARGS__)                                                                 \
      encode_own_##k##_##t(const T* in, u8* out, void* scales, int* notFinite, Runs runs, Spec s) {                    \
    encode<T, KIND, true>(in, out, scales, 0, notFinite, runs, s);                                                     \
  }
#define PACKED(t, T, k, KIND, ...)                                                                                          \
  ENCODE(t, T, k, KIND, __VA_ARGS__)                                                                                                 \
  extern "C" __global__ void __launch_bounds__(256)                                                                    \
      round_##k##_##t(const T* in, T* out, const void* scales, const int* zeroPoints, int* notFinite, Runs runs,       \
                      Spec s) {                                                                                        \
    round<T, KIND, false>(in, out, scales, zeroPoints, notFinite, runs, s);                                            \
  }                                                                                                                    \
  extern "C" __global__ void __launch_bounds__(256)                                                                    \
      round_own_##k##_##t(const T* in, T* out, int* notFinite, Runs runs, Spec s) {                                    \
    round<T, KIND, true>(in, out, 0, 0, notFinite, runs, s);                                                           \
  }                                                                                                                    \
  extern "C" __global__ void __launch_bounds__(256)                                                                    \
      decode_##k##_##t(const u8* in, T* out, const void* scales, const int* zeroPoints, Runs runs, Spec s) {           \
    decode<T, KIND>(in, out, scales, zeroPoints, runs, s);                                                             \
  }
PACKED(f32, float, float, FLOAT, COMMA 8)
PACKED(bf16, bf16, float, FLOAT, COMMA 8)
PACKED(f16, f16, float, FLOAT, COMMA 8)
PACKED(f32, float, int, INTEGER)
PACKED(bf16, bf16, int, INTEGER)
PACKED(f16, f16, int, INTEGER)
PACKED(f32, float, book, BOOK, COMMA 8)
PACKED(bf16, bf16, book, BOOK, COMMA 8)
PACKED(f16, f16, book, BOOK, COMMA 8)
ENCODE(f32, float, e2m1, E2M1, COMMA 8)
ENCODE(bf16, bf16, e2m1, E2M1, COMMA 8)
ENCODE(f16, f16, e2m1, E2M1, COMMA 8)
