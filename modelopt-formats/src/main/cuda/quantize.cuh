// Number formats: how quotients become codes and codes become numbers, as the codecs in Java define it.
#pragma once
#include "common.cuh"

enum { FLOAT, INTEGER, BOOK, E2M1 }; // the last by packed.cu only, which has a way of its own for it
enum { STANDARD, POSITIVE_ZERO, TIES_TOWARD_ZERO };
enum { SCALE_F32, SCALE_F16, SCALE_BF16, SCALE_E8M0, SCALE_E4M3 };
enum {
  AMAX_OVER_MAX,
  HALF_RANGE,
  SIGNED_MAX,
  RANGE_WITH_ZERO,
  RANGE,
  POWER_FLOOR,
  POWER_EVEN,
  POWER_CEIL,
  POWER_ROUND_UP,
  FOUR_OVER_SIX
};

// Largest magnitude, in its 15 bits, of eight bfloat16 or binary16 elements. As bfloat16 numbers such bits have their
// order; 0x7FFF if one of them is a NaN there.
__device__ __forceinline__ u32 largerOfPairs(u32 a, u32 b) {
  u32 y;
  asm("max.NaN.bf16x2 %0, %1, %2;" : "=r"(y) : "r"(a), "r"(b));
  return y;
}
__device__ __forceinline__ u32 largestOfPairs(uint4 a) {
  u32 x = largerOfPairs(a.x & 0x7FFF7FFFu, a.y & 0x7FFF7FFFu);
  u32 y = largerOfPairs(a.z & 0x7FFF7FFFu, a.w & 0x7FFF7FFFu);
  u32 m = largerOfPairs(x, y);
  return max(m & 0xFFFFu, m >> 16);
}

#define FLOAT_MAX 0x1.fffffep127f
#define FLOAT_MIN 0x1p-149f
#define INFINITE 0x7F800000u

// A small float format as constants for arithmetic on the bits of float32; see FloatConstants in Java.
struct Float {
  u32 maxBits;
  u32 minExponent;
  u32 roundingBits;
  int shift;
  u32 bias;
  int signShift;
  u32 magnitudeMask;
  u32 signMask;
  u32 maxCode;
  u32 nanCode;
  float smallestNormal;
  int hasInfinity;
};

struct Spec {
  int bits;
  int variant;
  Float f;
  int integerMin;
  int integerMax;
  float steps;     // factor between a scale and a divisor
  float formatMax;
  int rule;
  u32 evenHalf;    // half of the last mantissa bit, for POWER_EVEN
  int scaleFormat;
  int reciprocal;  // scales are amax * (1 / max)
  float globalScale;
  int narrow;      // 1: quotients are rounded to the elements' type, 2: the divisor before, too
  int powerOfTwo;
  int stochastic;
  u32 seedLow;
  u32 seedHigh;
  int groupColumns;
  int groupRows;
  int groupsPerRow;
  float levels[16];
  float middles[16]; // rounded down: x is above the exact middle if it is above this
};

// E4M3, in which some scales are stored.
__device__ __forceinline__ Float e4m3() {
  Float f;
  f.maxBits = 0x43E00000u; // 448
  f.minExponent = 121u << 23;
  f.roundingBits = (20u << 23) + (1u << 22) - (121u << 3);
  f.shift = 20;
  f.bias = 120u << 23;
  f.signShift = 24;
  f.magnitudeMask = 0x7F;
  f.signMask = 0x80;
  f.maxCode = 0x7E;
  f.nanCode = 0x7F;
  f.smallestNormal = 0x1p-6f;
  f.hasInfinity = 0;
  return f;
}

// Magnitude bits to the nearest code, ties to even. Adding a float whose last bit is worth one step rounds.
__device__ __forceinline__ u32 nearestCode(const Float& f, u32 magnitude) {
  magnitude = min(magnitude, f.maxBits);
  u32 e = max(magnitude & INFINITE, f.minExponent);
  float sum = __uint_as_float(magnitude) + __uint_as_float(e + f.roundingBits);
  return (__float_as_uint(sum) + (e >> f.shift)) & f.magnitudeMask;
}
__device__ __forceinline__ float codeValue(const Float& f, u32 code) {
  u32 magnitude = code & f.magnitudeMask;
  float normal = __uint_as_float((magnitude << f.shift) + f.bias);
  float value = normal + fminf(normal - f.smallestNormal, 0.f); // the minimum is not zero for subnormal codes only
  if (magnitude > f.maxCode) {
    value = __uint_as_float(f.hasInfinity && magnitude == f.maxCode + 1 ? INFINITE : 0x7FC00000u);
  }
  return __uint_as_float(__float_as_uint(value) | (code & f.signMask) << f.signShift);
}

