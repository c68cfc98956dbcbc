// Vectors of reals and the functions of the equations on them, for any width the compiler's flags allow.
// One text for SSE, AVX2, AVX-512 and NEON: GCC's and Clang's vector extensions. Needs no C++ library.
// exp, log, tanh, sigmoid, sin, cos: about 2 units in the last place; NaN and infinities pass through.
#include <sched.h>
#include <stdint.h>
#include <string.h>
// Of math.h no more is needed, and in C++ it brings in so much that a kernel would compile a fifth longer.
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#if defined(__AVX512F__)
#define BYTES 64
#define REGISTERS 32
#elif defined(__AVX__)
#define BYTES 32
#define REGISTERS 16
#elif defined(__aarch64__)
#define BYTES 16
#define REGISTERS 32
#else
#define BYTES 16
#define REGISTERS 16
#endif

#ifdef DOUBLE
typedef double real;
typedef int64_t whole;
#else
typedef float real;
typedef int32_t whole;
#endif

#define INLINE static inline __attribute__((always_inline))
typedef real V __attribute__((vector_size(BYTES)));
typedef whole N __attribute__((vector_size(BYTES)));
typedef real Loose __attribute__((vector_size(BYTES), aligned(sizeof(real)), may_alias));
enum { L = BYTES / sizeof(real) };

// How many of a vector's places hold units: all of them, or an int for the last vector of a row.
struct All {};

// The numbers 0 to L - 1 as a list.
template <int... K> struct Places {};
template <int COUNT, int... K> struct Counted : Counted<COUNT - 1, COUNT - 1, K...> {};
template <int... K> struct Counted<0, K...> { typedef Places<K...> list; };

INLINE int width_of(All) { return L; }
INLINE int width_of(int count) { return count; }

INLINE int64_t up(int64_t n, int64_t by) { return (n + by - 1) / by; }
INLINE V splat(real v) { return v - (V){}; }
INLINE N bits(V v) { N n; memcpy(&n, &v, BYTES); return n; }
INLINE V real_of(N n) { V v; memcpy(&v, &n, BYTES); return v; }
INLINE V load(const real* p, All) { return *(const Loose*)p; }
#if defined(__AVX512F__)
// By a mask: a copy of some bytes is a call, and what is then loaded from the stack waits for it.
#ifdef DOUBLE
#define MOVE "vmovupd"
#else
#define MOVE "vmovups"
#endif
INLINE uint16_t first_of(int count) { return (1u << count) - 1; }
INLINE V load(const real* p, int count) {
  V v;
  __asm__(MOVE " %1, %0%{%2%}%{z%}" : "=v"(v) : "m"(*(const Loose*)p), "Yk"(first_of(count)));
  return v;
}
INLINE void store(real* p, V v, int count) {
  __asm__(MOVE " %1, %0%{%2%}" : "+m"(*(Loose*)p) : "v"(v), "Yk"(first_of(count)));
}
#else
INLINE V load(const real* p, int count) { V v = {}; memcpy(&v, p, count * sizeof(real)); return v; }
INLINE void store(real* p, V v, int count) { memcpy(p, &v, count * sizeof(real)); }
#endif
// Past the caches, for what is read again only after much else: `p` lies where a vector may. `end_streams` before
// another thread reads.
#if defined(__AVX__)
INLINE void stream(real* p, V v) { __asm__("vmovntps %1, %0" : "=m"(*(Loose*)p) : "v"(v)); }
INLINE void end_streams() { __asm__ volatile("sfence" ::: "memory"); }
#else
INLINE void stream(real* p, V v) { *(Loose*)p = v; }
INLINE void end_streams() {}
#endif
INLINE V load_some(const real* p, int64_t count) {
  return count >= L ? load(p, All()) : count > 0 ? load(p, (int)count) : (V){};
}
INLINE void store(real* p, V v, All) { *(Loose*)p = v; }
template <class C> INLINE void collect(real* p, V v, C count) { store(p, load(p, count) + v, count); }

// The places past the end of a row, set to a value that leaves a reduction as it is.
INLINE V only(V v, All, real) { return v; }
template <int... K> INLINE N numbers(Places<K...>) { return (N){K...}; }
INLINE V only(V v, int count, real neutral) {
  return numbers(typename Counted<L>::list()) < (whole)count ? v : splat(neutral);
}
INLINE real total(V v) { real s = 0; for (int k = 0; k < L; k++) s += v[k]; return s; }

template <class F> INLINE void each_vector(int64_t units, F f) {
  int64_t unit = 0;
  for (; unit + L <= units; unit += L) f(unit, All());
  if (unit < units) f(unit, (int)(units - unit));
}

