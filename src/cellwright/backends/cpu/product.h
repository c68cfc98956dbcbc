// Matrix products of many rows with one packed matrix: panels of U lie gate beside gate, a tile of rows and
// vectors is summed in registers, and `use` gets each result while it is hot.
//
// Panel: for every tile of units, for every slice of its gates, for every term, for every k: W vectors of L reals.
// Vectors side by side: many rows go best through three by nine and two by twelve, one row (row.h) through four.
#ifdef STREAMED
enum { WIDEST = REGISTERS == 32 ? 4 : 3 };
#else
enum { WIDEST = 3 };
#endif
#ifdef AMX
enum { ALONE = 2 };  // vectors of a tile of one gate
#else
enum { ALONE = REGISTERS == 32 ? WIDEST : 2 };
#endif
template <int G> struct Tile {
  enum {
    most = WIDEST,
    vectors = G == 1 ? (int)ALONE : G == 2 && REGISTERS == 32 ? 2 : 1,
    width = vectors * G,
    slices = width <= most ? 1 : width % 2 == 0 && width / 2 <= most ? 2 : width % 4 == 0 ? width / 2 : width % 3 == 0 ? width / 3 : width,
    each = width / slices,
    rows = (REGISTERS == 32 ? each == 3 ? 27 : 24 : 12) / each
  };
};

INLINE int64_t tiles_of(int64_t units, int vectors) { return (units + vectors * L - 1) / (vectors * L); }
// The first unit of a tile of B vectors. Rather than one vector alone, which waits for its operands, the last tiles of
// three have two each.
template <int B> INLINE int64_t first_of_tile(int64_t tile, int64_t units) {
  const int64_t tiles = tiles_of(units, B), whole = tiles - (tiles * B - up(units, L));
  return (B == 3 && whole >= 0 && tile > whole ? tile * B - (tile - whole) : tile * B) * L;
}
// How many vectors of a tile hold units.
template <int B> INLINE int64_t held_of_tile(int64_t tile, int64_t units) {
  const int64_t first = first_of_tile<B>(tile, units), next = first_of_tile<B>(tile + 1, units);
  return up((next < units ? next : units) - first, L);
}

// Keeps a value in a register: read once, used by many sums. Left alone, GCC reads it again for each.
#if defined(__x86_64__) || defined(__i386__)
#define HELD(v) __asm__("" : "+v"(v))
#elif defined(__aarch64__)
#define HELD(v) __asm__("" : "+w"(v))
#else
#define HELD(v)
#endif

// sum[r][w] += p[r][k] * panel[w]: the smaller side is held, the larger read one by one.
template <int R, int W> INLINE void add_products(V (&sum)[R][W], const real* panel, const real* const (&p)[R], int64_t k) {
  if constexpr (W > R) {
    V value[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) value[r] = everywhere(p[r] + k);
#pragma GCC unroll 32
    for (int w = 0; w < W; w++) {
      V u = load(panel + w * L, All());
      HELD(u);
#pragma GCC unroll 16
      for (int r = 0; r < R; r++) sum[r][w] = plus_product(sum[r][w], value[r], u);
    }
  } else {
    V u[W];
#pragma GCC unroll 32
    for (int w = 0; w < W; w++) {
      u[w] = load(panel + w * L, All());
      HELD(u[w]);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      V value = everywhere(p[r] + k);
      HELD(value);
#pragma GCC unroll 32
      for (int w = 0; w < W; w++) sum[r][w] = plus_product(sum[r][w], value, u[w]);
    }
  }
}

