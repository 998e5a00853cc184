// Causal attention of one sequence: grouped queries, sliding window, chunks, soft cap, sinks, values of a size of their
// own.
//
// q [t, heads * headSize], k [past + t, kvHeads * headSize], v [past + t, kvHeads * valueSize], y [t, heads *
// valueSize]; the pointers are those of the sequence's first row. The first query is at position past. Softmax in float32, one pass over the keys with a running maximum
// (FlashAttention, arXiv 2205.14135 and 2307.08691). sinks: per head a score that takes part in the sum only, or null.
#include "common.cuh"

#define MINUS_INFINITY __int_as_float(0xFF800000)
#define LOG2_E 1.4426950408889634f

struct Shape {
  int length; // queries
  int past;
  int heads;
  int kvHeads;
  int headSize;
  int valueSize;
  int window;
  int chunk;
  float scale;
  float cap;
};

// First key that a query at a position sees.
__device__ __forceinline__ int firstKey(const Shape& s, int position) {
  int first = s.window == 0 ? 0 : max(0, position - s.window + 1);
  return s.chunk == 0 ? first : max(first, position / s.chunk * s.chunk);
}

__device__ __forceinline__ float exp2Fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
// cap * tanh(x / cap) by fast functions; the error is a few units of 2^-24 * cap.
__device__ __forceinline__ float capped(float x, float cap) {
  return cap - __fdividef(2 * cap, 1 + exp2Fast(x * (2 * LOG2_E / cap)));
}
__device__ __forceinline__ u32 smemAddress(const void* p) {
  return (u32)__cvta_generic_to_shared(p);
}
__device__ __forceinline__ void copy16(u32 to, const void* from, bool present) {
  int bytes = present ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes));
}
__device__ __forceinline__ void commitCopies() {
  asm volatile("cp.async.commit_group;");
}
__device__ __forceinline__ void awaitCopies() {
  asm volatile("cp.async.wait_group 0;" ::: "memory");
}
__device__ __forceinline__ void matrices(u32* r, u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address));
}
__device__ __forceinline__ void matricesTransposed(u32* r, u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address));
}
__device__ __forceinline__ void multiply(float* c, const u32* a, const u32* b) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
__device__ __forceinline__ u32 pair(float low, float high) {
  u32 y;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
  return y;
}

// Rows of D elements lie in shared memory in chunks of 8; the low three bits of a chunk's number are mixed with the
// row's, so that the eight rows of a small matrix are in different banks.
template <int D> __device__ __forceinline__ u32 place(int row, int chunk) {
  return row * (D * 2) + ((chunk ^ (row & 7)) << 4);
}

// Rows from..from+ROWS-1 of one head into shared memory; zeros beyond the sequence and beyond the head's size.
template <int ROWS, int D, int THREADS>
__device__ __forceinline__ void loadRows(u32 to, const bf16* head, i64 stride, int from, int length, int size) {
  const int CHUNKS = D / 8;
  if constexpr (THREADS % (8 * CHUNKS) == 0) { // the same place in each eight rows: one address and steps
    const int STEP = THREADS / CHUNKS;
    int row = threadIdx.x / CHUNKS, chunk = threadIdx.x % CHUNKS;
    bool inside = chunk * 8 < size;
    int left = length - from - row;
    const bf16* source = head + (from + row) * stride + chunk * 8;
    u32 target = to + place<D>(row, chunk);
#pragma unroll
    for (int i = 0; i < ROWS / STEP; i++) {
      bool present = inside && i * STEP < left;
      copy16(target + i * STEP * D * 2, present ? source : head, present);
      source += STEP * stride;
    }
  } else {
#pragma unroll
    for (int i = 0; i < ROWS * CHUNKS / THREADS; i++) {
      int index = i * THREADS + threadIdx.x;
      int row = index / CHUNKS, chunk = index % CHUNKS;
      bool present = from + row < length && chunk * 8 < size;
      const bf16* source = present ? head + (from + row) * stride + chunk * 8 : head;
      copy16(to + place<D>(row, chunk), source, present);
    }
  }
}

