// Products in bfloat16, where HALF is defined: operands are rounded, two to the 32 bits of a real (k in the lower
// half, k + 1 in the upper), sums are float32. By AVX512-BF16's pairwise products; by AMX's tiles where AMX is
// defined (then depths are multiples of a tile's, filled up with zeros); or, slowly, by shifts and float32.
#ifdef HALF
typedef uint32_t Pair __attribute__((may_alias));
typedef uint16_t Half __attribute__((may_alias));
typedef uint32_t Pairs __attribute__((vector_size(BYTES)));
typedef uint16_t Narrow __attribute__((vector_size(BYTES / 2)));
#ifdef AMX
enum { PAIRS = 16 };
#else
enum { PAIRS = 1 };
#endif

// How many reals hold `width` numbers of an operand.
INLINE int64_t deep(int64_t width) { return up(width, 2 * PAIRS) * PAIRS; }

// The upper half is the nearest bfloat16, ties to even; NaN stays NaN.
INLINE Pairs rounded(V v) {
  Pairs n;
  memcpy(&n, &v, BYTES);
  const Pairs near = n + 0x7fff + ((n >> 16) & 1);
  return v != v ? n | 0x400000 : near;
}
INLINE uint32_t rounded(real v) {
  uint32_t n;
  memcpy(&n, &v, 4);
  return v != v ? n | 0x400000 : n + 0x7fff + ((n >> 16) & 1);
}
INLINE uint32_t pair_of(real first, real second) { return rounded(first) >> 16 | (rounded(second) & 0xffff0000); }
INLINE V pairs_of(V first, V second) {
  const Pairs n = rounded(first) >> 16 | (rounded(second) & 0xffff0000);
  V v;
  memcpy(&v, &n, BYTES);
  return v;
}

INLINE Narrow narrow(const real* from) { return __builtin_convertvector(rounded(load(from, All())) >> 16, Narrow); }
// Numbers side by side as L pairs.
INLINE V side_by_side(const real* from) {
  const Narrow both[2] = {narrow(from), narrow(from + L)};
  V v;
  memcpy(&v, both, BYTES);
  return v;
}

// A row of an operand, filled up with zeros.
static void round_row(Pair* row, const real* from, int64_t width) {
  Half* const to = (Half*)row;
  int64_t k = 0;
  for (; k + L <= width; k += L) {
    const Narrow n = narrow(from + k);
    memcpy(to + k, &n, sizeof n);
  }
  for (; k < width; k++) to[k] = (Half)(rounded(from[k]) >> 16);
  for (; k < 2 * deep(width); k++) to[k] = 0;
}

// A pair in every place, and the sum of both products.
INLINE V everywhere(const real* p) { whole n; memcpy(&n, p, 4); return real_of(n - (N){}); }
INLINE V plus_product(V sum, V a, V b) {
#if defined(__AVX512BF16__) && BYTES == 64
  __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  return sum;
#else
  sum += real_of(bits(a) << 16) * real_of(bits(b) << 16);
  return sum + real_of(bits(a) & -65536) * real_of(bits(b) & -65536);
#endif
}