#if defined(__clang__) || __GNUC__ >= 12
#define CHOSEN(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define CHOSEN(a, b, ...) __builtin_shuffle(a, b, (N){__VA_ARGS__})
#endif
// Places without the bit BLOCK stay in a, those with it in b; the others change sides.
template <int BLOCK, int... K> INLINE void exchange(V& a, V& b, Places<K...>) {
  const V first = CHOSEN(a, b, (K & BLOCK ? L + K - BLOCK : K)...);
  b = CHOSEN(a, b, (K & BLOCK ? L + K : K + BLOCK)...);
  a = first;
}
// Rows for columns of L vectors.
template <int BLOCK = L / 2> INLINE void transpose(V (&m)[L]) {
  if constexpr (BLOCK > 0) {
#pragma GCC unroll 16
    for (int k = 0; k < L; k++)
      if (!(k & BLOCK)) exchange<BLOCK>(m[k], m[k + BLOCK], typename Counted<L>::list());
    transpose<BLOCK / 2>(m);
  }
}

INLINE V abs_(V v) { return real_of(bits(v) & ~bits(splat(-(real)0))); }
INLINE V with_sign(V v, V of) { return real_of(bits(v) | (bits(of) & bits(splat(-(real)0)))); }
INLINE V maximum_(V a, V b) { return ((a > b) | (a != a)) ? a : b; }
INLINE V minimum_(V a, V b) { return ((a < b) | (a != a)) ? a : b; }
INLINE V relu_(V v) { return v < 0 ? (V){} : v; }
INLINE V sqrt_(V v) {
  V r;
#ifdef DOUBLE
  for (int k = 0; k < L; k++) r[k] = __builtin_sqrt(v[k]);
#else
  for (int k = 0; k < L; k++) r[k] = __builtin_sqrtf(v[k]);
#endif
  return r;
}
INLINE V pow_(V a, V b) {
  V r;
  for (int k = 0; k < L; k++) r[k] = (real)__builtin_pow((double)a[k], (double)b[k]);
  return r;
}
INLINE real largest(V v) {
  real m = v[0];
  for (int k = 1; k < L; k++) m = (m > v[k] || m != m) ? m : v[k];
  return m;
}

#ifdef DOUBLE
#define MAGIC 6755399441055744.0
#define LN2_HIGH 6.93147180369123816490e-01
#define LN2_LOW 1.90821492927058770002e-10
#define EXP_TOP 709.782712893384
#define EXP_BOTTOM -708.3964185322641
#define MANTISSA 52
#define BIAS 1023
#define TANH_TOP 40
#define SIGMOID_TOP 709.0
#else
#define MAGIC 12582912.0f
#define LN2_HIGH 0.693359375f
#define LN2_LOW -2.12194440e-4f
#define EXP_TOP 88.72283905f
#define EXP_BOTTOM -87.33654475f
#define MANTISSA 23
#define BIAS 127
#define TANH_TOP 20
#define SIGMOID_TOP 88.0f
#endif

// x = n ln 2 + r with |r| <= ln 2 / 2.
struct Reduced { N n; V r; };
INLINE Reduced reduce_by_ln2(V x) {
  const V shifted = x * (real)1.44269504088896340736 + (real)MAGIC;
  const V n = shifted - (real)MAGIC;
  return {bits(shifted) - bits(splat(MAGIC)), (x - n * (real)LN2_HIGH) - n * (real)LN2_LOW};
}
INLINE V two_to(N n) { return real_of((n + BIAS) << MANTISSA); }

// exp(r) - 1 for |r| <= ln 2 / 2.
INLINE V small_expm1(V r) {
#ifdef DOUBLE
  V p = r * (real)(1.0 / 6227020800) + (real)(1.0 / 479001600);
  p = p * r + (real)(1.0 / 39916800);
  p = p * r + (real)(1.0 / 3628800);
  p = p * r + (real)(1.0 / 362880);
  p = p * r + (real)(1.0 / 40320);
  p = p * r + (real)(1.0 / 5040);
  p = p * r + (real)(1.0 / 720);
  p = p * r + (real)(1.0 / 120);
  p = p * r + (real)(1.0 / 24);
  p = p * r + (real)(1.0 / 6);
  p = p * r + (real)0.5;
#else
  V p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
#endif
  return r * r * p + r;
}

INLINE V exp_(V x) {
  const V held = x > (real)EXP_TOP ? splat(EXP_TOP) : x < (real)EXP_BOTTOM ? splat(EXP_BOTTOM) : x;
  const Reduced at = reduce_by_ln2(held);
  const N half = at.n >> 1;
  const V y = (small_expm1(at.r) + 1) * two_to(half) * two_to(at.n - half);
  return x > (real)EXP_TOP ? splat((real)INFINITY) : x < (real)EXP_BOTTOM ? (V){} : y;
}

// For x <= 0 and NaN.
INLINE V exp_down(V x) {
  const Reduced at = reduce_by_ln2(x < (real)EXP_BOTTOM ? splat(EXP_BOTTOM) : x);
  const V y = (small_expm1(at.r) + 1) * two_to(at.n);
  return x < (real)EXP_BOTTOM ? (V){} : y;
}

INLINE V sigmoid_(V x) {
  const V down = -x;
  const V held = down > (real)SIGMOID_TOP ? splat(SIGMOID_TOP) : down < (real)EXP_BOTTOM ? splat(EXP_BOTTOM) : down;
  const Reduced at = reduce_by_ln2(held);
  return 1 / (1 + (small_expm1(at.r) + 1) * two_to(at.n));
}

