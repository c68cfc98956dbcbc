// Matrix products of many rows with one packed matrix: panels of U lie gate beside gate, a tile of rows and
// vectors is summed in registers, and `use` gets each result while it is hot.
//
// Panel: for every tile of units, for every slice of its gates, for every term, for every k: W vectors of L reals.
template <int G> struct Tile {
  enum {
    most = REGISTERS == 32 ? 4 : 3,
    vectors = G == 1 ? (REGISTERS == 32 ? 4 : 2) : G == 2 && REGISTERS == 32 ? 2 : 1,
    width = vectors * G,
    slices = width <= most ? 1 : width % 2 == 0 && width / 2 <= most ? 2 : width % 4 == 0 ? width / 2 : width % 3 == 0 ? width / 3 : width,
    each = width / slices,
    rows = (REGISTERS == 32 ? 24 : 12) / each
  };
};

INLINE int64_t tiles_of(int64_t units, int vectors) { return (units + vectors * L - 1) / (vectors * L); }

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
    for (int r = 0; r < R; r++) value[r] = splat(p[r][k]);
#pragma GCC unroll 32
    for (int w = 0; w < W; w++) {
      V u = load(panel + w * L, All());
      HELD(u);
#pragma GCC unroll 16
      for (int r = 0; r < R; r++) sum[r][w] += value[r] * u;
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
      V value = splat(p[r][k]);
      HELD(value);
#pragma GCC unroll 32
      for (int w = 0; w < W; w++) sum[r][w] += value * u[w];
    }
  }
}

// The results of R rows x W vectors over all terms; `row[term * R + r]` points to row r's operand.
// Few sums at a time would wait for each other: then several k run beside each other (N of them).
template <int R, int W>
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
      for (int n = 0; n < N; n++, panel += W * L) add_products<R, W>(sum[n], panel, p, k + n);
    for (; k < width; k++, panel += W * L) add_products<R, W>(sum[0], panel, p, k);
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

template <int R, int W>
INLINE void multiply_up_to(int n, const real* panel, int terms, const int64_t* widths, const real* const* row, V* out, int stride) {
  if constexpr (R == 1) multiply<1, W>(panel, terms, widths, row, out, stride);
  else if (n == R) multiply<R, W>(panel, terms, widths, row, out, stride);
  else multiply_up_to<R - 1, W>(n, panel, terms, widths, row, out, stride);
}

// What this thread works on: rows; and of their units, where several threads share the rows, part `part`. Work that
// takes whole rows is then shared by rows.
struct Share {
  const int32_t* rows;
  int64_t count;
  int part, parts;
};
#define EACH_ROW(share)                                         \
  for (int64_t n = (share).count * (share).part / (share).parts; \
       n < (share).count * ((share).part + 1) / (share).parts; n++)

// For every row and vector of units: use(row, unit, count, results by gate).
// `operand(term, row)` is the row's vector; a block-diagonal matrix has `blocks` blocks of `units` x `widths`.
template <int G, int TERMS, class Operand, class Use>
INLINE void product(const real* panels, int64_t blocks, int64_t units, const int64_t (&widths)[TERMS],
                    const Share& share, Operand operand, Use use) {
  enum { R = Tile<G>::rows, W = Tile<G>::width, E = Tile<G>::each, S = Tile<G>::slices, B = Tile<G>::vectors };
  int64_t depth = 0;
  for (int term = 0; term < TERMS; term++) depth += widths[term];
  const int64_t tiles = tiles_of(units, B), all = blocks * tiles;
  const int64_t begin = all * share.part / share.parts, end = all * (share.part + 1) / share.parts;
  for (int64_t tile = begin; tile < end; tile++) {
    const int64_t block = tile / tiles, first = (tile % tiles) * B * L;
    const real* panel = panels + tile * depth * W * L;
    // Rows in heaps of about one size: few rows at a time keep the units of arithmetic waiting.
    const int64_t heaps = (share.count + R - 1) / R;
    for (int64_t heap = 0; heap < heaps; heap++) {
      const int64_t at = share.count * heap / heaps;
      const int n = (int)(share.count * (heap + 1) / heaps - at);
      const real* row[TERMS * R];
      for (int term = 0; term < TERMS; term++)
        for (int r = 0; r < n; r++) row[term * n + r] = operand(term, share.rows[at + r]) + block * widths[term];
      V out[R * W];
      for (int slice = 0; slice < S; slice++)
        multiply_up_to<R, E>(n, panel + slice * depth * E * L, TERMS, widths, row, out + slice * E, W);
      for (int r = 0; r < n; r++)
        for (int v = 0; v < B; v++) {
          const int64_t unit = first + v * L, left = units - unit;
          if (left >= L) use(share.rows[at + r], block * units + unit, All(), out + r * W + v * G);
          else if (left > 0) use(share.rows[at + r], block * units + unit, (int)left, out + r * W + v * G);
        }
    }
  }
}

template <int G> INLINE int64_t panel_size(int64_t blocks, int64_t units, int64_t depth) {
  return blocks * tiles_of(units, Tile<G>::vectors) * depth * Tile<G>::width * L;
}

// Lay the matrices of one product side by side; matrices[term * G + g] is [blocks, units, width], or
// [blocks, width, units] where it is turned.
template <int G>
static void pack(real* panel, int64_t blocks, int64_t units, int terms, const int64_t* widths,
                 const real* const* matrices, const bool* turned, int part, int parts) {
  enum { E = Tile<G>::each, S = Tile<G>::slices, B = Tile<G>::vectors };
  int64_t depth = 0;
  for (int term = 0; term < terms; term++) depth += widths[term];
  const int64_t tiles = tiles_of(units, B), all = blocks * tiles;
  const int64_t begin = all * part / parts, end = all * (part + 1) / parts;
  panel += begin * depth * E * S * L;
  for (int64_t tile = begin; tile < end; tile++)
    for (int slice = 0; slice < S; slice++)
      for (int term = 0; term < terms; term++) {
        const int64_t block = tile / tiles, first = tile % tiles * B * L, width = widths[term];
        const real* from[E];
        bool across[E];
        int64_t start[E];
        for (int e = 0; e < E; e++) {
          const int at = slice * E + e, matrix = term * G + at % G;
          from[e] = matrices[matrix] + block * units * width;
          across[e] = turned[matrix];
          start[e] = first + at / G * L;
        }
        for (int e = 0; e < E; e++) {
          const int64_t left = units - start[e];
          real* to = panel + e * L;
          if (across[e] && left >= L)
            for (int64_t k = 0; k < width; k++, to += E * L) store(to, load(from[e] + k * units + start[e], All()), All());
          else if (left >= L)
            for (int64_t k = 0; k < width; k++, to += E * L)
#pragma GCC unroll 16
              for (int l = 0; l < L; l++) to[l] = from[e][(start[e] + l) * width + k];
          else
            for (int64_t k = 0; k < width; k++, to += E * L)
              for (int l = 0; l < L; l++)
                to[l] = l >= left ? 0 : from[e][across[e] ? k * units + start[e] + l : (start[e] + l) * width + k];
        }
        panel += width * E * L;
      }
}