// The results of R rows x W vectors, the first of a panel's WIDE, over all terms; `row[term * R + r]` points to row r's
// operand. Few sums at a time would wait for each other: then several k run beside each other (N of them).
template <int R, int W, int WIDE>
static void multiply(const real* panel, int terms, const int64_t* widths, const real* const* row, V* out, int stride) {
  enum { N = R * W >= 8 ? 1 : R * W >= 4 ? 2 : 4 };
  V sum[N][R][W];
#pragma GCC unroll 4
  for (int n = 0; n < N; n++)
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 32
      for (int w = 0; w < W; w++) sum[n][r][w] = (V){};
  for (int term = 0; term < terms; term++) {
    const real* p[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) p[r] = row[term * R + r];
    const int64_t width = widths[term];
    int64_t k = 0;
    for (; k + N <= width; k += N)
#pragma GCC unroll 4
      for (int n = 0; n < N; n++, panel += WIDE * L) add_products<R, W>(sum[n], panel, p, k + n);
    for (; k < width; k++, panel += WIDE * L) add_products<R, W>(sum[0], panel, p, k);
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 32
    for (int w = 0; w < W; w++) {
      V whole = sum[0][r][w];
#pragma GCC unroll 4
      for (int n = 1; n < N; n++) whole += sum[n][r][w];
      out[r * stride + w] = whole;
    }
}

template <int R, int W, int WIDE = W>
INLINE void multiply_up_to(int n, const real* panel, int terms, const int64_t* widths, const real* const* row, V* out, int stride) {
  if constexpr (R == 1) multiply<1, W, WIDE>(panel, terms, widths, row, out, stride);
  else if (n == R) multiply<R, W, WIDE>(panel, terms, widths, row, out, stride);
  else multiply_up_to<R - 1, W, WIDE>(n, panel, terms, widths, row, out, stride);
}

// A tile's results for up to Tile<G>::rows rows. Of the last tile of one gate three quarters may hold no unit.
template <int G>
INLINE void multiply_tile(int64_t held, int n, const real* panel, int64_t depth, int terms, const int64_t* widths,
                          const real* const* row, V* out) {
  enum { R = Tile<G>::rows, W = Tile<G>::width, E = Tile<G>::each, S = Tile<G>::slices };
  if constexpr (G == 1 && W > 1) {
    if (held == 1) return multiply_up_to<R, 1, W>(n, panel, terms, widths, row, out, W);
    if (W > 2 && held == 2) return multiply_up_to<R, 2, W>(n, panel, terms, widths, row, out, W);
  }
  for (int slice = 0; slice < S; slice++)
    multiply_up_to<R, E>(n, panel + slice * depth * E * L, terms, widths, row, out + slice * E, W);
}

// What this thread works on: rows; and of their units, where several threads share the rows, part `part`. Work that
// takes whole rows is then shared by rows. `room` is the thread's own, for operands in another form.
struct Share {
  const int32_t* rows;
  int64_t count;
  int part, parts;
  real* room;
};
#define EACH_ROW(share)                                         \
  for (int64_t n = (share).count * (share).part / (share).parts; \
       n < (share).count * ((share).part + 1) / (share).parts; n++)

// For every row and vector of units: use(row, unit, count, results by gate).
// `operand(term, n)` is the vector of the share's row n; a block-diagonal matrix has `blocks` blocks of `units` x `widths`.
template <int G, int TERMS, class Operand, class Use>
INLINE void product_of(const real* panels, int64_t blocks, int64_t units, const int64_t (&widths)[TERMS],
                       const Share& share, Operand operand, Use use) {
  enum { R = Tile<G>::rows, W = Tile<G>::width, E = Tile<G>::each, S = Tile<G>::slices, B = Tile<G>::vectors };
  int64_t depth = 0;
  for (int term = 0; term < TERMS; term++) depth += widths[term];
  const int64_t tiles = tiles_of(units, B), all = blocks * tiles;
  const int64_t begin = all * share.part / share.parts, end = all * (share.part + 1) / share.parts;
  for (int64_t tile = begin; tile < end; tile++) {
    const int64_t block = tile / tiles, first = first_of_tile<B>(tile % tiles, units);
    const int64_t held = held_of_tile<B>(tile % tiles, units);
    const real* panel = panels + tile * depth * W * L;
#ifdef AMX
    enum { HEAP = E == 2 ? 32 : 16 };
    const int64_t heaps = up(share.count, HEAP), stride = blocks * depth;
#else
    // Rows in heaps of about one size: few rows at a time keep the units of arithmetic waiting.
    const int64_t heaps = up(share.count, R);
#endif
    for (int64_t heap = 0; heap < heaps; heap++) {
#ifdef AMX
      const int64_t at = heap * HEAP;
      const int n = share.count - at < HEAP ? (int)(share.count - at) : HEAP;
      const real *const rows = operand(0, at) + block * depth * 16, *const below = n > 16 ? rows + 16 * stride : rows;
      V out[HEAP * W];
      for (int slice = 0; slice < S; slice++) {
        const real* const part = panel + slice * depth * E * L;
        if constexpr (E == 2) multiply_square<false>(n, B == 2 ? units - first : 2 * L, part, depth / 16, rows, below, 16, 256, out + slice * E, W);
        else multiply_tiles<E>(part, depth / 16, rows, 16, 256, out + slice * E, W);
      }
#else
      const int64_t at = share.count * heap / heaps;
      const int n = (int)(share.count * (heap + 1) / heaps - at);
      const real* row[TERMS * R];
      for (int term = 0; term < TERMS; term++)
        for (int r = 0; r < n; r++) row[term * n + r] = operand(term, at + r) + block * widths[term];
      V out[R * W];
      multiply_tile<G>(held, n, panel, depth, TERMS, widths, row, out);
#endif
      for (int r = 0; r < n; r++)
        for (int v = 0; v < held; v++) {
          const int64_t unit = first + v * L, left = units - unit;
          if (left >= L) use(share.rows[at + r], block * units + unit, All(), out + r * W + v * G);
          else use(share.rows[at + r], block * units + unit, (int)left, out + r * W + v * G);
        }
    }
  }
}

// As `product_of`, `operand(term, row)` being the vector of a row by its number.
#ifdef HALF
// The operands of all rows, rounded. For tiles, heaps of 16 rows: a tile's numbers of all lie together.
INLINE int64_t rounded_size(int64_t rows, int64_t blocks, int64_t depth) { return up(rows, 16) * 16 * blocks * depth; }

template <int G, int TERMS, class Operand, class Use>
INLINE void product(const real* panels, int64_t blocks, int64_t units, const int64_t (&widths)[TERMS],
                    const Share& share, Operand operand, Use use) {
  int64_t depth[1] = {0};
  for (int term = 0; term < TERMS; term++) depth[0] += deep(widths[term]);
  for (int64_t n = 0; n < share.count; n++) {
    real* to = share.room + (n - n % HEAP_ROWS) * blocks * depth[0] + n % HEAP_ROWS * PAIRS;
    for (int64_t block = 0; block < blocks; block++)
      for (int term = 0; term < TERMS; to += HEAP_ROWS * deep(widths[term++]))
        round_row<HEAP_ROWS * PAIRS>(to, operand(term, share.rows[n]) + block * widths[term], widths[term]);
  }
  begin_tiles();
  product_of<G>(panels, blocks, units, depth, share,
                [&](int, int64_t n) -> const real* { return share.room + n * blocks * depth[0]; }, use);
  end_tiles();
}
#else
INLINE int64_t rounded_size(int64_t, int64_t, int64_t) { return 0; }

template <int G, int TERMS, class Operand, class Use>
INLINE void product(const real* panels, int64_t blocks, int64_t units, const int64_t (&widths)[TERMS],
                    const Share& share, Operand operand, Use use) {
  product_of<G>(panels, blocks, units, widths, share,
                [&](int term, int64_t n) -> const real* { return operand(term, share.rows[n]); }, use);
}
#endif

template <int G> INLINE int64_t panel_size(int64_t blocks, int64_t units, int64_t depth) {
  return blocks * tiles_of(units, Tile<G>::vectors) * depth * Tile<G>::width * L;
}

// The column of a packed matrix that holds a vector of units: places `stride` apart for every k. A unit's numbers lie
// side by side, or (`across`) one number of all units does.
#ifdef HALF
static void pack_vector(real* to, int64_t stride, const real* from, bool across, int64_t start, int64_t units,
                        int64_t width) {
  const int64_t left = units - start;
  if (across) {
    from += start;
    for (int64_t k = 0; k < deep(width); k++) {
      const int64_t first = 2 * k < width ? left : 0, second = 2 * k + 1 < width ? left : 0;
      const real* const row = from + 2 * k * units;
      store(to + k * stride, pairs_of(load_some(row, first), load_some(row + units, second)), All());
    }
    return;
  }
  from += start * width;
  for (int64_t k = 0; k < deep(width); k += L) {
    V block[L];
    for (int l = 0; l < L; l++) {
      const int64_t held = l < left ? width - 2 * k : 0;
      const real* const row = from + l * width + 2 * k;
      block[l] = side_by_side(load_some(row, held), load_some(row + L, held - L));
    }
    transpose(block);
    for (int l = 0; l < L && k + l < deep(width); l++) store(to + (k + l) * stride, block[l], All());
  }
}
#else
template <class C> INLINE void pack_places(real* to, int64_t stride, const real* from, int64_t width, int64_t left, C count) {
  V block[L];
  for (int l = 0; l < L; l++) block[l] = l < left ? load(from + l * width, count) : (V){};
  transpose(block);
  const int64_t places = width_of(count);
  for (int l = 0; l < places; l++) store(to + l * stride, block[l], All());
}
static void pack_vector(real* to, int64_t stride, const real* from, bool across, int64_t start, int64_t units,
                        int64_t width) {
  const int64_t left = units - start < L ? (units > start ? units - start : 0) : L;
  if (!across)
    each_vector(width, [&](int64_t k, auto count) {
      pack_places(to + k * stride, stride, from + start * width + k, width, left, count);
    });
  else if (left == L)
    for (int64_t k = 0; k < width; k++) store(to + k * stride, load(from + k * units + start, All()), All());
  else
    for (int64_t k = 0; k < width; k++) store(to + k * stride, load(from + k * units + start, (int)left), All());
}
#endif

// Lay the matrices of one product side by side; matrices[term * G + g] is [blocks, units, width], or
// [blocks, width, units] where it is turned.
template <int G>
static void pack(real* panel, int64_t blocks, int64_t units, int terms, const int64_t* widths,
                 const real* const* matrices, const bool* turned, int part, int parts) {
  enum { E = Tile<G>::each, S = Tile<G>::slices, B = Tile<G>::vectors };
  int64_t depth = 0;
  for (int term = 0; term < terms; term++) depth += deep(widths[term]);
  const int64_t tiles = tiles_of(units, B), all = blocks * tiles;
  const int64_t begin = all * part / parts, end = all * (part + 1) / parts;
  panel += begin * depth * E * S * L;
  for (int64_t tile = begin; tile < end; tile++)
    for (int slice = 0; slice < S; slice++)
      for (int term = 0; term < terms; term++) {
        const int64_t block = tile / tiles, first = first_of_tile<B>(tile % tiles, units), width = widths[term];
        const real* from[E];
        bool across[E];
        int64_t start[E];
        for (int e = 0; e < E; e++) {
          const int at = slice * E + e, matrix = term * G + at % G;
          from[e] = matrices[matrix] + block * units * width;
          across[e] = turned[matrix];
          start[e] = first + at / G * L;
        }
        for (int e = 0; e < E; e++)
          pack_vector(panel + e * L, E * L, from[e], across[e], start[e], units, width);
        panel += deep(width) * E * L;
      }
}
