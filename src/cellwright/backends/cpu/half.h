// Products in bfloat16, where HALF is defined: operands are rounded, two to the 32 bits of a real (k in the lower
// half, k + 1 in the upper), sums are float32. By AVX512-BF16's pairwise products; by AMX's tiles where AMX is
// defined (then depths are multiples of a tile's, filled up with zeros); or, slowly, by shifts and float32.
#ifdef HALF
typedef uint32_t Pairs __attribute__((vector_size(BYTES)));
typedef uint16_t Halves __attribute__((vector_size(BYTES)));
#if defined(__clang__) || __GNUC__ >= 12
#define CHOSEN_HALVES(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define CHOSEN_HALVES(a, b, ...) __builtin_shuffle(a, b, (Halves){__VA_ARGS__})
#endif
#ifdef AMX
enum { PAIRS = 16, HEAP_ROWS = 16 };
#else
enum { PAIRS = 1, HEAP_ROWS = 1 };
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

// Rounded numbers as pairs: `second` in the upper halves; and numbers side by side, those of `right` after those of `left`.
INLINE V vector_of(Pairs n) { V v; memcpy(&v, &n, BYTES); return v; }
INLINE V pairs_of(Pairs first, Pairs second) { return vector_of(first >> 16 | (second & 0xffff0000)); }
INLINE V pairs_of(V first, V second) { return pairs_of(rounded(first), rounded(second)); }
template <int... K> INLINE Halves upper_halves(Halves a, Halves b, Places<K...>) { return CHOSEN_HALVES(a, b, (2 * K + 1)...); }
INLINE V side_by_side(Pairs left, Pairs right) {
  return vector_of((Pairs)upper_halves((Halves)left, (Halves)right, typename Counted<2 * L>::list()));
}
INLINE V side_by_side(V left, V right) { return side_by_side(rounded(left), rounded(right)); }

// A row of an operand, filled up with zeros: `onward` from one tile's numbers to the next's.
template <int ONWARD> static void round_row(real* row, const real* from, int64_t width) {
  for (int64_t k = 0; k < deep(width); k += L) {
    const V pairs = side_by_side(load_some(from + 2 * k, width - 2 * k), load_some(from + 2 * k + L, width - 2 * k - L));
    real* const to = row + k / PAIRS * ONWARD + k % PAIRS;
    if (deep(width) - k >= L) store(to, pairs, All());
    else store(to, pairs, (int)(deep(width) - k));
  }
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

template <int T, bool ADD> INLINE void begin_tile(const V* out, int64_t across) {
  if constexpr (ADD) load_tile<T>((const real*)out, across);
  else zero_tile<T>();
}

// The sums of 32 rows (16 of them `below`, if LOW) and two vectors (if WIDE): every tile that is read serves two products.
// ADD: to what stands there.
template <bool ADD, bool LOW, bool WIDE>
static void multiply_part(const real* panel, int64_t steps, const real* rows, const real* below, int64_t stride,
                          int64_t onward, V* out, int64_t out_stride) {
  V* const lower = out + 16 * out_stride;
  const int64_t across = out_stride * BYTES;
  begin_tile<0, ADD>(out, across);
  if constexpr (WIDE) begin_tile<1, ADD>(out + 1, across);
  if constexpr (LOW) begin_tile<2, ADD>(lower, across);
  if constexpr (LOW && WIDE) begin_tile<3, ADD>(lower + 1, across);
  for (int64_t step = 0; step < steps; step++, panel += 32 * L, rows += onward, below += onward) {
    load_rows<4>(rows, stride * 4);
    load_tile<6>(panel, 2 * BYTES);
    add_tiles<0, 4, 6>();
    if constexpr (WIDE) {
      load_tile<7>(panel + L, 2 * BYTES);
      add_tiles<1, 4, 7>();
    }
    if constexpr (LOW) {
      load_rows<5>(below, stride * 4);
      add_tiles<2, 5, 6>();
    }
    if constexpr (LOW && WIDE) add_tiles<3, 5, 7>();
  }
  store_tile<0>(out, across);
  if constexpr (WIDE) store_tile<1>(out + 1, across);
  if constexpr (LOW) store_tile<2>(lower, across);
  if constexpr (LOW && WIDE) store_tile<3>(lower + 1, across);
}
// So many of the rows and of the units are wanted; what is past them is left as it is.
template <bool ADD>
INLINE void multiply_square(int64_t count, int64_t units, const real* panel, int64_t steps, const real* rows,
                            const real* below, int64_t stride, int64_t onward, V* out, int64_t out_stride) {
  const auto multiply = count > 16 ? units > L ? multiply_part<ADD, true, true> : multiply_part<ADD, true, false>
                                   : units > L ? multiply_part<ADD, false, true> : multiply_part<ADD, false, false>;
  multiply(panel, steps, rows, below, stride, onward, out, out_stride);
}
#endif
#else
INLINE int64_t deep(int64_t width) { return width; }
INLINE V everywhere(const real* p) { return splat(*p); }
INLINE V plus_product(V sum, V a, V b) { return sum + a * b; }
#endif
#ifndef AMX
INLINE void begin_tiles() {}
INLINE void end_tiles() {}
#endif