INLINE V tanh_(V x) {
  const V twice = abs_(x) * 2;
  const Reduced at = reduce_by_ln2(twice > (real)TANH_TOP ? splat(TANH_TOP) : twice);
  const V scale = two_to(at.n);
  const V above = scale * small_expm1(at.r) + (scale - 1);
  return with_sign(above / (above + 2), x);
}

INLINE V log_(V x) {
  const V root = splat((real)0.70710678118654752440);
  N n = ((bits(x) >> MANTISSA) & (2 * BIAS + 1)) - (BIAS - 1);
  V m = real_of((bits(x) & (((whole)1 << MANTISSA) - 1)) | ((whole)(BIAS - 1) << MANTISSA));
  const N low = m < root;
  n += low;
  const V f = (low ? m + m : m) - 1;
  const V e = __builtin_convertvector(n, V);
#ifdef DOUBLE
  const V s = f / (2 + f), z = s * s, half = f * f * (real)0.5;
  V p = z * (real)1.479819860511658591e-01 + (real)1.531383769920937332e-01;
  p = p * z + (real)1.818357216161805012e-01;
  p = p * z + (real)2.222219843214978396e-01;
  p = p * z + (real)2.857142874366239149e-01;
  p = p * z + (real)3.999999999940941908e-01;
  p = (p * z + (real)6.666666666666735130e-01) * z;
  const V y = e * (real)LN2_HIGH - ((half - (s * (half + p) + e * (real)LN2_LOW)) - f);
#else
  V p = f * 7.0376836292e-2f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  const V z = f * f;
  const V y = (f + ((p * f * z + e * LN2_LOW) - z * 0.5f)) + e * LN2_HIGH;
#endif
  const V nan = splat((real)NAN), infinity = splat((real)INFINITY);
  return x == 0 ? -infinity : x == infinity ? x : x > 0 ? y : nan;
}

// log(1 + u) for 0 <= u <= 1.
INLINE V log1p_(V u) {
  const V w = 1 + u;
  return log_(w) + (u - (w - 1)) / w;
}
INLINE V softplus_(V x) {
  const V y = log1p_(exp_(-abs_(x))) + (x > 0 ? x : (V){});
  return x != x ? x : y;
}

// sin(x + quarter * pi / 2); beyond `far` the C library does it.
INLINE V wave(V x, whole quarter) {
#ifdef DOUBLE
  const real far = 1e5;
  const V shifted = x * 0.63661977236758134308 + (real)MAGIC, j = shifted - (real)MAGIC;
  const V r = ((x - j * 1.57079632673412561417e+00) - j * 6.07710050630396597660e-11) - j * 2.02226624879595063154e-21;
  const V z = r * r;
  V s = z * 1.58962301576546568060e-10 - 2.50507477628578072866e-8;
  s = s * z + 2.75573136213857245213e-6;
  s = s * z - 1.98412698295895385996e-4;
  s = s * z + 8.33333333332211858878e-3;
  s = (s * z - 1.66666666666666307295e-1) * z * r + r;
  V c = z * -1.13585365213876817300e-11 + 2.08757008419747316778e-9;
  c = c * z - 2.75573141792967388112e-7;
  c = c * z + 2.48015872888517045348e-5;
  c = c * z - 1.38888888888730564116e-3;
  c = (c * z + 4.16666666666665929218e-2) * z * z - z * 0.5 + 1;
#else
  const real far = 8192;
  const V shifted = x * 0.636619772367581f + MAGIC, j = shifted - MAGIC;
  const V r = ((x - j * 1.5703125f) - j * 4.837512969970703125e-4f) - j * 7.54978995489188216e-8f;
  const V z = r * r;
  V s = z * -1.9515295891e-4f + 8.3321608736e-3f;
  s = (s * z - 1.6666654611e-1f) * z * r + r;
  V c = z * 2.443315711809948e-5f - 1.388731625493765e-3f;
  c = (c * z + 4.166664568298827e-2f) * z * z - z * 0.5f + 1;
#endif
  const N turn = bits(shifted) - bits(splat(MAGIC)) + quarter;
  const V y = (turn & 1) != 0 ? c : s;
  V signed_y = (turn & 2) != 0 ? -y : y;
  for (int k = 0; k < L; k++)
    if (!(abs_(x)[k] <= far)) signed_y[k] = (real)(quarter ? __builtin_cos((double)x[k]) : __builtin_sin((double)x[k]));
  return signed_y;
}
INLINE V sin_(V x) { return wave(x, 0); }
INLINE V cos_(V x) { return wave(x, 1); }

// Denormal numbers count as zero while a kernel runs; the caller's setting comes back after it.
struct NoDenormals {
#if defined(__SSE__)
  unsigned before;
  NoDenormals() : before(__builtin_ia32_stmxcsr()) { __builtin_ia32_ldmxcsr(before | 0x8040); }
  ~NoDenormals() { __builtin_ia32_ldmxcsr(before); }
#elif defined(__aarch64__)
  uint64_t before;
  NoDenormals() {
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" ::"r"(before | (1 << 24)));
  }
  ~NoDenormals() { __asm__ volatile("msr fpcr, %0" ::"r"(before)); }
#endif
};