#ifdef AMX
// Eight tiles of 16 rows of 64 bytes. TILE_N: the sums of a row of one tile. `load_rows` reads rows of an operand,
// `load_tile` a panel or sums.
enum { TILE_N = L };
#ifdef EMULATED
static thread_local uint32_t tiles[8][16][16];
INLINE void begin_tiles() { memset(tiles, 255, sizeof tiles); }
INLINE void end_tiles() {}
template <int T> INLINE void zero_tile() { memset(tiles[T], 0, sizeof tiles[T]); }
template <int T> INLINE void load_rows(const real* from, int64_t stride) {
  for (int r = 0; r < 16; r++) memcpy(tiles[T][r], (const char*)from + r * stride, 64);
}
template <int T> INLINE void load_tile(const real* from, int64_t stride) {
  for (int r = 0; r < 16; r++) memcpy(tiles[T][r], (const char*)from + r * stride, TILE_N * 4);
}
template <int T> INLINE void store_tile(V* to, int64_t stride) {
  for (int r = 0; r < 16; r++) memcpy((char*)to + r * stride, tiles[T][r], TILE_N * 4);
}
template <int SUM, int A, int B> INLINE void add_tiles() {
  for (int r = 0; r < 16; r++)
    for (int n = 0; n < TILE_N; n++) {
      float sum;
      memcpy(&sum, &tiles[SUM][r][n], 4);
      for (int k = 0; k < 16; k++)
        for (int half = 0; half < 2; half++) {
          float a, b;
          const uint32_t first = half ? tiles[A][r][k] & 0xffff0000 : tiles[A][r][k] << 16;
          const uint32_t second = half ? tiles[B][k][n] & 0xffff0000 : tiles[B][k][n] << 16;
          memcpy(&a, &first, 4);
          memcpy(&b, &second, 4);
          sum += a * b;
        }
      memcpy(&tiles[SUM][r][n], &sum, 4);
    }
}
#else
static const struct alignas(64) Shape {
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
} SHAPE;
INLINE void begin_tiles() { __asm__ volatile("ldtilecfg %0" ::"m"(SHAPE)); }
INLINE void end_tiles() { __asm__ volatile("tilerelease"); }
template <int T> INLINE void zero_tile() { __asm__ volatile("tilezero %%tmm%c0" ::"i"(T)); }
template <int T> INLINE void load_tile(const real* from, int64_t stride) {
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(T) : "memory");
}
template <int T> INLINE void load_rows(const real* from, int64_t stride) { load_tile<T>(from, stride); }
template <int T> INLINE void store_tile(V* to, int64_t stride) {
  __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(T) : "memory");
}
template <int SUM, int A, int B> INLINE void add_tiles() {
  __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(SUM), "i"(A), "i"(B));
}
#endif

// The sums of 16 rows and E vectors; `rows` are 16 of `stride` reals, `steps` tiles deep.
template <int E, int AT> INLINE void add_panel(const real* panel) {
  if constexpr (AT < E) {
    load_tile<5 + AT % 3>(panel + AT * L, E * BYTES);
    add_tiles<AT, 4, 5 + AT % 3>();
    add_panel<E, AT + 1>(panel);
  }
}
template <int E, int AT> INLINE void zero_tiles() {
  if constexpr (AT < E) zero_tile<AT>(), zero_tiles<E, AT + 1>();
}
template <int E, int AT> INLINE void store_tiles(V* out, int64_t stride) {
  if constexpr (AT < E) store_tile<AT>(out + AT, stride), store_tiles<E, AT + 1>(out, stride);
}
template <int E>
static void multiply_tiles(const real* panel, int64_t steps, const real* rows, int64_t stride, int64_t onward, V* out,
                           int64_t out_stride) {
  static_assert(E <= 4, "tiles 4 to 7 hold the operands");
  zero_tiles<E, 0>();
  for (int64_t step = 0; step < steps; step++, panel += 16 * E * L, rows += onward) {
    load_rows<4>(rows, stride * 4);
    add_panel<E, 0>(panel);
  }
  store_tiles<E, 0>(out, out_stride * BYTES);
}

// The sums of 32 rows (16 of them `below`) and two vectors: every tile that is read serves two products, and a panel of
// two vectors stays in the first cache. ADD: to what stands there.
template <bool ADD>
static void multiply_square(const real* panel, int64_t steps, const real* rows, const real* below, int64_t stride,
                            int64_t onward, V* out, int64_t out_stride) {
  V* const lower = out + 16 * out_stride;
  const int64_t across = out_stride * BYTES;
  if constexpr (ADD) {
    load_tile<0>((const real*)out, across), load_tile<1>((const real*)(out + 1), across);
    load_tile<2>((const real*)lower, across), load_tile<3>((const real*)(lower + 1), across);
  } else {
    zero_tiles<4, 0>();
  }
  for (int64_t step = 0; step < steps; step++, panel += 32 * L, rows += onward, below += onward) {
    load_rows<4>(rows, stride * 4);
    load_tile<6>(panel, 2 * BYTES);
    add_tiles<0, 4, 6>();
    load_tile<7>(panel + L, 2 * BYTES);
    add_tiles<1, 4, 7>();
    load_rows<5>(below, stride * 4);
    add_tiles<2, 5, 6>();
    add_tiles<3, 5, 7>();
  }
  store_tile<0>(out, across), store_tile<1>(out + 1, across);
  store_tile<2>(lower, across), store_tile<3>(lower + 1, across);
}
#endif
#else
INLINE int64_t deep(int64_t width) { return width; }
INLINE V everywhere(const real* p) { return splat(*p); }
INLINE V plus_product(V sum, V a, V b) { return sum + a * b; }
#endif