// Steps of the format that a magnitude up to the largest value has, exactly, and the code below the first.
__device__ __forceinline__ double floatSteps(const Float& f, u32 magnitude, u32* base) {
  u32 e = max(magnitude & INFINITE, f.minExponent);
  int mantissaBits = 23 - f.shift;
  *base = (e - f.minExponent) >> f.shift;
  return (double)__uint_as_float(magnitude) * __longlong_as_double((i64)(1023 + 127 + mantissaBits - (int)(e >> 23)) << 52);
}

// A number in [0, 1) from seed and index: SplitMix64's output function.
__device__ __forceinline__ double uniform(const Spec& s, u64 index) {
  u64 z = ((u64)s.seedHigh << 32 | s.seedLow) + (index + 1) * 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return (double)(u32)((z ^ (z >> 31)) >> 32) * 0x1p-32;
}

// The code of a quotient, by every rounding and for every quotient; packed.cu has faster ways for usual ones.
template <int KIND> __device__ __forceinline__ u32 anyCode(const Spec& s, float q, int zeroPoint, u64 index) {
  if (KIND == FLOAT) {
    const Float& f = s.f;
    if (q != q) {
      return f.nanCode;
    }
    float x = s.stochastic                   ? q
              : s.variant == POSITIVE_ZERO    ? q + 0.f
              : s.variant == TIES_TOWARD_ZERO ? (q > 0 ? q : -fabsf(q))
                                              : q;
    u32 bits = __float_as_uint(x);
    u32 sign = bits >> f.signShift & f.signMask;
    u32 magnitude = bits & 0x7FFFFFFFu;
    if (magnitude >= f.maxBits) {
      return sign | f.maxCode;
    }
    if (s.stochastic || s.variant == TIES_TOWARD_ZERO) {
      u32 base;
      double steps = floatSteps(f, magnitude, &base);
      steps = s.stochastic ? floor(steps + uniform(s, index)) : ceil(steps - 0.5);
      return sign | min(base + (u32)steps, f.maxCode);
    }
    return sign | nearestCode(f, magnitude);
  }
  if (KIND == INTEGER) {
    double whole = s.stochastic ? floor((double)q + uniform(s, index)) : rint((double)q);
    double shifted = whole != whole ? zeroPoint : whole + zeroPoint;
    int integer = (int)fmin(fmax(shifted, (double)s.integerMin), (double)s.integerMax);
    return (u32)integer & ((1u << s.bits) - 1);
  }
  float x = q != q ? 0.f : q;
  int last = (1 << s.bits) - 1;
  int code = 0;
  if (!s.stochastic || q != q) {
    while (code < last && x > s.middles[code]) {
      code++;
    }
    return code;
  }
  while (code < last && x >= s.levels[code + 1]) {
    code++;
  }
  if (code == last || x <= s.levels[code]) {
    return code;
  }
  double distance = ((double)x - s.levels[code]) / (s.levels[code + 1] - s.levels[code]);
  return distance + uniform(s, index) >= 1 ? code + 1 : code;
}

template <int KIND> __device__ __forceinline__ float valueOf(const Spec& s, u32 code, int zeroPoint) {
  if (KIND == FLOAT) {
    return codeValue(s.f, code);
  }
  if (KIND == INTEGER) {
    u32 field = code & ((1u << s.bits) - 1);
    bool negative = s.integerMin < 0 && field >> (s.bits - 1) != 0;
    return (float)((negative ? (int)field - (1 << s.bits) : (int)field) - zeroPoint);
  }
  return s.levels[code & ((1 << s.bits) - 1)];
}

// What a finite code stands for stays finite.
__device__ __forceinline__ float times(float value, float divisor) {
  float product = value * divisor;
  if (product != product) {
    return __uint_as_float(0x7FC00000u);
  }
  bool overflow = fabsf(product) > FLOAT_MAX && fabsf(value) <= FLOAT_MAX;
  return overflow ? copysignf(FLOAT_MAX, product) : product;
}

// Scales as they are stored.
__device__ __forceinline__ float loadScale(int format, const void* scales, i64 i) {
  switch (format) {
  case SCALE_F32:
    return ((const float*)scales)[i];
  case SCALE_F16:
    return toFloat(((const f16*)scales)[i]);
  case SCALE_BF16:
    return toFloat(((const bf16*)scales)[i]);
  case SCALE_E8M0: {
    u32 c = ((const u8*)scales)[i];
    return c == 255 ? __uint_as_float(0x7FC00000u) : __uint_as_float(c == 0 ? 0x00400000u : c << 23);
  }
  default:
    return codeValue(e4m3(), ((const u8*)scales)[i]);
  }
}
__device__ __forceinline__ void storeScale(int format, float scale, void* scales, i64 i) {
  switch (format) {
  case SCALE_F32:
    ((float*)scales)[i] = scale;
    break;
  case SCALE_F16:
    ((u16*)scales)[i] = f16Bits(scale);
    break;
  case SCALE_BF16:
    ((u16*)scales)[i] = __float_as_uint(scale) >> 16;
    break;
  case SCALE_E8M0:
    ((u8*)scales)[i] = __float_as_uint(scale) >> 23;
    break;
  default:
    ((u8*)scales)[i] = nearestCode(e4m3(), __float_as_uint(scale));
  }
}