// Four warps, each MT tiles of 16 queries; 64 keys at a time. Head sizes up to D and DV, multiples of 8.
template <int D, int DV, int MT>
__device__ __forceinline__ void flash(const bf16* q, const bf16* k, const bf16* v, bf16* y, const bf16* sinks,
                                      Shape s) {
  extern __shared__ __align__(128) u8 shared[];
  const int BM = 64 * MT, BN = 64;
  u32 qs = smemAddress(shared);
  u32 ks = qs + BM * D * 2;
  u32 vs = ks + BN * D * 2;
  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  int head = blockIdx.x;
  int kvHead = head / (s.heads / s.kvHeads);
  int first = (gridDim.y - 1 - blockIdx.y) * BM; // long blocks of queries first
  i64 qStride = (i64)s.heads * s.headSize, kStride = (i64)s.kvHeads * s.headSize;
  i64 vStride = (i64)s.kvHeads * s.valueSize, yStride = (i64)s.heads * s.valueSize;
  q += (i64)head * s.headSize;
  k += (i64)kvHead * s.headSize;
  v += (i64)kvHead * s.valueSize;
  y += (i64)head * s.valueSize;

  int keys = s.past + s.length;
  int end = s.past + min(s.length, first + BM);
  int begin = firstKey(s, s.past + first) / BN * BN;
  loadRows<BM, D, 128>(qs, q, qStride, first, s.length, s.headSize);
  loadRows<BN, D, 128>(ks, k, kStride, begin, keys, s.headSize);
  commitCopies();

  float o[MT][DV / 8][4];
  float maximum[MT][2], sum[MT][2];
#pragma unroll
  for (int m = 0; m < MT; m++) {
#pragma unroll
    for (int i = 0; i < DV / 8; i++) {
      o[m][i][0] = o[m][i][1] = o[m][i][2] = o[m][i][3] = 0;
    }
    maximum[m][0] = maximum[m][1] = MINUS_INFINITY;
    sum[m][0] = sum[m][1] = 0;
  }
  float factor = s.scale * LOG2_E;
  int last = s.past + first + (warp + 1) * MT * 16 - 1; // query of this warp

  for (int key = begin; key < end; key += BN) {
    awaitCopies();
    __syncthreads();
    loadRows<BN, DV, 128>(vs, v, vStride, key, keys, s.valueSize);
    commitCopies();

    float score[MT][BN / 8][4];
    bool seen = key <= last; // by some query of this warp
    if (seen) {
#pragma unroll
      for (int m = 0; m < MT; m++) {
#pragma unroll
        for (int i = 0; i < BN / 8; i++) {
          score[m][i][0] = score[m][i][1] = score[m][i][2] = score[m][i][3] = 0;
        }
      }
#pragma unroll
      for (int d = 0; d < D / 16; d++) {
        u32 a[MT][4];
#pragma unroll
        for (int m = 0; m < MT; m++) {
          matrices(a[m], qs + place<D>((warp * MT + m) * 16 + (lane & 15), 2 * d + (lane >> 4)));
        }
#pragma unroll
        for (int n = 0; n < BN / 16; n++) {
          u32 b[4];
          matrices(b, ks + place<D>(n * 16 + (lane >> 4) * 8 + (lane & 7), 2 * d + (lane >> 3 & 1)));
#pragma unroll
          for (int m = 0; m < MT; m++) {
            multiply(score[m][2 * n], a[m], b);
            multiply(score[m][2 * n + 1], a[m], b + 2);
          }
        }
      }

      if (s.cap != 0) {
#pragma unroll
        for (int m = 0; m < MT; m++) {
#pragma unroll
          for (int i = 0; i < BN / 8; i++) {
#pragma unroll
            for (int e = 0; e < 4; e++) {
              score[m][i][e] = capped(score[m][i][e] * s.scale, s.cap) / s.scale;
            }
          }
        }
      }
      bool whole = key + BN - 1 <= s.past + first + warp * MT * 16 && key >= firstKey(s, s.past + first + BM - 1);
#pragma unroll
      for (int m = 0; m < MT; m++) {
#pragma unroll
        for (int h = 0; h < 2; h++) {
          if (!whole) {
            int query = s.past + first + (warp * MT + m) * 16 + h * 8 + (lane >> 2);
            int oldest = firstKey(s, query);
#pragma unroll
            for (int i = 0; i < BN / 8; i++) {
#pragma unroll
              for (int e = 0; e < 2; e++) {
                int at = key + i * 8 + (lane & 3) * 2 + e;
                if (at > query || at < oldest) {
                  score[m][i][2 * h + e] = MINUS_INFINITY;
                }
              }
            }
          }
          float high = maximum[m][h];
#pragma unroll
          for (int i = 0; i < BN / 8; i++) {
            high = fmaxf(high, fmaxf(score[m][i][2 * h], score[m][i][2 * h + 1]));
          }
          high = fmaxf(high, __shfl_xor_sync(~0u, high, 1));
          high = fmaxf(high, __shfl_xor_sync(~0u, high, 2));
          float shift = high == MINUS_INFINITY ? 0 : high * factor;
          bool higher = __any_sync(~0u, high > maximum[m][h]); // seldom after the first keys
          float shrink = higher ? exp2Fast(fmaf(maximum[m][h], factor, -shift)) : 1;
          maximum[m][h] = high;
          float part = 0;
#pragma unroll
          for (int i = 0; i < BN / 8; i++) {
#pragma unroll
            for (int e = 0; e < 2; e++) {
              float p = exp2Fast(fmaf(score[m][i][2 * h + e], factor, -shift));
              score[m][i][2 * h + e] = p;
              part += p;
            }
          }
          sum[m][h] = fmaf(sum[m][h], shrink, part);
          if (higher) {
#pragma unroll
            for (int i = 0; i < DV / 8; i++) {
              o[m][i][2 * h] *= shrink;
              o[m][i][2 * h + 1] *= shrink;
            }
          }
        }
      }
    }

    awaitCopies();
    __syncthreads();
    if (key + BN < end) {
      loadRows<BN, D, 128>(ks, k, kStride, key + BN, keys, s.headSize);
      commitCopies();
    }
    if (seen) {
#pragma unroll
      for (int j = 0; j < BN / 16; j++) {
        u32 a[MT][4];
#pragma unroll
        for (int m = 0; m < MT; m++) {
          a[m][0] = pair(score[m][2 * j][0], score[m][2 * j][1]);
          a[m][1] = pair(score[m][2 * j][2], score[m][2 * j][3]);
          a[m][2] = pair(score[m][2 * j + 1][0], score[m][2 * j + 1][1]);
          a[m][3] = pair(score[m][2 * j + 1][2], score[m][2 * j + 1][3]);
        }
#pragma unroll
        for (int n = 0; n < DV / 16; n++) {
          u32 b[4];
          matricesTransposed(b, vs + place<DV>(j * 16 + (lane & 15), 2 * n + (lane >> 4)));
#pragma unroll
          for (int m = 0; m < MT; m++) {
            multiply(o[m][2 * n], a[m], b);
            multiply(o[m][2 * n + 1], a[m], b + 2);
          }
        }
      }
    }
  }

#pragma unroll
  for (int m = 0; m < MT; m++) {
#pragma unroll
    for (int h = 0; h < 2; h++) {
      float total = sum[m][h];
      total += __shfl_xor_sync(~0u, total, 1);
      total += __shfl_xor_sync(~0u, total, 2);
      float shrink = 1;
      if (sinks != 0) {
        float sink = toFloat(sinks[head]) * LOG2_E;
        float high = fmaxf(maximum[m][h] * factor, sink);
        shrink = exp2Fast(maximum[m][h] * factor - high);
        total = fmaf(total, shrink, exp2Fast(sink - high));
      }
      float inverse = shrink / total;
      int query = first + (warp * MT + m) * 16 + h * 8 + (lane >> 2);
      if (query < s.length) {
        bf16* row = y + query * yStride;
#pragma unroll
        for (int i = 0; i < DV / 8; i++) {
          if (i * 8 < s.valueSize) {
            *(u32*)(row + i * 8 + (lane & 3) * 2) = pair(o[m][i][2 * h] * inverse, o[m][i][2 * h + 1] * inverse);
          }
        }
      }
    }
  }
}