__device__ __forceinline__ float clampMagnitude(float x, float low, float high, float sign) {
  return copysignf(fminf(fmaxf(fabsf(x), low), high), sign);
}
__device__ __forceinline__ float roundScale(int format, float scale) {
  switch (format) {
  case SCALE_F32:
    return clampMagnitude(scale, FLOAT_MIN, FLOAT_MAX, scale);
  case SCALE_F16:
    return clampMagnitude(rounded<f16>(scale), 0x1p-24f, 65504.f, scale);
  case SCALE_BF16:
    return clampMagnitude(rounded<bf16>(scale), 0x1p-133f, 0x1.FEp127f, scale);
  case SCALE_E8M0:
    return clampMagnitude(scale, 0x1p-127f, 0x1p127f, scale);
  default: {
    float clamped = fminf(fmaxf(scale, 0x1p-9f), 448.f);
    return codeValue(e4m3(), nearestCode(e4m3(), __float_as_uint(clamped)));
  }
  }
}

// Of positive numbers.
__device__ __forceinline__ int floorLog2(float x) {
  u32 bits = __float_as_uint(x);
  return bits >= 0x00800000u ? (int)(bits >> 23) - 127 : -118 - __clz(bits);
}
__device__ __forceinline__ int ceilLog2(float x) {
  u32 bits = __float_as_uint(x);
  u32 below = bits >= 0x00800000u ? bits & 0x007FFFFFu : bits & (bits - 1); // zero for powers of two
  return floorLog2(x) + (below != 0);
}
__device__ __forceinline__ float divideAmax(const Spec& s, float amax, float by) {
  return s.reciprocal ? amax * (1.f / by) : amax / by;
}
__device__ __forceinline__ float storable(const Spec& s, float extent, float scale) {
  return extent == 0 ? 1.f : roundScale(s.scaleFormat, scale);
}
__device__ __forceinline__ float underGlobal(float scale) {
  return scale == 0 ? 1.f : roundScale(SCALE_E4M3, scale);
}

// The scale of elements with largest magnitude amax, by the rules that need no more.
__device__ __forceinline__ float scaleOfAmax(const Spec& s, float amax) {
  if (s.rule == AMAX_OVER_MAX) {
    return s.scaleFormat == SCALE_E4M3 ? underGlobal(amax / (s.formatMax * s.globalScale))
                                       : storable(s, amax, divideAmax(s, amax, s.formatMax));
  }
  if (s.rule == HALF_RANGE) {
    return storable(s, amax, divideAmax(s, 2 * amax, 2 * s.formatMax + 1));
  }
  if (amax == 0) {
    return roundScale(s.scaleFormat, 0x1p-127f);
  }
  int k;
  if (s.rule == POWER_FLOOR) {
    k = floorLog2(amax) - floorLog2(s.formatMax);
  } else if (s.rule == POWER_EVEN) {
    u32 bits = __float_as_uint(amax) + s.evenHalf;
    k = (bits >= INFINITE ? 128 : floorLog2(__uint_as_float(bits))) - floorLog2(s.formatMax);
  } else if (s.rule == POWER_CEIL) {
    k = ceilLog2(amax) - floorLog2(s.formatMax);
  } else {
    float ratio = amax / s.formatMax;
    k = ratio == 0 ? -127 : ceilLog2(ratio);
  }
  k = min(max(k, -127), 127);
  return roundScale(s.scaleFormat, __uint_as_float(k == -127 ? 0x00400000u : (u32)(k + 127) << 23));
}

// What elements are divided by; never zero.
__device__ __forceinline__ float divisorOf(const Spec& s, float scale) {
  float product = scale * s.globalScale * s.steps;
  return product == 0 ? FLOAT_MIN : product;
}

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

// The code of one element by the division and the rounding that always hold.
template <typename T, int KIND>
__device__ __forceinline__ u32 codeOf(const Spec& s, float x, float d, int zeroPoint, u64 index) {
  float divisor = s.narrow == 2 ? rounded<T>(d) : d;
  float q = x / (divisor == 0 ? FLOAT_MIN : divisor);
  q = s.narrow ? rounded<T>(q) : q;
  return anyCode<KIND>(s, q, zeroPoint, index);
}

// What a code stands for, as a number that fits T.
template <typename T, int KIND>
__device__ __forceinline__ float numberOf(const Spec& s, u32 code, float d, int zeroPoint) {
  return withinType<T>(times(valueOf<KIND>(s, code, zeroPoint), d));
}