#define FLASH(D, DV, MT)                                                                                               \
  extern "C" __global__ void __launch_bounds__(128) flash_##D##_##DV(const bf16* q, const bf16* k, const bf16* v,      \
                                                                    bf16* y, const bf16* sinks, Shape s) {             \
    flash<D, DV, MT>(q, k, v, y, sinks, s);                                                                            \
  }
FLASH(64, 64, 2)
FLASH(128, 128, 2)
FLASH(192, 128, 2)
FLASH(256, 256, 1)

// Any head size up to 512 and either type, in float32 throughout: one warp per query and head, a key per lane.
template <typename T>
__device__ __forceinline__ void plain(const T* q, const T* k, const T* v, T* y, const T* sinks, Shape s) {
  int lane = threadIdx.x & 31;
  int query = blockIdx.y * (blockDim.x >> 5) + (threadIdx.x >> 5);
  int head = blockIdx.x;
  if (query >= s.length) {
    return;
  }
  int kvHead = head / (s.heads / s.kvHeads);
  const T* qRow = q + ((i64)query * s.heads + head) * s.headSize;
  T* yRow = y + ((i64)query * s.heads + head) * s.valueSize;
  int last = s.past + query;
  int begin = firstKey(s, last);
  float maximum = MINUS_INFINITY, sum = 0;
  float o[16];
  for (int i = 0; i < 16; i++) {
    o[i] = 0;
  }
  for (int from = begin; from <= last; from += 32) {
    int key = from + lane;
    float score = MINUS_INFINITY;
    if (key <= last) {
      const T* kRow = k + ((i64)key * s.kvHeads + kvHead) * s.headSize;
      float dot = 0;
      for (int i = 0; i < s.headSize; i++) {
        dot = fmaf(toFloat(qRow[i]), toFloat(kRow[i]), dot);
      }
      score = dot * s.scale;
      score = s.cap != 0 ? s.cap * tanhf(score / s.cap) : score;
    }
    float high = score;
    for (int d = 16; d > 0; d /= 2) {
      high = fmaxf(high, __shfl_xor_sync(~0u, high, d));
    }
    high = fmaxf(high, maximum);
    float shrink = expf(maximum - high);
    maximum = high;
    float p = expf(score - high);
    sum = fmaf(sum, shrink, p);
    for (int i = 0; i < 16; i++) {
      o[i] *= shrink;
    }
    int count = min(32, last + 1 - from);
    for (int j = 0; j < count; j++) {
      float weight = __shfl_sync(~0u, p, j);
      const T* vRow = v + ((i64)(from + j) * s.kvHeads + kvHead) * s.valueSize;
#pragma unroll
      for (int i = 0; i < 16; i++) {
        int at = lane + 32 * i;
        if (at < s.valueSize) {
          o[i] = fmaf(weight, toFloat(vRow[at]), o[i]);
        }
      }
    }
  }
  for (int d = 16; d > 0; d /= 2) {
    sum += __shfl_xor_sync(~0u, sum, d);
  }
  float shrinkLast = 1;
  if (sinks != 0) {
    float sink = toFloat(sinks[head]);
    float high = fmaxf(maximum, sink);
    shrinkLast = expf(maximum - high);
    sum = fmaf(sum, shrinkLast, expf(sink - high));
  }
#pragma unroll
  for (int i = 0; i < 16; i++) {
    int at = lane + 32 * i;
    if (at < s.valueSize) {
      yRow[at] = fromFloat<T>(o[i] * shrinkLast / sum);
    }
  }
}

extern "C" __global__ void plain_f32(const float* q, const float* k, const float* v, float* y, const float* sinks,
                                     Shape s) {
  plain(q, k, v, y, sinks, s);
}
extern "C" __global__ void plain_bf16(const bf16* q, const bf16* k, const bf16* v, bf16* y, const bf16* sinks,
                                      Shape s) {
  plain(q, k, v, y, sinks, s);
}
